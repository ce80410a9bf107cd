using ModelGateway.Serving.Repository;

namespace ModelGateway.Platforms.Artifacts;

/// <summary>A store whose objects stand where a repository has them, wherever they lie; see <see cref="ArtifactLayout"/>.</summary>
/// <param name="store">Where they lie.</param>
/// <param name="placed">Names for what has none.</param>
/// <param name="isOneModel">It holds one model, which has the name in <paramref name="placed"/>.</param>
internal sealed class ArrangedStore(IObjectStore store, PlacedArtifacts placed, bool isOneModel = false) : IObjectStore
{
    // Of the last listing; what asks for an object has its key from there.
    private volatile ArtifactLayout? _layout;

    public string Location => store.Location;

    public bool SupportsRanges => store.SupportsRanges;

    public bool MustSettle => store.MustSettle;

    public async Task<ObjectListing?> ListAsync(string? unlessMarker, CancellationToken cancellationToken)
    {
        ObjectListing? listed = await store.ListAsync(unlessMarker, cancellationToken);
        if (listed is null)
        {
            return null;
        }

        ArtifactLayout layout = ArtifactLayout.Of([.. listed.Objects.Select(found => found.Key)], placed, isOneModel);
        _layout = layout;
        return listed with
        {
            Objects = [.. listed.Objects.Select(found => (Found: found, Key: layout.ToRepository(found.Key))).Where(item => item.Key is not null).Select(item => item.Found with { Key = item.Key! })],
        };
    }

    public async Task<StoredObject?> FindAsync(string key, CancellationToken cancellationToken) =>
        _layout?.ToStore(key) is { } own && await store.FindAsync(own, cancellationToken) is { } found ? found with { Key = key } : null;

    public Task CopyRangeAsync(StoredObject source, long offset, long count, Stream destination, CancellationToken cancellationToken) =>
        _layout?.ToStore(source.Key) is { } own
            ? store.CopyRangeAsync(source with { Key = own }, offset, count, destination, cancellationToken)
            : throw new ObjectChangedException(source.Key);
}
