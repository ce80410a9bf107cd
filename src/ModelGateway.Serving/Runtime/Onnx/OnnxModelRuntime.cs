using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;
using Microsoft.ML.OnnxRuntime;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>Loads ONNX files into sessions that share the process's thread pool.</summary>
public sealed partial class OnnxModelRuntime : IModelRuntime, IDisposable
{
    private const string CpuProvider = "cpu";

    // What is larger runs longer than a further session for each core could save.
    private const long LargestTiny = 64 << 10;

    // What is larger is opened twice from its kept graph alone (OptimizedGraph.MayBeOpenedTwice).
    private const long LargestReadAgain = 1 << 20;
    private readonly OnnxOptions _options;
    private readonly ILogger _logger;
    private readonly ServingMetrics? _metrics;
    private readonly GraphCache? _graphs;
    private readonly RunsUnderWay _runs = new();
    private readonly int _threads;

    /// <summary>Makes ONNX Runtime's environment, once a process, and opens the folder of optimized graphs.</summary>
    /// <exception cref="IOException">That folder cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">That folder cannot be made.</exception>
    public OnnxModelRuntime(OnnxOptions options, ILogger<OnnxModelRuntime> logger, ServingMetrics? metrics = null)
    {
        _options = options;
        _logger = logger;
        _metrics = metrics;

        // .NET counts the container's quota; the runtime itself would count the machine's cores.
        _threads = options.Threads ?? Environment.ProcessorCount;
        OnnxEnvironment.EnsureCreated(_threads, logger);
        SessionMaker.Start();
        _graphs = options.GraphCache is { } graphs ? new GraphCache(graphs, metrics, logger) : null;
    }

    /// <summary>Waits for a further session that is being made, as ONNX Runtime must not be in the middle of that when the process ends; its models are disposed before.</summary>
    public void Dispose() => SessionMaker.WaitUntilDone(TimeSpan.FromSeconds(5));

    /// <inheritdoc/>
    public IModelInstance Load(ModelArtifact artifact, ModelConfig config, CancellationToken cancellationToken)
    {
        using OnnxModelSource source = OnnxModelSource.Open(artifact, _options.Encryption, cancellationToken);

        // What was decrypted must never lie on a disk, and other providers bring what cannot be saved.
        OptimizedGraph? graph = _graphs is not null && !source.IsDecrypted && ProviderOf(config) == CpuProvider
            ? OptimizedGraph.Of(_graphs, artifact, config)
            : null;
        OnnxModelInstance? instance = graph is null ? null : TryLoadKept(graph, source, artifact, config, cancellationToken);
        instance ??= LoadOriginal(graph, source, artifact, config, cancellationToken);

        // Reading a model leaves about as much free memory behind as the model is large, which the C library would keep.
        NativeHeap.GiveBack(instance.MemoryEstimate);
        return instance;
    }

    // Null where there is no graph that can be used.
    private OnnxModelInstance? TryLoadKept(OptimizedGraph graph, OnnxModelSource source, ModelArtifact artifact, ModelConfig config, CancellationToken cancellationToken)
    {
        if (!graph.TryFind(cancellationToken) || TryOpen(graph, source, artifact, config, cancellationToken) is not { } instance)
        {
            return null;
        }

        graph.CountFound();
        return instance;
    }

    [SuppressMessage("Design", "CA1031", Justification = "Whatever a kept graph does to its load, the original is there to be loaded.")]
    private OnnxModelInstance? TryOpen(OptimizedGraph graph, OnnxModelSource source, ModelArtifact artifact, ModelConfig config, CancellationToken cancellationToken)
    {
        InferenceSession? session = null;
        try
        {
            session = OpenKept(graph, config, isPooled: true, cancellationToken);
            ModelSignature signature = OnnxSignatureReader.Read(session, source.Header);
            ModelMetadata metadata = ReadMetadata(session, source.Header);
            if (graph.Accepts(signature, metadata))
            {
                return CreateInstance(session, signature, metadata, artifact, config, Further(artifact, config, graph.MayBeOpenedTwice, Reopen));
            }

            InferenceSession Reopen(bool isPooled, CancellationToken stop)
            {
                // Another process may have removed it; and what was whole need not be any more.
                var kept = OptimizedGraph.Of(_graphs!, artifact, config);
                if (kept?.TryFind(stop) != true || !kept.Accepts(signature, metadata))
                {
                    throw new ModelLoadException("Its optimized graph is no longer kept.");
                }

                return OpenKept(kept, config, isPooled, stop);
            }
        }
        catch (Exception) when (!cancellationToken.IsCancellationRequested)
        {
            // It is whole, and yet cannot be loaded: the original decides.
        }
        catch
        {
            session?.Dispose();
            throw new OperationCanceledException(cancellationToken);
        }

        session?.Dispose();
        graph.GiveUp();
        return null;
    }

    private InferenceSession OpenKept(OptimizedGraph graph, ModelConfig config, bool isPooled, CancellationToken cancellationToken)
    {
        using SessionOptions options = CreateOptions(config with { GraphOptimization = GraphOptimization.Off }, isPooled);
        return CreateSession(() => new InferenceSession(graph.KeptFile, options), options, config, cancellationToken);
    }

    private OnnxModelInstance LoadOriginal(OptimizedGraph? graph, OnnxModelSource source, ModelArtifact artifact, ModelConfig config, CancellationToken cancellationToken)
    {
        InferenceSession? session = null;
        try
        {
            session = CreateSavingSession(graph, source, config, cancellationToken, out bool isSaved);
            ModelSignature signature = OnnxSignatureReader.Read(session, source.Header);
            ModelMetadata metadata = ReadMetadata(session, source.Header);
            if (isSaved)
            {
                bool isKept = graph!.TryKeep(signature, metadata, cancellationToken);

                // A session that saved its graph holds its weights twice for as long as it lives: ONNX Runtime gives up what it read them
                // from only where nothing is saved. One from the kept graph even maps them.
                session.Dispose();
                session = null;
                if (isKept && TryOpen(graph, source, artifact, config, cancellationToken) is { } instance)
                {
                    return instance;
                }

                session = CreatePlainSession(source, config, cancellationToken);
            }

            // What is large would be read into memory once more.
            FurtherSessions? further = source.IsDecrypted || artifact.SizeBytes > LargestReadAgain
                ? null
                : Further(artifact, config, mayBeOpenedTwice: true, (isPooled, stop) => ReadAgain(artifact, config, isPooled, stop));
            return CreateInstance(session, signature, metadata, artifact, config, further);
        }
        catch (Exception exception)
        {
            session?.Dispose();
            cancellationToken.ThrowIfCancellationRequested();
            throw exception as ModelLoadException ?? new ModelLoadException(Describe(exception, source.Header, artifact), exception);
        }
    }

    // A graph that cannot be saved, for a full disk or for its size, is no fault of the model.
    private InferenceSession CreateSavingSession(OptimizedGraph? graph, OnnxModelSource source, ModelConfig config, CancellationToken cancellationToken, out bool isSaved)
    {
        using (SessionOptions options = CreateOptions(config))
        {
            isSaved = graph?.TrySave(options) == true;
            try
            {
                return CreateSession(() => source.CreateSession(options), options, config, cancellationToken);
            }
            catch (Exception exception) when (isSaved && !cancellationToken.IsCancellationRequested && graph!.GiveUpSaving(OnnxErrors.Clean(exception.Message)))
            {
                // Of whatever type: the runtime's own wrapper stumbles over some codes of system errors.
                isSaved = false;
            }
        }

        return CreatePlainSession(source, config, cancellationToken);
    }

    private InferenceSession CreatePlainSession(OnnxModelSource source, ModelConfig config, CancellationToken cancellationToken)
    {
        using SessionOptions options = CreateOptions(config);
        return CreateSession(() => source.CreateSession(options), options, config, cancellationToken);
    }

    // The file is the artifact's, which lives as long as the instance.
    private InferenceSession ReadAgain(ModelArtifact artifact, ModelConfig config, bool isPooled, CancellationToken cancellationToken)
    {
        using SessionOptions options = CreateOptions(config, isPooled);
        return CreateSession(() => new InferenceSession(artifact.ModelFile, options), options, config, cancellationToken);
    }

    private OnnxModelInstance CreateInstance(
        InferenceSession session, ModelSignature signature, ModelMetadata metadata, ModelArtifact artifact, ModelConfig config, FurtherSessions? further)
    {
        var sessions = new ModelSessions(session, signature, ProviderOf(config) == CpuProvider ? _runs : null, _threads, further);
        return new OnnxModelInstance(sessions, signature, metadata, ModelMemory.Estimate(artifact.SizeBytes), HasArena(config));
    }

    // Who sets the threads decides, other providers have their own, and an arena would grow to the largest run once more.
    private FurtherSessions? Further(ModelArtifact artifact, ModelConfig config, bool mayBeOpenedTwice, Func<bool, CancellationToken, InferenceSession> make)
    {
        bool isTiny = artifact.SizeBytes <= LargestTiny && config.Instances != 1;
        return config.Threads is null && ProviderOf(config) == CpuProvider ? new FurtherSessions(isTiny, mayBeOpenedTwice && !HasArena(config), Make, Failed) : null;

        InferenceSession Make(bool isPooled, CancellationToken cancellationToken)
        {
            long started = Stopwatch.GetTimestamp();
            InferenceSession session = make(isPooled, cancellationToken);
            NativeHeap.GiveBack(artifact.SizeBytes);
            double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
            Log.FurtherSessionMade(_logger, artifact.Digest, isPooled, seconds);
            return session;
        }

        void Failed(Exception exception)
        {
            _metrics?.FurtherSessionsFailed.Inc();
            Log.FurtherSessionFailed(_logger, artifact.Digest, OnnxErrors.Clean(exception.Message));
        }
    }

    private bool HasArena(ModelConfig config) => config.MemoryArena ?? _options.MemoryArena;

    // Threads that a session starts would be as quiet as the one that creates it, also when they run requests: only a session that
    // uses the process's pool or the caller's thread starts none.
    private InferenceSession CreateSession(Func<InferenceSession> create, SessionOptions options, ModelConfig config, CancellationToken cancellationToken)
    {
        using CancellationTokenRegistration stop = cancellationToken.Register(() => options.SetLoadCancellationFlag(true));
        return config.Threads is null or 1 && ProviderOf(config) == CpuProvider ? QuietThread.Run(create) : create();
    }

    private string ProviderOf(ModelConfig config) => config.ExecutionProvider ?? _options.ExecutionProvider;

    private static string Describe(Exception exception, OnnxFileHeader header, ModelArtifact artifact)
    {
        // The session's metadata throws something about numbers, without a name, when it meets an element type that the API does not know.
        foreach ((string name, int type) in header.ElementTypes)
        {
            if (OnnxTypes.UnservableName(type) is { } unservable && exception.Message.Contains("ElementType", StringComparison.Ordinal))
            {
                return $"'{name}' has elements of type {unservable}, which no protocol of the gateway can carry.";
            }
        }

        return exception is OnnxRuntimeException
            ? WithoutFolder(OnnxErrors.Clean(exception.Message), artifact.Directory)
            : $"ONNX Runtime cannot describe the model: {exception.Message}";
    }

    // The folder is a copy for this process alone: it says nothing to operators, and reasons are shown to callers.
    private static string WithoutFolder(string message, string folder) => message
        .Replace(folder + Path.DirectorySeparatorChar, "", StringComparison.Ordinal)
        .Replace(folder, ".", StringComparison.Ordinal)
        .Replace(Path.GetDirectoryName(folder) + Path.DirectorySeparatorChar, "../", StringComparison.Ordinal);

    private static ModelMetadata ReadMetadata(InferenceSession session, OnnxFileHeader header)
    {
        Microsoft.ML.OnnxRuntime.ModelMetadata metadata = session.ModelMetadata;
        string description = metadata.Description.Length > 0 ? metadata.Description : metadata.GraphDescription;
        return new ModelMetadata(header.Producer, description, metadata.CustomMetadataMap, header.Opsets) { NondeterministicNode = header.NondeterministicNode };
    }

    private SessionOptions CreateOptions(ModelConfig config, bool isPooled = true)
    {
        bool arena = HasArena(config);
        var options = new SessionOptions
        {
            GraphOptimizationLevel = config.GraphOptimization switch
            {
                GraphOptimization.Off => GraphOptimizationLevel.ORT_DISABLE_ALL,
                GraphOptimization.Basic => GraphOptimizationLevel.ORT_ENABLE_BASIC,
                GraphOptimization.Extended => GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
                _ => GraphOptimizationLevel.ORT_ENABLE_ALL,
            },
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            EnableCpuMemArena = arena,
            EnableMemoryPattern = arena,
        };
        try
        {
            options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
            options.AddSessionConfigEntry("session.inter_op.allow_spinning", "0");
            if (config.Threads is null && isPooled)
            {
                options.DisablePerSessionThreads();
            }
            else
            {
                // One is the caller's, and no other is started.
                options.IntraOpNumThreads = config.Threads ?? 1;
                options.InterOpNumThreads = 1;
            }

            AppendProvider(options, ProviderOf(config));
            return options;
        }
        catch
        {
            options.Dispose();
            throw;
        }
    }

    private static void AppendProvider(SessionOptions options, string provider)
    {
        if (provider == CpuProvider)
        {
            return;
        }

        try
        {
            switch (provider)
            {
                case "cuda":
                    options.AppendExecutionProvider_CUDA();
                    break;
                case "tensorrt":
                    options.AppendExecutionProvider_Tensorrt();
                    break;
                case "openvino":
                    options.AppendExecutionProvider_OpenVINO();
                    break;
                default:
                    options.AppendExecutionProvider(provider.ToUpperInvariant(), []);
                    break;
            }
        }
        catch (Exception exception) when (exception is OnnxRuntimeException or EntryPointNotFoundException or NotSupportedException)
        {
            string available = string.Join(", ", OrtEnv.Instance().GetAvailableProviders());
            throw new ModelLoadException($"The execution provider '{provider}' is not in this build of ONNX Runtime; it has {available}.", exception);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = EventIds.FurtherSessionFailed, Level = LogLevel.Warning, Message = "A model (artifact {Digest}) gets no further session and goes on with those it has: {Reason}")]
        public static partial void FurtherSessionFailed(ILogger logger, string digest, string reason);

        [LoggerMessage(EventId = EventIds.FurtherSessionMade, Level = LogLevel.Information, Message = "A model (artifact {Digest}) has a further session after {Seconds:0.000} s; on the pool that all models share: {IsPooled}")]
        public static partial void FurtherSessionMade(ILogger logger, string digest, bool isPooled, double seconds);
    }
}
