using System.Net;
using Azure.Core;
using Azure.Identity;

namespace ModelGateway.Storage.AzureBlob.Authentication;

/// <summary>
/// Asks for a managed identity only where somebody answers at the metadata service's address. MSAL looks for it once in a process's life
/// (4.84): if it is away at that moment, as it may be while a pod or a VM starts, there would be no identity until a restart.
/// </summary>
/// <param name="identity">The managed identity.</param>
/// <param name="client">Sends the requests for tokens.</param>
internal sealed class MetadataServiceGuard(TokenCredential identity, HttpClient client) : TokenCredential
{
    // Where App Service, Container Apps, Azure Arc and others say that theirs is elsewhere.
    private static readonly string[] OtherEndpoints = ["IDENTITY_ENDPOINT", "MSI_ENDPOINT", "IMDS_ENDPOINT", "AZURE_POD_IDENTITY_AUTHORITY_HOST"];
    private static readonly Uri MetadataService = new("http://169.254.169.254/metadata/identity/oauth2/token");
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private volatile bool _isThere;

    public override async ValueTask<AccessToken> GetTokenAsync(TokenRequestContext requestContext, CancellationToken cancellationToken)
    {
        _isThere = _isThere || OtherEndpoints.Any(name => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(name))) || await AnswersAsync(cancellationToken);
        return _isThere
            ? await identity.GetTokenAsync(requestContext, cancellationToken)
            : throw new CredentialUnavailableException("Nothing answers at the address of the metadata service, 169.254.169.254.");
    }

    public override AccessToken GetToken(TokenRequestContext requestContext, CancellationToken cancellationToken) =>
        GetTokenAsync(requestContext, cancellationToken).AsTask().GetAwaiter().GetResult();

    // Without the header that it wants, the service refuses; that is answer enough, while a service that is not well yet would mislead MSAL.
    private async Task<bool> AnswersAsync(CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            using HttpResponseMessage response = await client.GetAsync(MetadataService, HttpCompletionOption.ResponseHeadersRead, patience.Token);
            return response.StatusCode < HttpStatusCode.InternalServerError;
        }
        catch (Exception exception) when (exception is HttpRequestException || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return false;
        }
    }
}
