using Microsoft.ML.OnnxRuntime;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Repository.Encryption;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>
/// Where a session is made from: the file, or, where anything of the model is encrypted, its decrypted bytes, which are wiped on dispose.
/// External data that is encrypted is put into the model's bytes, because ONNX Runtime reads external data from disk alone; plain external
/// data stays on disk.
/// </summary>
internal sealed class OnnxModelSource : IDisposable
{
    private const string ExternalDataFolder = "session.model_external_initializers_file_folder_path";
    private readonly ModelArtifact _artifact;
    private readonly SecretBytes? _bytes;

    private OnnxModelSource(ModelArtifact artifact, SecretBytes? bytes)
    {
        _artifact = artifact;
        _bytes = bytes;
        using Stream content = bytes is null
            ? new FileStream(artifact.ModelFile, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 12)
            : new MemoryStream(bytes.Array);
        Header = OnnxFileHeader.Read(content);
    }

    public OnnxFileHeader Header { get; }

    /// <summary>Something of the model is encrypted where it lies, and plain only here.</summary>
    public bool IsDecrypted => _bytes is not null;

    /// <summary>Reads what has to be in memory; a plain model is left where it is.</summary>
    /// <exception cref="ModelLoadException">It is no model, or cannot be decrypted.</exception>
    public static OnnxModelSource Open(ModelArtifact artifact, EncryptionKeys keys, CancellationToken cancellationToken)
    {
        try
        {
            SecretBytes? bytes = ReadDecrypted(new ArtifactFiles(artifact, keys), cancellationToken);
            try
            {
                return new OnnxModelSource(artifact, bytes);
            }
            catch
            {
                bytes?.Dispose();
                throw;
            }
        }
        catch (InvalidDataException exception)
        {
            throw new ModelLoadException(exception.Message, exception);
        }
    }

    public InferenceSession CreateSession(SessionOptions options)
    {
        if (_bytes is null)
        {
            return new InferenceSession(_artifact.ModelFile, options);
        }

        options.AddSessionConfigEntry(ExternalDataFolder, _artifact.Directory);
        return new InferenceSession(_bytes.Array, options);
    }

    public void Dispose() => _bytes?.Dispose();

    private static SecretBytes? ReadDecrypted(ArtifactFiles files, CancellationToken cancellationToken)
    {
        if (!files.HasEncrypted)
        {
            return null;
        }

        SecretBytes? model = files.Read(ModelArtifact.ModelFileName, cancellationToken);
        try
        {
            SecretBytes? whole = ExternalDataInliner.Inline(model, files, cancellationToken);
            if (whole is not null || !files.IsEncrypted(ModelArtifact.ModelFileName))
            {
                return whole;
            }

            (whole, model) = (model, null);
            return whole;
        }
        finally
        {
            model?.Dispose();
        }
    }
}
