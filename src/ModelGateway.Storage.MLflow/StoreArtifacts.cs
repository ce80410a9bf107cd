using ModelGateway.Serving.Repository;

namespace ModelGateway.Storage.MLflow;

/// <summary>Files in a store of their own, which the version's artifact URI names; listed once.</summary>
internal sealed class StoreArtifacts(IObjectStore store) : ArtifactSource
{
    // A folder with more is hardly one model's.
    private const int MostFiles = 10_000;
    private IReadOnlyList<StoredObject>? _files;

    public override bool SupportsRanges => store.SupportsRanges;

    public override async Task<ArtifactFolder> ListAsync(string folder, CancellationToken cancellationToken)
    {
        _files ??= (await store.ListAsync(null, cancellationToken))!.Objects;
        if (_files.Count > MostFiles)
        {
            throw new ModelNotServableException($"its folder {store.Location} has more than {MostFiles} files");
        }

        StoredObject[] inside = [.. _files.Where(file => file.Key.StartsWith(folder, StringComparison.Ordinal))];
        return new ArtifactFolder(
            [.. inside.Where(file => file.Key.IndexOf('/', folder.Length) < 0)],
            [.. inside.Where(file => file.Key.IndexOf('/', folder.Length) >= 0).Select(file => file.Key[..(file.Key.IndexOf('/', folder.Length) + 1)]).Distinct(StringComparer.Ordinal)]);
    }

    public override Task<StoredObject?> FindAsync(StoredObject file, CancellationToken cancellationToken) => store.FindAsync(file.Key, cancellationToken);

    public override Task CopyRangeAsync(StoredObject file, long offset, long count, Stream destination, CancellationToken cancellationToken) =>
        store.CopyRangeAsync(file, offset, count, destination, cancellationToken);
}
