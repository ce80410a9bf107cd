using System.Net;
using System.Net.Sockets;
using System.Xml;
using Amazon.Runtime;
using Amazon.Runtime.Internal;
using Amazon.S3;
using ModelGateway.Storage.Http;

namespace ModelGateway.Storage.S3;

/// <summary>What went wrong and what to change, in words for operators. Holds no secret: those are not in what the server answers.</summary>
internal static class S3Failures
{
    // A server's own words are of any length.
    private const int LongestMessage = 300;

    /// <summary>Whether it is a failure of the store or of the way there, and not a mistake in the program.</summary>
    public static bool AreOfTheSdk(Exception exception) =>
        exception is AmazonServiceException or AmazonClientException or HttpRequestException or IOException or TimeoutException
            or InvalidOperationException or WebException or SocketException or UnauthorizedAccessException
            or FormatException or ArgumentException or XmlException;

    public static IOException NoCredentials(S3Location location, string? profile, Exception exception) => new(
        string.IsNullOrEmpty(profile)
            ? $"'{location}' cannot be read: no AWS credentials are found in the environment, a profile, a web identity, a container or the instance's role; "
                + "give the gateway a role or keys, or set Gateway:S3:Anonymous for a public bucket."
            : $"'{location}' cannot be read: Gateway:S3:Profile names '{profile}', which gives no credentials: {Shorten(exception.Message)}",
        exception);

    public static IOException NoClient(S3Location location, Exception exception) => new(
        $"'{location}' cannot be read: the settings of AWS's SDK are not right: {Shorten(exception.Message)}; check Gateway:S3, AWS_ENDPOINT_URL and the profile.", exception);

    /// <summary>The failure of a request as an exception that says what to change.</summary>
    /// <param name="exception">What the SDK threw.</param>
    /// <param name="location">The repository.</param>
    /// <param name="key">The object that was asked for; null for a listing.</param>
    public static IOException Explain(Exception exception, S3Location location, string? key)
    {
        string what = key is null ? $"'{location}' cannot be listed" : $"'{location}/{key}' cannot be read";
        return exception is AmazonS3Exception answer
            ? new IOException($"{what}: {Explain(answer, location, key)}{RequestId(answer)}", exception)
            : new IOException($"{what}: {ExplainOther(exception)}", exception);
    }

    private static string Explain(AmazonS3Exception answer, S3Location location, string? key)
    {
        string code = answer.ErrorCode ?? "";
        return code switch
        {
            "NoSuchBucket" => $"there is no bucket '{location.Bucket}'; check the repository's URI, and Gateway:S3:Endpoint where it is not on AWS.",
            "InvalidAccessKeyId" => "the store does not know the access key; check Gateway:S3:AccessKeyId or where the credentials come from.",
            "SignatureDoesNotMatch" => "the secret does not fit the access key (SignatureDoesNotMatch); check Gateway:S3:SecretAccessKey or SecretAccessKeyFile, and Gateway:S3:Region.",
            "ExpiredToken" or "ExpiredTokenException" or "TokenRefreshRequired" or "InvalidToken" =>
                $"the session token has expired or is not valid ({code}); renew Gateway:S3:SessionToken or the sign-in of the profile.",
            "RequestTimeTooSkewed" => "the clock of this machine is wrong (RequestTimeTooSkewed); set it.",
            "InvalidObjectState" => "the object is archived; restore it, or keep models in a storage class that is read at once.",
            "SlowDown" or "ServiceUnavailable" or "TooManyRequests" => $"the store asks for fewer requests ({(int)answer.StatusCode} {code}); it is tried again later.",
            "PermanentRedirect" or "MovedPermanently" or "AuthorizationHeaderMalformed" or "IllegalLocationConstraintException" => WrongRegion(answer, location),
            _ when code.StartsWith("KMS.", StringComparison.Ordinal) || answer.Message.Contains("kms:", StringComparison.OrdinalIgnoreCase) =>
                $"the key of its encryption may not be used ({code}: {Shorten(answer.Message)}); allow kms:Decrypt on that key.",

            // What S3 answers to HEAD, without words, for both.
            "BadRequest" when RegionOf(answer) is { } region =>
                $"the store refuses the request (400): the session token has expired, or Gateway:S3:Region is not '{region}', where the bucket '{location.Bucket}' is.",
            _ when answer.StatusCode is HttpStatusCode.MovedPermanently => WrongRegion(answer, location),
            _ when answer.StatusCode is HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized => Refused(answer, location, key),
            _ => $"the store answers {(int)answer.StatusCode} {code}: {Shorten(answer.Message)}",
        };
    }

    /// <summary>An answer that is no error and no answer of S3 either: something else answers there.</summary>
    public static IOException NoListing(S3Location location) =>
        new($"'{location}' cannot be listed: the answer is not a listing of S3; check Gateway:S3:Endpoint, and proxies on the way.");

    private static string Refused(AmazonS3Exception answer, S3Location location, string? key)
    {
        // An answer to HEAD has no words of its own.
        string why = answer.ErrorCode is null or "Forbidden" ? $"{(int)answer.StatusCode}" : $"{answer.ErrorCode}: {Shorten(answer.Message)}";
        return key is null
            ? $"access is denied ({why}); allow s3:ListBucket on the bucket '{location.Bucket}'."
            : $"access is denied ({why}); allow s3:GetObject on '{location.Bucket}/{location.Prefix}*', kms:Decrypt on its key where it is encrypted with one, "
                + "and s3:ListBucket on the bucket, without which the store also refuses what is not there.";
    }

    private static string WrongRegion(AmazonS3Exception answer, S3Location location) => RegionOf(answer) is { } region
        ? $"the bucket '{location.Bucket}' is in the region '{region}'; set Gateway:S3:Region to it."
        : $"the bucket '{location.Bucket}' is in another region or at another endpoint ({answer.ErrorCode}: {Shorten(answer.Message)}); set Gateway:S3:Region to that of the bucket.";

    private static string? RegionOf(AmazonS3Exception answer)
    {
        string? region = answer.InnerException is HttpErrorResponseException { Response: { } response } && response.IsHeaderPresent("x-amz-bucket-region")
            ? response.GetHeaderValue("x-amz-bucket-region")
            : null;
        return string.IsNullOrEmpty(region) ? null : Shorten(region);
    }

    // Every other service that is asked on the way gives credentials.
    private static string ExplainOther(Exception exception) => Find<XmlException>(exception) is not null || Find<AmazonUnmarshallingException>(exception) is not null
            ? "the answer is not one of S3; check Gateway:S3:Endpoint, and proxies on the way."
        : Find<AmazonServiceException>(exception) is { } refusal
            ? $"no credentials are given ({refusal.ErrorCode}: {Shorten(refusal.Message)}); check the role, its trust policy and Gateway:S3:Profile."
        : Find<HttpRequestException>(exception) is not null || Find<IOException>(exception) is not null || exception is TimeoutException or SocketException
            ? $"the store cannot be reached: {Shorten(RangeReader.Describe(exception))}; check Gateway:S3:Endpoint and Gateway:S3:Region, and the network."
        : $"{Shorten(exception.Message)}; check the credentials and Gateway:S3.";

    private static TException? Find<TException>(Exception? exception)
        where TException : Exception
    {
        while (exception is not (null or TException))
        {
            exception = exception.InnerException;
        }

        return exception as TException;
    }

    private static string RequestId(AmazonS3Exception answer) => string.IsNullOrEmpty(answer.RequestId) ? "" : $" (request {Shorten(answer.RequestId)})";

    private static string Shorten(string message)
    {
        string line = string.Join(' ', message.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).TrimEnd('.');
        return line.Length <= LongestMessage ? line : $"{line[..LongestMessage]}…";
    }
}
