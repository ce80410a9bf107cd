using Azure.Core;
using Azure.Core.Pipeline;
using Azure.Identity;
using Azure.Storage.Blobs;

namespace ModelGateway.Storage.AzureBlob.Authentication;

/// <summary>
/// The process's own identity, from the first that is there of: environment (AZURE_CLIENT_ID and a secret or certificate), workload
/// identity (AKS), managed identity (VM, container, App Service) and, in Development, the Azure CLI. AZURE_TOKEN_CREDENTIALS pins one.
/// </summary>
/// <remarks>
/// As DefaultAzureCredential, but without the sources that a server has no use for, and with a managed identity that may appear later (see
/// <see cref="MetadataServiceGuard"/>). The chain is made once: it keeps the tokens.
/// </remarks>
internal sealed class IdentityAuthentication(string? clientId, string? tenantId) : BlobAuthentication
{
    private const string Pin = "AZURE_TOKEN_CREDENTIALS";

    private readonly Lock _gate = new();
    private TokenCredential? _credential;

    /// <summary>Sends the requests for tokens.</summary>
    public required Func<HttpClient> Tokens { get; init; }

    /// <summary>Also asks the Azure CLI: who develops has signed in there.</summary>
    public bool AsksAzureCli { get; init; }

    public override void FindFaults(BlobAddress address, Uri endpoint, ICollection<string> faults)
    {
        if (endpoint.Scheme != Uri.UriSchemeHttps)
        {
            faults.Add("Gateway:AzureBlob:Endpoint: a token is only ever sent over https; for an emulator over http set AccountKey, SasToken or ConnectionString.");
        }

        try
        {
            using var unused = new HttpClient();
            _ = CreateCredential(unused);
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException)
        {
            // AZURE_TOKEN_CREDENTIALS or AZURE_AUTHORITY_HOST; the message holds no secret.
            faults.Add($"The environment of this process does not do for an Azure identity: {exception.Message}");
        }
    }

    public override BlobContainerClient Open(BlobAddress address, Uri endpoint, string? secret, BlobClientOptions options)
    {
        lock (_gate)
        {
            _credential ??= CreateCredential(Tokens());
            return new BlobContainerClient(ContainerUri(address, endpoint), _credential, options);
        }
    }

    public override string WhenNotBelieved(string? secret) =>
        "Check that the identity is of the storage account's tenant (Gateway:AzureBlob:TenantId) and that this machine's clock is right.";

    public override string WhenNotPermitted(BlobAddress address) =>
        $"The identity may not read: assign it the role Storage Blob Data Reader on the container '{address.Container}' of the account '{address.Account}' (Owner or Contributor do not include it); a new assignment takes up to ten minutes.";

    private ChainedTokenCredential CreateCredential(HttpClient tokens)
    {
        (string Name, bool IsAsked, Func<TokenCredential> Create)[] sources =
        [
            (nameof(EnvironmentCredential), true, () => new EnvironmentCredential(Bounded(new EnvironmentCredentialOptions(), tokens))),
            (nameof(WorkloadIdentityCredential), true, () => CreateWorkloadIdentity(tokens)),
            (nameof(ManagedIdentityCredential), true, () => CreateManagedIdentity(tokens)),
            (nameof(AzureCliCredential), AsksAzureCli, () => new AzureCliCredential(new AzureCliCredentialOptions { TenantId = tenantId })),
        ];
        string pin = Environment.GetEnvironmentVariable(Pin)?.Trim() ?? "";
        TokenCredential[] chosen =
        [
            .. sources.Where(source => pin.Length == 0 ? source.IsAsked : IsChosen(source.Name, pin)).Select(source => source.Create()),
        ];
        return chosen.Length > 0
            ? new ChainedTokenCredential(chosen)
            : throw new InvalidOperationException($"{Pin} is '{pin}', but must be prod, dev or one of {string.Join(", ", sources.Select(source => source.Name))}.");
    }

    // The words of DefaultAzureCredential: "prod" is all that servers have, "dev" what developers have.
    private static bool IsChosen(string name, string pin) =>
        string.Equals(pin, name == nameof(AzureCliCredential) ? "dev" : "prod", StringComparison.OrdinalIgnoreCase) || string.Equals(pin, name, StringComparison.OrdinalIgnoreCase);

    private WorkloadIdentityCredential CreateWorkloadIdentity(HttpClient tokens)
    {
        var options = new WorkloadIdentityCredentialOptions();
        options.ClientId = clientId ?? options.ClientId;
        options.TenantId = tenantId ?? options.TenantId;
        return new WorkloadIdentityCredential(Bounded(options, tokens));
    }

    private MetadataServiceGuard CreateManagedIdentity(HttpClient tokens)
    {
        string? id = clientId ?? Environment.GetEnvironmentVariable("AZURE_CLIENT_ID");
        ManagedIdentityId identity = string.IsNullOrEmpty(id) ? ManagedIdentityId.SystemAssigned : ManagedIdentityId.FromUserAssignedClientId(id);
        ManagedIdentityCredentialOptions options = Bounded(new ManagedIdentityCredentialOptions(identity), tokens);

        // The SDK's own also repeats a 404, which is how a metadata service says that it has no version 2: 25 seconds at the first sign-in.
        options.RetryPolicy = new RetryPolicy(BlobConnection.MaxRetries);
        return new MetadataServiceGuard(new ManagedIdentityCredential(options), tokens);
    }

    private static TOptions Bounded<TOptions>(TOptions options, HttpClient tokens)
        where TOptions : TokenCredentialOptions
    {
        options.Transport = new HttpClientTransport(tokens);
        options.Retry.MaxRetries = BlobConnection.MaxRetries;
        options.Retry.NetworkTimeout = TimeSpan.FromSeconds(10);
        return options;
    }
}
