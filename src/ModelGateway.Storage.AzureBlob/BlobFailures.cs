using System.Net.Sockets;
using System.Xml;
using Azure;
using Azure.Identity;
using ModelGateway.Storage.AzureBlob.Authentication;
using ModelGateway.Storage.Http;

namespace ModelGateway.Storage.AzureBlob;

/// <summary>Says what a failed request means and what to change, without secrets.</summary>
/// <param name="address">What was asked.</param>
/// <param name="authentication">By whom.</param>
/// <param name="secret">With what; for what a SAS token says of itself.</param>
internal sealed class BlobFailures(BlobAddress address, BlobAuthentication authentication, Func<string?> secret)
{
    private const int LongestReason = 400;
    private const string OriginalReason = "Original exception: ";

    /// <summary>The failure to tell; null for what is not the store's, and should pass as it is.</summary>
    /// <param name="exception">What the SDK threw.</param>
    /// <param name="subject">What could not be done, as the beginning of a sentence.</param>
    public IOException? Describe(Exception exception, string subject) => exception switch
    {
        // After its last retry the SDK throws all the failures together.
        AggregateException { InnerExceptions: [.., var last] } => Describe(last, subject),
        RequestFailedException failed => new IOException($"{subject}: {Reason(failed)}", exception),
        CredentialUnavailableException => new IOException(
            $"{subject}: there is no identity to sign in with. Give this process a managed or workload identity, or set one of Gateway:AzureBlob:SasToken, AccountKey, ConnectionString or Anonymous.", exception),
        AuthenticationFailedException => new IOException(
            $"{subject}: this process's identity cannot sign in: {SignInReason(exception)} Check Gateway:AzureBlob:ManagedIdentityClientId and TenantId, AZURE_CLIENT_ID and AZURE_TENANT_ID, and a workload identity's federated credential.", exception),
        OperationCanceledException => new IOException($"{subject}: nothing arrived for {RangeReader.StallTimeout.TotalSeconds} seconds.", exception),
        UnrepeatedReadPolicy.BrokenOffException => new IOException($"{subject}: the connection was cut: {exception.Message}", exception),
        IOException => new IOException($"{subject}: {RangeReader.Describe(exception)}", exception),
        XmlException or FormatException or InvalidOperationException or ArgumentException => new IOException(
            $"{subject}: what answers is not a blob service; check the account in the URI, and Gateway:AzureBlob:Endpoint.", exception),

        // The SDK's reader of listings takes their parts for granted.
        NullReferenceException => new IOException($"{subject}: the answer is no listing; check the account in the URI, and Gateway:AzureBlob:Endpoint.", exception),
        _ => null,
    };

    private string Reason(RequestFailedException failed)
    {
        if (failed.Status == 0)
        {
            return failed.GetBaseException() is SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain }
                ? $"the address of the account '{address.Account}' cannot be resolved; check the account's name in the URI, the DNS, and Gateway:AzureBlob:Endpoint."
                : $"the account '{address.Account}' cannot be reached: {RangeReader.Describe(failed)}";
        }

        string answer = failed.ErrorCode is { Length: > 0 } code ? $"{failed.Status} {code}" : $"{failed.Status}";
        return failed.ErrorCode switch
        {
            "ContainerNotFound" or "ResourceNotFound" => $"there is no container '{address.Container}' in the account '{address.Account}'; create it, or correct the URI ({answer}).",
            "ContainerBeingDeleted" => $"the container '{address.Container}' is being deleted ({answer}).",
            "AccountIsDisabled" => $"the account '{address.Account}' is disabled ({answer}).",
            "BlobArchived" or "BlobBeingRehydrated" => $"it is in the archive tier; move it to the hot, cool or cold tier, which takes hours ({answer}).",
            // The firewall's answer; Azurite's to any credentials that are wrong.
            "AuthorizationFailure" => $"the account's firewall refuses this machine, or the sign-in is refused ({answer}). Allow this machine's network under Networking, or use a private endpoint. {authentication.WhenNotBelieved(secret())}",
            "AuthorizationSourceIPMismatch" => $"the SAS token is for other addresses than this machine's ({answer}).",
            "PublicAccessNotPermitted" or "NoAuthenticationInformation" or "AuthenticationFailed" or "InvalidAuthenticationInfo" => $"the sign-in is refused ({answer}). {authentication.WhenNotBelieved(secret())}",
            _ when failed.Status is 401 => $"the sign-in is refused ({answer}). {authentication.WhenNotBelieved(secret())}",
            _ when failed.Status is 403 => $"it is not permitted ({answer}). {authentication.WhenNotPermitted(address)}",
            _ => $"the account '{address.Account}' answers {answer}.",
        };
    }

    // Entra ID's own words (AADSTS...) are the first line behind those of the libraries, which are many and link to guides.
    private static string SignInReason(Exception exception)
    {
        string reason = exception.GetBaseException().Message.Split(OriginalReason)[^1].Trim().Split('\n', 2)[0].TrimEnd();
        return reason.Length > LongestReason ? $"{reason[..LongestReason]}..." : reason;
    }
}
