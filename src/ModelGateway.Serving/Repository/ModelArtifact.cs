using ModelGateway.Serving.Repository.Encryption;

namespace ModelGateway.Serving.Repository;

/// <summary>The files of one version in a local folder that nobody else writes to. Disposing it removes the folder.</summary>
/// <param name="directory">The folder; external data files lie beside the model as in the repository.</param>
/// <param name="digest">SHA-256 over the names and contents of its files, see <see cref="ArtifactDigest"/>; lower-case hexadecimal.</param>
/// <param name="sizeBytes">The sum of all file sizes.</param>
/// <param name="removed">Told once, when the folder is gone; null for nobody.</param>
public sealed class ModelArtifact(string directory, string digest, long sizeBytes, Action? removed = null) : IDisposable
{
    /// <summary>The file that holds the graph.</summary>
    public const string ModelFileName = "model.onnx";

    /// <summary>The same, encrypted.</summary>
    public const string EncryptedModelFileName = ModelFileName + EncryptedFile.Extension;

    private Action? _removed = removed;

    /// <summary>Where the files lie.</summary>
    public string Directory { get; } = directory;

    /// <summary>SHA-256 over the names and contents of all files but the manifest and its signature, lower-case hexadecimal.</summary>
    public string Digest { get; } = digest;

    /// <summary>The sum of all file sizes.</summary>
    public long SizeBytes { get; } = sizeBytes;

    /// <summary>The full path of the ONNX file.</summary>
    public string ModelFile => Path.Combine(Directory, ModelFileName);

    /// <summary>Removes the folder; one that is gone already is no error. The contents stay in the artifact cache.</summary>
    public void Dispose()
    {
        try
        {
            System.IO.Directory.Delete(Directory, recursive: true);
        }
        catch (IOException)
        {
            // A leftover must not fail the unload; it goes with the process's folder, at the next start at the latest.
        }
        catch (UnauthorizedAccessException)
        {
            // As above.
        }

        Interlocked.Exchange(ref _removed, null)?.Invoke();
    }
}
