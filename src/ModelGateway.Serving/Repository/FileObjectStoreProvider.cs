using Microsoft.Extensions.Configuration;

namespace ModelGateway.Serving.Repository;

/// <summary><c>file:///path</c>, and through the host plain paths.</summary>
public sealed class FileObjectStoreProvider : IObjectStoreProvider
{
    /// <inheritdoc/>
    public IReadOnlyList<string> Schemes => [Uri.UriSchemeFile];

    /// <inheritdoc/>
    public string? SettingsName => null;

    /// <inheritdoc/>
    public Type? SettingsType => null;

    /// <inheritdoc/>
    public bool TakesIndex => false;

    /// <inheritdoc/>
    public IReadOnlyList<string> FindFaults(Uri location, IConfiguration settings) => location is { IsAbsoluteUri: true, IsFile: true }
        ? []
        : [$"'{location}' is not a file URI; write file:///path/to/models or a plain path."];

    /// <inheritdoc/>
    public IObjectStore Open(Uri location, StoreContext context) => new FileObjectStore(location.LocalPath, context.Traffic);
}
