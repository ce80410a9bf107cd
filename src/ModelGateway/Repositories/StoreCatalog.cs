using ModelGateway.Serving.Repository;

namespace ModelGateway.Repositories;

/// <summary>Finds the store behind a location: by its scheme, and a folder for a plain path.</summary>
internal sealed class StoreCatalog(IReadOnlyList<IObjectStoreProvider> providers)
{
    /// <summary>All that is wrong with a setting that names a repository; empty where <see cref="Open"/> will do.</summary>
    /// <param name="repository">A URI of a known scheme, or a path.</param>
    /// <param name="key">The setting's own key, for the messages.</param>
    /// <param name="settings">The section of a provider of that name.</param>
    public IReadOnlyList<string> FindFaults(string repository, string key, Func<string, IConfiguration> settings) =>
        SchemeOf(repository) is not { } scheme ? []
        : HasUserInfo(repository)
            ? [$"{key} has a user name or password before an '@': take it out, since a location is shown in logs and metrics, and set it where the store's documentation says."]
        : ProviderOf(scheme) is not { } provider
            ? [$"{key} has the scheme '{scheme}', but the known ones are {string.Join(", ", providers.SelectMany(known => known.Schemes).Select(known => $"'{known}'"))}."]
        : Uri.TryCreate(repository, UriKind.Absolute, out Uri? location)
            ? [.. provider.FindFaults(location, SettingsOf(provider, settings)).Select(fault => $"{key}: {fault}")]
        : [$"{key} is not a URI: '{repository}'."];

    /// <summary>The store behind a setting without faults; paths are below <paramref name="contentRoot"/>.</summary>
    /// <param name="repository">A URI of a known scheme, or a path.</param>
    /// <param name="contentRoot">Where relative paths begin.</param>
    /// <param name="settings">The section of a provider of that name.</param>
    /// <param name="context">All but the settings, and but the way to other stores.</param>
    /// <param name="settingsForAll">The section of a provider of that name, without what is set for this repository: other stores are opened with it.</param>
    public IObjectStore Open(
        string repository, string contentRoot, Func<string, IConfiguration> settings, Func<string, IConfiguration> settingsForAll, StoreContext context)
    {
        if (SchemeOf(repository) is { } scheme && ProviderOf(scheme) is { } provider)
        {
            IObjectStore store = provider.Open(
                new Uri(repository), context with { Settings = SettingsOf(provider, settings), OpenOther = location => OpenOther(location, settingsForAll, context) });
            return provider.TakesIndex ? new IndexedObjectStore(store) : store;
        }

        return new FileObjectStore(Path.Combine(contentRoot, repository), context.Traffic);
    }

    /// <summary>
    /// The location by which operators know a repository, with a query only where its provider takes one; for a setting without faults it is
    /// that of its store.
    /// </summary>
    public string LocationOf(string repository, string contentRoot) =>
        SchemeOf(repository) is null ? LocationOf(Path.GetFullPath(Path.Combine(contentRoot, repository)))
        : !Uri.TryCreate(repository, UriKind.Absolute, out Uri? location) ? repository
        : location.IsFile ? LocationOf(location.LocalPath)
        : location.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped).TrimEnd('/')
            + (ProviderOf(location.Scheme)?.TakesQuery == true ? location.Query : "");

    private static string LocationOf(string path) => new Uri(Path.TrimEndingDirectorySeparator(path)).AbsoluteUri;

    // Where a registry says that artifacts lie is not the operator's word: never the local disk, never with credentials of its own.
    private IObjectStore OpenOther(Uri location, Func<string, IConfiguration> settings, StoreContext context)
    {
        if (!location.IsAbsoluteUri || location.IsFile || location.Scheme == Uri.UriSchemeFile)
        {
            throw new IOException("The registry names a local path for its files, which is not followed.");
        }

        string shown = location.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped);
        if (ProviderOf(location.Scheme) is not { } provider)
        {
            throw new IOException($"No store is known for '{shown}', which the registry names.");
        }

        if (location.UserInfo.Length > 0)
        {
            throw new IOException($"'{shown}', which the registry names, has a user name or password in it, which is not used.");
        }

        // A registry may name any web server: what opens the operator's own is not sent there.
        IConfiguration own = location.Scheme is "http" or "https" ? Empty : SettingsOf(provider, settings);
        return provider.FindFaults(location, own) is { Count: > 0 } faults
            ? throw new IOException($"'{shown}', which the registry names, cannot be opened. {string.Join(' ', faults)}")
            : provider.Open(location, context with { Settings = own, OpenOther = static _ => throw new IOException("A store that a registry names cannot name another one.") });
    }

    private static IConfiguration Empty { get; } = new ConfigurationBuilder().Build();

    private static IConfiguration SettingsOf(IObjectStoreProvider provider, Func<string, IConfiguration> settings) =>
        provider.SettingsName is { } name ? settings(name) : Empty;

    private IObjectStoreProvider? ProviderOf(string scheme) => providers.FirstOrDefault(provider => provider.Schemes.Contains(scheme));

    // By the text: what cannot be read as a URI may hold a password too, perhaps one with a slash in it.
    private static bool HasUserInfo(string repository)
    {
        ReadOnlySpan<char> rest = repository.AsSpan(repository.IndexOf("://", StringComparison.Ordinal) + 3);
        int end = rest.IndexOfAny('/', '?', '#');
        return (end < 0 ? rest : rest[..end]).Contains('@') || (rest.Contains('@') && !Uri.TryCreate(repository, UriKind.Absolute, out _));
    }

    // Null for a plain path.
    private static string? SchemeOf(string repository)
    {
        int colon = repository.IndexOf("://", StringComparison.Ordinal);
        return colon < 0 ? null : repository[..colon].ToLowerInvariant();
    }
}
