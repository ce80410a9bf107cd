using ModelGateway.Serving.Repository;

namespace ModelGateway;

/// <summary>The one list of plugged-in object stores: a new one is its project, its reference and its line here.</summary>
internal static class Backends
{
    public static readonly IReadOnlyList<IObjectStoreProvider> ObjectStores = [new FileObjectStoreProvider()];

    /// <summary>The store behind a setting: a URI of a known scheme, or a path below <paramref name="contentRoot"/>.</summary>
    /// <exception cref="ArgumentException">No store knows the scheme, or the store does not like the URI.</exception>
    public static IObjectStore Open(string repository, string contentRoot)
    {
        int colon = repository.IndexOf("://", StringComparison.Ordinal);
        if (colon < 0)
        {
            return new FileObjectStore(Path.Combine(contentRoot, repository));
        }

        string scheme = repository[..colon].ToLowerInvariant();
        IObjectStoreProvider provider = ObjectStores.FirstOrDefault(provider => provider.Scheme == scheme)
            ?? throw new ArgumentException(
                $"Gateway:Repository has the scheme '{scheme}', but the known ones are {string.Join(", ", ObjectStores.Select(known => $"'{known.Scheme}'"))}.");
        return provider.Open(new Uri(repository));
    }
}
