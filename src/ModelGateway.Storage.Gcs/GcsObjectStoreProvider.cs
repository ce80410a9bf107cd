using Microsoft.Extensions.Configuration;
using ModelGateway.Serving.Repository;
using ModelGateway.Storage.Http;

namespace ModelGateway.Storage.Gcs;

/// <summary><c>gs://bucket/prefix</c>: Google Cloud Storage, by its JSON API.</summary>
public sealed class GcsObjectStoreProvider : IObjectStoreProvider
{
    internal const string Scheme = "gs";
    private readonly Func<string, string?> _environment;

    /// <summary>Reads the environment of the process, as Google's own clients do.</summary>
    public GcsObjectStoreProvider()
        : this(Environment.GetEnvironmentVariable)
    {
    }

    internal GcsObjectStoreProvider(Func<string, string?> environment) => _environment = environment;

    /// <inheritdoc/>
    public IReadOnlyList<string> Schemes => [Scheme];

    /// <inheritdoc/>
    public string? SettingsName => "Gcs";

    /// <inheritdoc/>
    public Type? SettingsType => typeof(GcsStorageOptions);

    /// <inheritdoc/>
    public bool TakesIndex => true;

    /// <inheritdoc/>
    public IReadOnlyList<string> FindFaults(Uri location, IConfiguration settings)
    {
        var faults = new List<string>();
        GcsLocation.Parse(location, faults);
        GcsStorageOptions options = Bind(settings, faults);
        if (faults.Count == 0 && GcsEndpoint.Find(options, _environment) is null)
        {
            faults.Add($"The environment variable {GcsEndpoint.EmulatorVariable} must be a host with a port, such as localhost:4443, or a URL.");
        }

        return faults;
    }

    /// <inheritdoc/>
    public IObjectStore Open(Uri location, StoreContext context)
    {
        var faults = new List<string>();
        GcsLocation? parsed = GcsLocation.Parse(location, faults);
        GcsStorageOptions options = Bind(context.Settings, faults);
        GcsEndpoint? endpoint = faults.Count == 0 ? GcsEndpoint.Find(options, _environment) : null;
        if (parsed is null || endpoint is null)
        {
            throw new ArgumentException($"The location has faults. {string.Join(' ', faults)}", nameof(location));
        }

        AccessTokens? tokens = endpoint.IsAnonymous ? null : new AccessTokens(parsed.Text, new CredentialFinder(options.CredentialsFile, _environment, context.Traffic));
        var observed = new ObservedHandler(context.Traffic, GcsRequest.OperationOf, ObservedHandler.CreateConnections());

        // Stalls are noticed where the answers are read; a large object may take as long as it needs.
        var client = new HttpClient(new GcsHandler(parsed, tokens, observed)) { Timeout = Timeout.InfiniteTimeSpan };
        client.DefaultRequestHeaders.UserAgent.ParseAdd("ModelGateway");
        return new GcsObjectStore(parsed, new GcsRequest(parsed, endpoint.Address, options.UserProject), client, context.Traffic);
    }

    private static GcsStorageOptions Bind(IConfiguration settings, ICollection<string> faults) =>
        StoreSettings.Bind<GcsStorageOptions>(settings, "Gcs", faults);
}
