using System.Net;
using System.Net.Sockets;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Repository;
using Xunit;
using static ModelGateway.Storage.S3.Tests.ScriptedServer;

namespace ModelGateway.Storage.S3.Tests;

/// <summary>Every failure says what to change, and holds no secret.</summary>
public sealed class S3FailureTests
{
    private static readonly StoredObject Listed = new("iris/1/model.onnx", 4, "\"tag\"", DateTimeOffset.UnixEpoch);

    [Theory]
    [InlineData(403, "AccessDenied", "User: arn:aws:iam::1:user/x is not authorized to perform: s3:ListBucket", "allow s3:ListBucket on the bucket 'bucket'")]
    [InlineData(404, "NoSuchBucket", "The specified bucket does not exist", "there is no bucket 'bucket'")]
    [InlineData(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", "Gateway:S3:AccessKeyId")]
    [InlineData(403, "SignatureDoesNotMatch", "The request signature we calculated does not match", "Gateway:S3:SecretAccessKey")]
    [InlineData(400, "ExpiredToken", "The provided token has expired.", "Gateway:S3:SessionToken")]
    [InlineData(403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", "clock")]
    [InlineData(301, "PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint.", "Gateway:S3:Region")]
    [InlineData(400, "AuthorizationHeaderMalformed", "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'", "expecting 'eu-west-1'")]
    [InlineData(418, "Teapot", "Short and stout.", "418 Teapot: Short and stout")]
    public async Task ListAsync_Refused_SaysWhatToChange(int status, string code, string message, string expected)
    {
        await using var server = new ScriptedServer(request => Error(request, status, code, message));

        AssertSays(expected, await Assert.ThrowsAnyAsync<IOException>(() => Open(server).ListAsync(null, CancellationToken.None)));
    }

    [Theory]
    [InlineData(403, "AccessDenied", "Access Denied", "allow s3:GetObject on 'bucket/models/*'")]
    [InlineData(403, "AccessDenied", "User is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu-west-1:1:key/1", "allow kms:Decrypt")]
    [InlineData(400, "KMS.DisabledException", "arn:aws:kms:eu-west-1:1:key/1 is disabled.", "key of its encryption")]
    [InlineData(403, "InvalidObjectState", "The operation is not valid for the object's storage class", "restore it")]
    [InlineData(404, "NoSuchBucket", "The specified bucket does not exist", "there is no bucket 'bucket'")]
    public async Task CopyToAsync_Refused_SaysWhatToChange(int status, string code, string message, string expected)
    {
        await using var server = new ScriptedServer(request => Error(request, status, code, message));

        AssertSays(expected, await Assert.ThrowsAnyAsync<IOException>(() => Open(server).CopyToAsync(Listed, Stream.Null, CancellationToken.None)));
    }

    [Theory]
    [InlineData(403, "s3:GetObject")]
    [InlineData(301, "'eu-west-1'; set Gateway:S3:Region")]
    [InlineData(400, "'eu-west-1'; set Gateway:S3:Region")]
    public async Task FindAsync_RefusedWithoutWords_SaysWhatToChange(int status, string expected)
    {
        await using var server = new ScriptedServer(_ => Answer(status, [], null, status == 403 ? [] : [("x-amz-bucket-region", "eu-west-1")]));

        AssertSays(expected, await Assert.ThrowsAnyAsync<IOException>(() => Open(server).FindAsync(Listed.Key, CancellationToken.None)));
    }

    [Theory]
    [InlineData(404, "NoSuchKey")]
    [InlineData(412, "PreconditionFailed")]
    [InlineData(416, "InvalidRange")]
    public async Task CopyToAsync_NotAsListed_IsObjectChanged(int status, string code)
    {
        await using var server = new ScriptedServer(request => Error(request, status, code, "No."));

        await Assert.ThrowsAsync<ObjectChangedException>(() => Open(server).CopyToAsync(Listed, Stream.Null, CancellationToken.None));
        await Assert.ThrowsAsync<ObjectChangedException>(() => Open(server).CopyToAsync(Listed with { Size = 0 }, Stream.Null, CancellationToken.None));
    }

    [Fact]
    public async Task ListAsync_ConnectionRefused_NamesTheEndpoint()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        int port = ((IPEndPoint)probe.LocalEndpoint).Port;
        probe.Stop();

        AssertSays("Gateway:S3:Endpoint", await Assert.ThrowsAnyAsync<IOException>(() => Open($"http://127.0.0.1:{port}").ListAsync(null, CancellationToken.None)));
    }

    [Fact]
    public async Task ListAsync_UnknownHost_NamesTheEndpoint()
    {
        AssertSays("Gateway:S3:Endpoint", await Assert.ThrowsAnyAsync<IOException>(() => Open("http://s3.invalid").ListAsync(null, CancellationToken.None)));
    }

    [Theory]
    [InlineData("<html>Sign in</html>")]
    [InlineData("<ListBucketResult><Name>bucket</Name><Contents>")]
    [InlineData("no XML")]
    public async Task ListAsync_AnswerIsNoListing_IsNotTakenForAnEmptyOne(string body)
    {
        await using var server = new ScriptedServer(_ => Xml(200, body));

        AssertSays("Gateway:S3:Endpoint", await Assert.ThrowsAnyAsync<IOException>(() => Open(server).ListAsync(null, CancellationToken.None)));
    }

    private static void AssertSays(string expected, IOException failure)
    {
        Assert.IsNotType<ObjectChangedException>(failure);
        Assert.Contains(expected, failure.Message, StringComparison.Ordinal);
        Assert.Contains("s3://bucket/models", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("very-secret", failure.ToString(), StringComparison.Ordinal);
    }

    private static IObjectStore Open(ScriptedServer server) => Open(server.Address);

    private static IObjectStore Open(string endpoint) =>
        new StoreHarness(("Endpoint", endpoint), ("AccessKeyId", "AKIATEST"), ("SecretAccessKey", "very-secret")).Open(new S3ObjectStoreProvider(), "s3://bucket/models");
}
