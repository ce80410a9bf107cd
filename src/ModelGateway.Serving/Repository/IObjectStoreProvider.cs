using Microsoft.Extensions.Configuration;

namespace ModelGateway.Serving.Repository;

/// <summary>Makes the stores of one or more URI schemes; the host collects the providers and picks by scheme.</summary>
public interface IObjectStoreProvider
{
    /// <summary>The schemes, lower case, without the colon.</summary>
    IReadOnlyList<string> Schemes { get; }

    /// <summary>
    /// Name of its section of settings, for example <c>S3</c>: <c>Gateway:S3</c> for all repositories, overlaid key by key with
    /// <c>Gateway:Repositories:0:S3</c> for one. Null where it has none.
    /// </summary>
    string? SettingsName { get; }

    /// <summary>The options that the section is bound to, each property with a description for the documentation; null where it has none.</summary>
    Type? SettingsType { get; }

    /// <summary>
    /// Whether a repository there may have an <c>index.json</c> at its root: buckets, which can tell only by listing everything whether
    /// something changed. The host then puts an <see cref="IndexedObjectStore"/> around the store.
    /// </summary>
    bool TakesIndex { get; }

    /// <summary>
    /// Whether a URI's query chooses what of the place is the repository: then it is a part of <see cref="IObjectStore.Location"/>, and is
    /// shown wherever that is. False where a query has no meaning or could hold a secret.
    /// </summary>
    bool TakesQuery => false;

    /// <summary>All that is wrong with a URI and its settings, each a sentence that names the key; empty where <see cref="Open"/> will do.</summary>
    IReadOnlyList<string> FindFaults(Uri location, IConfiguration settings);

    /// <summary>The store behind a URI without faults. Does not touch the store yet.</summary>
    IObjectStore Open(Uri location, StoreContext context);
}
