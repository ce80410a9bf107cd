using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using ModelGateway.Serving.Repository;

namespace ModelGateway.Storage.MLflow;

/// <summary>
/// Files behind the tracking server's artifact proxy. It tells names and sizes, no checksums and no times, and sends files whole. That content
/// does not change is MLflow's convention: a version's files belong to a run or a logged model that has ended.
/// </summary>
/// <param name="client">The server.</param>
/// <param name="root">The folder's path below the server's artifact root.</param>
/// <param name="identity">Differs for any two versions; goes into the tags.</param>
/// <param name="created">When the version was registered.</param>
/// <param name="report">Told of names that are passed over.</param>
internal sealed class ProxiedArtifacts(MLflowClient client, string root, string identity, DateTimeOffset created, Action<string> report) : ArtifactSource
{
    public override bool SupportsRanges => false;

    public override async Task<ArtifactFolder> ListAsync(string folder, CancellationToken cancellationToken)
    {
        string path = $"{root}/{folder}".TrimEnd('/');
        var files = new List<StoredObject>();
        var folders = new List<string>();
        foreach (ArtifactFile file in await client.ListArtifactsAsync(path, cancellationToken))
        {
            // The bare name; some servers give the path from their root.
            string name = file.Path.StartsWith(path + "/", StringComparison.Ordinal) ? file.Path[(path.Length + 1)..] : file.Path;
            if (name.Contains('/') || !ObjectKey.IsListed(name))
            {
                Report(name);
            }
            else if (file.IsDir)
            {
                folders.Add($"{folder}{name}/");
            }
            else
            {
                long size = file.FileSize is >= 0 and long told ? told : throw new ModelNotServableException($"the tracking server does not tell the size of its file '{folder}{name}'");
                files.Add(new StoredObject(folder + name, size, TagOf(folder + name, size), created));
            }
        }

        return new ArtifactFolder(files, folders);
    }

    // There is no cheap question about one file, and no other answer to it than that of the listing.
    public override Task<StoredObject?> FindAsync(StoredObject file, CancellationToken cancellationToken) => Task.FromResult<StoredObject?>(file);

    public override Task CopyRangeAsync(StoredObject file, long offset, long count, Stream destination, CancellationToken cancellationToken) =>
        client.CopyArtifactAsync($"{root}/{file.Key}", file, offset, count, destination, cancellationToken);

    private void Report(string name)
    {
        // Hidden files are passed over in silence, as everywhere.
        if (name.Contains('/') || name.Contains('\\') || name is ".." || !name.StartsWith('.'))
        {
            report($"the tracking server lists a file '{string.Concat(name.Take(100).Select(c => char.IsControl(c) ? ' ' : c))}', which is passed over: that is no plain name");
        }
    }

    private string TagOf(string key, long size) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(
        CultureInfo.InvariantCulture, $"{identity}\n{root}\n{key}\n{size}"))))[..32];
}
