using ModelGateway.Serving.Repository;

namespace ModelGateway.Storage.MLflow;

/// <summary>The folder that holds the files of one version, wherever it is. Keys are relative to it.</summary>
internal abstract class ArtifactSource
{
    /// <summary>As <see cref="IObjectStore.SupportsRanges"/>.</summary>
    public abstract bool SupportsRanges { get; }

    /// <summary>What lies directly in a folder: <c>""</c> or a path with a slash at its end.</summary>
    /// <exception cref="IOException">It cannot be listed now.</exception>
    /// <exception cref="ModelNotServableException">Nor will it ever be.</exception>
    public abstract Task<ArtifactFolder> ListAsync(string folder, CancellationToken cancellationToken);

    /// <summary>A listed file as it is now, see <see cref="IObjectStore.FindAsync"/>.</summary>
    public abstract Task<StoredObject?> FindAsync(StoredObject file, CancellationToken cancellationToken);

    /// <summary>As <see cref="IObjectStore.CopyRangeAsync"/>.</summary>
    public abstract Task CopyRangeAsync(StoredObject file, long offset, long count, Stream destination, CancellationToken cancellationToken);
}

/// <summary>One folder of a version.</summary>
/// <param name="Files">Its files.</param>
/// <param name="Folders">Its folders, each with a slash at its end.</param>
internal sealed record ArtifactFolder(IReadOnlyList<StoredObject> Files, IReadOnlyList<string> Folders);
