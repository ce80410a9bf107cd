using ModelGateway.Serving.Repository;

namespace ModelGateway;

/// <summary>The one list of plugged-in object stores: a new one is its project, its reference and its line here.</summary>
internal static class Backends
{
    public static readonly IReadOnlyList<IObjectStoreProvider> ObjectStores = [new FileObjectStoreProvider()];

    /// <summary>The store behind a setting: a URI of a known scheme, or a path below <paramref name="contentRoot"/>.</summary>
    /// <exception cref="ArgumentException">The store does not like the URI.</exception>
    public static IObjectStore Open(string repository, string contentRoot) =>
        SchemeOf(repository) is { } scheme
            ? ObjectStores.First(provider => provider.Scheme == scheme).Open(new Uri(repository))
            : new FileObjectStore(Path.Combine(contentRoot, repository));

    /// <summary>Why <see cref="Open"/> could not even begin, or null: asked with the other options, so that all faults are told at once.</summary>
    public static string? FaultOf(string repository) =>
        SchemeOf(repository) is not { } scheme ? null
        : ObjectStores.All(provider => provider.Scheme != scheme)
            ? $"Gateway:Repository has the scheme '{scheme}', but the known ones are {string.Join(", ", ObjectStores.Select(known => $"'{known.Scheme}'"))}."
        : Uri.TryCreate(repository, UriKind.Absolute, out _) ? null
        : $"Gateway:Repository is not a URI: '{repository}'.";

    // Null for a plain path.
    private static string? SchemeOf(string repository)
    {
        int colon = repository.IndexOf("://", StringComparison.Ordinal);
        return colon < 0 ? null : repository[..colon].ToLowerInvariant();
    }
}
