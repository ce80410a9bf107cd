using Microsoft.ML.OnnxRuntime;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>One artifact's optimized graph while one session is made: found in the cache, or on its way into it. Used by one thread.</summary>
/// <remarks>
/// A new graph is saved into a hidden folder beside the model, which nobody else writes to and which goes with the artifact. Hidden names
/// are never those of a version's own files (ObjectKey).
/// </remarks>
internal sealed class OptimizedGraph
{
    // Smaller tensors stay in the graph: ONNX Runtime infers no shapes from constants that lie outside, and copying them costs nothing.
    private const string MinExternalBytes = "65536";
    private const string ExternalFileName = "session.optimized_model_external_initializers_file_name";
    private const string ExternalMinSize = "session.optimized_model_external_initializers_min_size_in_bytes";
    private readonly GraphCache _cache;
    private readonly string _key;
    private readonly string _folder;
    private readonly long _modelBytes;
    private string? _fingerprint;

    private OptimizedGraph(GraphCache cache, string key, ModelArtifact artifact)
    {
        _cache = cache;
        _key = key;
        _folder = Path.Combine(artifact.Directory, ".graph");
        _modelBytes = artifact.SizeBytes;
    }

    /// <summary>The file of the kept graph.</summary>
    public string KeptFile => Path.Combine(_cache.PathOf(_key), KeptGraph.GraphFile);

    /// <summary>
    /// Whether two sessions of it take no more memory than <see cref="ModelMemory"/> says. A session holds about twice what is in the graph itself, which is
    /// little but for trees, and of the weights, which are mapped, what it laid out anew: at most their size (measured over seven models of 0.6 to 162 MB).
    /// </summary>
    public bool MayBeOpenedTwice => 4 * LengthOf(KeptFile) <= ModelMemory.Estimate(_modelBytes) - (2 * LengthOf(Path.Combine(_cache.PathOf(_key), KeptGraph.WeightsFile)));

    private string SavedFile => Path.Combine(_folder, KeptGraph.GraphFile);

    /// <summary>Where the artifact's graph is, or is to be; null where it is not worth keeping.</summary>
    public static OptimizedGraph? Of(GraphCache cache, ModelArtifact artifact, ModelConfig config) =>
        config.GraphOptimization != GraphOptimization.Off && cache.IsWorthwhile(artifact.SizeBytes)
            ? new OptimizedGraph(cache, GraphKey.Of(artifact.Digest, config.GraphOptimization), artifact)
            : null;

    /// <summary>Looks for the kept graph, and whether it is whole.</summary>
    public bool TryFind(CancellationToken cancellationToken) => (_fingerprint = _cache.TryFind(_key, cancellationToken)) is not null;

    /// <summary>Whether a session that was made from the kept graph looks like the one that it was saved from.</summary>
    public bool Accepts(ModelSignature signature, ModelMetadata metadata) => SessionFingerprint.Of(signature, metadata) == _fingerprint;

    /// <summary>Counts the found graph as one that spared a load the work.</summary>
    public void CountFound() => _cache.Accept();

    /// <summary>Gives up the kept graph.</summary>
    public void GiveUp() => _cache.GiveUp(_key);

    /// <summary>Has the next session that is made with these options save its graph; false where it is of no use, or the disk has no room.</summary>
    public bool TrySave(SessionOptions options)
    {
        if (!_cache.IsUseful(_key))
        {
            return false;
        }

        if (!_cache.HasRoom(_modelBytes))
        {
            _cache.NoteNotSaved("the disk is nearly full");
            return false;
        }

        try
        {
            PrivateFolder.Create(_folder);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            _cache.NoteNotSaved(exception.Message);
            return false;
        }

        options.OptimizedModelFilePath = SavedFile;
        options.AddSessionConfigEntry(ExternalFileName, KeptGraph.WeightsFile);
        options.AddSessionConfigEntry(ExternalMinSize, MinExternalBytes);
        return true;
    }

    /// <summary>Puts what was saved into the cache, so that sessions can be made from it; false where that fails.</summary>
    public bool TryKeep(ModelSignature signature, ModelMetadata metadata, CancellationToken cancellationToken)
    {
        _fingerprint = SessionFingerprint.Of(signature, metadata);
        return _cache.TryAdd(_key, _folder, _fingerprint, cancellationToken);
    }

    private static long LengthOf(string path) => new FileInfo(path) is { Exists: true } file ? file.Length : 0;

    /// <summary>Whether a failed session got as far as saving; what it left is removed.</summary>
    public bool GiveUpSaving(string reason)
    {
        // The file is made only once the graph is loaded and optimized.
        bool began = Path.Exists(SavedFile);
        GraphCache.TryRemove(_folder);
        if (began)
        {
            _cache.NoteNotSaved(reason);
        }

        return began;
    }
}
