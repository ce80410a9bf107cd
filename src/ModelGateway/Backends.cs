using ModelGateway.Serving.Repository;
using ModelGateway.Storage.S3;

namespace ModelGateway;

/// <summary>The one list of plugged-in object stores: a new one is its project, its reference and its line here.</summary>
internal static class Backends
{
    public static readonly IReadOnlyList<IObjectStoreProvider> ObjectStores = [new FileObjectStoreProvider(), new S3ObjectStoreProvider()];

    /// <summary>All that is wrong with a setting that names a repository; empty where <see cref="Open"/> will do.</summary>
    /// <param name="repository">A URI of a known scheme, or a path.</param>
    /// <param name="key">The setting's own key, for the messages.</param>
    /// <param name="settings">The section of a provider of that name.</param>
    public static IReadOnlyList<string> FindFaults(string repository, string key, Func<string, IConfiguration> settings) =>
        SchemeOf(repository) is not { } scheme ? []
        : ProviderOf(scheme) is not { } provider
            ? [$"{key} has the scheme '{scheme}', but the known ones are {string.Join(", ", ObjectStores.SelectMany(known => known.Schemes).Select(known => $"'{known}'"))}."]
        : Uri.TryCreate(repository, UriKind.Absolute, out Uri? location)
            ? [.. provider.FindFaults(location, SettingsOf(provider, settings)).Select(fault => $"{key}: {fault}")]
        : [$"{key} is not a URI: '{repository}'."];

    /// <summary>The store behind a setting without faults; paths are below <paramref name="contentRoot"/>.</summary>
    public static IObjectStore Open(string repository, string contentRoot, Func<string, IConfiguration> settings, Func<IConfiguration, StoreContext> context) =>
        SchemeOf(repository) is { } scheme && ProviderOf(scheme) is { } provider
            ? provider.Open(new Uri(repository), context(SettingsOf(provider, settings)))
            : new FileObjectStore(Path.Combine(contentRoot, repository), context(Empty).Traffic);

    private static IConfiguration Empty { get; } = new ConfigurationBuilder().Build();

    private static IConfiguration SettingsOf(IObjectStoreProvider provider, Func<string, IConfiguration> settings) =>
        provider.SettingsName is { } name ? settings(name) : Empty;

    private static IObjectStoreProvider? ProviderOf(string scheme) => ObjectStores.FirstOrDefault(provider => provider.Schemes.Contains(scheme));

    // Null for a plain path.
    private static string? SchemeOf(string repository)
    {
        int colon = repository.IndexOf("://", StringComparison.Ordinal);
        return colon < 0 ? null : repository[..colon].ToLowerInvariant();
    }
}
