using Azure.Core;
using Azure.Core.Pipeline;
using Azure.Identity;
using Azure.Storage.Blobs;

namespace ModelGateway.Storage.AzureBlob.Authentication;

/// <summary>
/// The process's own identity, from the first that is there of: in Development the Azure CLI, environment (AZURE_CLIENT_ID and a secret or
/// certificate), workload identity (AKS), managed identity (VM, container, App Service).
/// </summary>
/// <remarks>
/// That is DefaultAzureCredential without the sources that a server has no use for: it keeps to the one that worked, takes
/// AZURE_TOKEN_CREDENTIALS to pin one, and as a chain probes the metadata service of VMs once and for a second only, while
/// ManagedIdentityCredential alone tries for over a minute on a machine that has none. The CLI goes in front of it, because a machine on
/// which nothing answers at the metadata service's address ends the chain there (Azure.Core 1.60 takes it for a failure). The chain is
/// made once: it keeps the tokens.
/// </remarks>
internal sealed class IdentityAuthentication(string? clientId, string? tenantId) : BlobAuthentication
{
    private readonly Lock _gate = new();
    private TokenCredential? _credential;

    /// <summary>Sends the requests for tokens.</summary>
    public required Func<HttpClient> Tokens { get; init; }

    /// <summary>Asks the Azure CLI first: who develops has signed in there.</summary>
    public bool AsksAzureCli { get; init; }

    public override void FindFaults(BlobAddress address, Uri endpoint, ICollection<string> faults)
    {
        if (endpoint.Scheme != Uri.UriSchemeHttps)
        {
            faults.Add("Gateway:AzureBlob:Endpoint: a token is only ever sent over https; for an emulator over http set AccountKey, SasToken or ConnectionString.");
        }

        try
        {
            _ = CreateCredential(new HttpClientTransport());
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException)
        {
            // AZURE_TOKEN_CREDENTIALS or AZURE_AUTHORITY_HOST; the message names them and holds no secret.
            faults.Add($"The environment of this process does not do for an Azure identity: {exception.Message}");
        }
    }

    public override BlobContainerClient Open(BlobAddress address, Uri endpoint, string? secret, BlobClientOptions options)
    {
        lock (_gate)
        {
            _credential ??= CreateCredential(new HttpClientTransport(Tokens()));
            return new BlobContainerClient(ContainerUri(address, endpoint), _credential, options);
        }
    }

    public override string WhenNotBelieved(string? secret) =>
        "Check that the identity is of the storage account's tenant (Gateway:AzureBlob:TenantId) and that this machine's clock is right.";

    public override string WhenNotPermitted(BlobAddress address) =>
        $"The identity may not read: assign it the role Storage Blob Data Reader on the container '{address.Container}' of the account '{address.Account}' (Owner or Contributor do not include it); a new assignment takes up to ten minutes.";

    private TokenCredential CreateCredential(HttpPipelineTransport transport)
    {
        DefaultAzureCredential server = CreateServerCredential(transport);
        bool isPinned = !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("AZURE_TOKEN_CREDENTIALS"));
        return AsksAzureCli && !isPinned ? new ChainedTokenCredential(new AzureCliCredential(new AzureCliCredentialOptions { TenantId = tenantId }), server) : server;
    }

    private DefaultAzureCredential CreateServerCredential(HttpPipelineTransport transport)
    {
        var options = new DefaultAzureCredentialOptions
        {
            ManagedIdentityClientId = clientId,
            ExcludeAzureCliCredential = true,
            ExcludeAzureDeveloperCliCredential = true,
            ExcludeAzurePowerShellCredential = true,
            ExcludeBrokerCredential = true,
            ExcludeInteractiveBrowserCredential = true,
            ExcludeVisualStudioCodeCredential = true,
            ExcludeVisualStudioCredential = true,
            Transport = transport,
            RetryPolicy = new IdentityRetryPolicy(),
        };
        options.Retry.NetworkTimeout = TimeSpan.FromSeconds(10);
        if (clientId is not null)
        {
            options.WorkloadIdentityClientId = clientId;
        }

        if (tenantId is not null)
        {
            options.TenantId = tenantId;
        }

        return new DefaultAzureCredential(options);
    }
}
