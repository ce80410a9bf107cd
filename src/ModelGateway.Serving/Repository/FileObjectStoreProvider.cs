namespace ModelGateway.Serving.Repository;

/// <summary><c>file:///path</c>, and through the host plain paths.</summary>
public sealed class FileObjectStoreProvider : IObjectStoreProvider
{
    /// <inheritdoc/>
    public string Scheme => Uri.UriSchemeFile;

    /// <inheritdoc/>
    public IObjectStore Open(Uri location) => location is { IsAbsoluteUri: true, IsFile: true }
        ? new FileObjectStore(location.LocalPath)
        : throw new ArgumentException($"'{location}' is not a file URI; write file:///path/to/models or a plain path.");
}
