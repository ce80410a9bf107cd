using Microsoft.Extensions.Configuration;
using ModelGateway.Serving.Repository;
using ModelGateway.Storage.AzureBlob.Authentication;
using ModelGateway.Storage.Http;

namespace ModelGateway.Storage.AzureBlob;

/// <summary><c>azblob://account/container/prefix</c>: Azure Blob Storage, Azure Data Lake Storage, and Azurite.</summary>
public sealed class AzureBlobObjectStoreProvider : IObjectStoreProvider
{
    private readonly Func<SocketsHttpHandler> _createConnections;

    /// <summary>For the network as it is.</summary>
    public AzureBlobObjectStoreProvider()
        : this(ObservedHandler.CreateConnections)
    {
    }

    internal AzureBlobObjectStoreProvider(Func<SocketsHttpHandler> createConnections) => _createConnections = createConnections;

    /// <inheritdoc/>
    public IReadOnlyList<string> Schemes { get; } = ["azblob"];

    /// <inheritdoc/>
    public string? SettingsName => AzureBlobStorageOptions.Section;

    /// <inheritdoc/>
    public Type? SettingsType => typeof(AzureBlobStorageOptions);

    /// <inheritdoc/>
    public bool TakesIndex => true;

    /// <summary>Blobs on a page of a listing.</summary>
    internal int PageSize { get; init; } = 5000;

    /// <inheritdoc/>
    public IReadOnlyList<string> FindFaults(Uri location, IConfiguration settings)
    {
        var faults = new List<string>();
        BlobAddress address = BlobAddress.Parse(location, faults);
        AzureBlobStorageOptions options = StoreSettings.Bind<AzureBlobStorageOptions>(settings, AzureBlobStorageOptions.Section, faults);
        Uri? endpoint = EndpointOf(options, address);
        if (endpoint is null)
        {
            faults.Add("Gateway:AzureBlob:Endpoint: must be an address like https://account.blob.core.windows.net, with http or https and without a query.");
        }

        List<BlobAuthentication> ways = WaysOf(options, () => throw new InvalidOperationException("No token is asked for while settings are checked."));
        if (ways.Count > 1)
        {
            faults.Add($"Gateway:AzureBlob: several ways to sign in are set ({string.Join(", ", NamesOf(options))}); leave all but one out.");
        }
        else if (faults.Count == 0)
        {
            ways[0].FindFaults(address, endpoint!, faults);
        }

        return faults;
    }

    /// <inheritdoc/>
    public IObjectStore Open(Uri location, StoreContext context)
    {
        BlobAddress address = BlobAddress.Parse(location, []);
        AzureBlobStorageOptions options = StoreSettings.Bind<AzureBlobStorageOptions>(context.Settings, AzureBlobStorageOptions.Section, []);
        BlobAuthentication authentication = WaysOf(options, () => BlobConnection.CreateClient(context.Traffic, static _ => "token", CreateConnections()))[0];
        HttpClient client = BlobConnection.CreateClient(context.Traffic, BlobConnection.OperationOf, CreateConnections());
        var connection = new BlobConnection(address, EndpointOf(options, address)!, authentication, client);
        return new AzureBlobObjectStore(address, connection, context.Traffic, context.Time) { PageSize = PageSize };
    }

    private static Uri? EndpointOf(AzureBlobStorageOptions options, BlobAddress address)
    {
        if (string.IsNullOrWhiteSpace(options.Endpoint))
        {
            return new UriBuilder(Uri.UriSchemeHttps, $"{address.Account}.blob.core.windows.net").Uri;
        }

        return Uri.TryCreate(options.Endpoint, UriKind.Absolute, out Uri? endpoint)
            && (endpoint.Scheme == Uri.UriSchemeHttps || endpoint.Scheme == Uri.UriSchemeHttp)
            && endpoint.Query.Length == 0 && endpoint.UserInfo.Length == 0 && endpoint.Fragment.Length == 0
                ? endpoint
                : null;
    }

    // With nothing set, the process's own identity.
    private static List<BlobAuthentication> WaysOf(AzureBlobStorageOptions options, Func<HttpClient> tokens)
    {
        var ways = new List<BlobAuthentication>();
        var connectionString = new SecretSetting("Gateway:AzureBlob:ConnectionString", options.ConnectionString, options.ConnectionStringFile);
        if (connectionString.IsSet)
        {
            ways.Add(new ConnectionStringAuthentication(connectionString, !string.IsNullOrWhiteSpace(options.Endpoint)));
        }

        var sasToken = new SecretSetting("Gateway:AzureBlob:SasToken", options.SasToken, options.SasTokenFile);
        if (sasToken.IsSet)
        {
            ways.Add(new SasAuthentication(sasToken));
        }

        var accountKey = new SecretSetting("Gateway:AzureBlob:AccountKey", options.AccountKey, options.AccountKeyFile);
        if (accountKey.IsSet)
        {
            ways.Add(new AccountKeyAuthentication(accountKey));
        }

        if (options.Anonymous)
        {
            ways.Add(new AnonymousAuthentication());
        }

        string? clientId = NullIfEmpty(options.ManagedIdentityClientId);
        string? tenantId = NullIfEmpty(options.TenantId);
        if (clientId is not null || tenantId is not null || ways.Count == 0)
        {
            ways.Add(new IdentityAuthentication(clientId, tenantId) { Tokens = tokens, AsksAzureCli = IsDevelopment() });
        }

        return ways;
    }

    private static IEnumerable<string> NamesOf(AzureBlobStorageOptions options)
    {
        (string Name, bool IsSet)[] settings =
        [
            (nameof(options.ConnectionString), IsSet(options.ConnectionString)), (nameof(options.ConnectionStringFile), IsSet(options.ConnectionStringFile)),
            (nameof(options.SasToken), IsSet(options.SasToken)), (nameof(options.SasTokenFile), IsSet(options.SasTokenFile)),
            (nameof(options.AccountKey), IsSet(options.AccountKey)), (nameof(options.AccountKeyFile), IsSet(options.AccountKeyFile)),
            (nameof(options.ManagedIdentityClientId), IsSet(options.ManagedIdentityClientId)), (nameof(options.TenantId), IsSet(options.TenantId)),
            (nameof(options.Anonymous), options.Anonymous),
        ];
        return settings.Where(setting => setting.IsSet).Select(setting => setting.Name);
    }

    private static bool IsSet(string? value) => !string.IsNullOrWhiteSpace(value);

    private static string? NullIfEmpty(string? value) => IsSet(value) ? value : null;

    // As the host decides it: the provider is not told.
    private static bool IsDevelopment() => string.Equals(
        Environment.GetEnvironmentVariable("ASPNETCORE_ENVIRONMENT") ?? Environment.GetEnvironmentVariable("DOTNET_ENVIRONMENT"), "Development", StringComparison.OrdinalIgnoreCase);

    // A token or a signature never follows a redirect.
    private SocketsHttpHandler CreateConnections()
    {
        SocketsHttpHandler connections = _createConnections();
        connections.AllowAutoRedirect = false;
        connections.UseCookies = false;
        return connections;
    }
}
