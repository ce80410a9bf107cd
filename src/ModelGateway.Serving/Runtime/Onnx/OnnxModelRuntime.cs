using Microsoft.Extensions.Logging;
using Microsoft.ML.OnnxRuntime;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>Loads ONNX files into sessions that share the process's thread pool.</summary>
public sealed class OnnxModelRuntime : IModelRuntime
{
    // Measured over tiny to large models: a session holds 1.5 to 2.1 times its file, and some 0.4 MB at least.
    private const double MemoryPerFileByte = 2.2;
    private const long MemoryOfAnySession = 4 << 20;
    private const string CpuProvider = "cpu";
    private readonly OnnxOptions _options;

    /// <summary>Makes ONNX Runtime's environment, once a process.</summary>
    public OnnxModelRuntime(OnnxOptions options, ILogger<OnnxModelRuntime> logger)
    {
        _options = options;

        // .NET counts the container's quota; the runtime itself would count the machine's cores.
        OnnxEnvironment.EnsureCreated(options.Threads ?? Environment.ProcessorCount, logger);
    }

    /// <inheritdoc/>
    public IModelInstance Load(ModelArtifact artifact, ModelConfig config, CancellationToken cancellationToken)
    {
        using OnnxModelSource source = OnnxModelSource.Open(artifact, _options.Encryption, cancellationToken);
        OnnxFileHeader header = source.Header;
        bool arena = config.MemoryArena ?? _options.MemoryArena;
        using SessionOptions options = CreateOptions(config, arena);
        using CancellationTokenRegistration stop = cancellationToken.Register(() => options.SetLoadCancellationFlag(true));
        InferenceSession? session = null;
        try
        {
            session = CreateSession(source, options, config);
            ModelSignature signature = OnnxSignatureReader.Read(session, header);
            long memory = (long)(artifact.SizeBytes * MemoryPerFileByte) + MemoryOfAnySession;
            return new OnnxModelInstance(session, signature, ReadMetadata(session, header), memory, arena);
        }
        catch (Exception exception)
        {
            session?.Dispose();
            cancellationToken.ThrowIfCancellationRequested();
            throw exception as ModelLoadException ?? new ModelLoadException(Describe(exception, header, artifact), exception);
        }
    }

    // Threads that a session starts would be as quiet as the one that creates it, also when they run requests: only a session that
    // uses the process's pool or the caller's thread starts none.
    private InferenceSession CreateSession(OnnxModelSource source, SessionOptions options, ModelConfig config) =>
        config.Threads is null or 1 && ProviderOf(config) == CpuProvider
            ? QuietThread.Run(() => source.CreateSession(options))
            : source.CreateSession(options);

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

    private SessionOptions CreateOptions(ModelConfig config, bool arena)
    {
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
            if (config.Threads is { } threads)
            {
                options.IntraOpNumThreads = threads;
                options.InterOpNumThreads = 1;
            }
            else
            {
                options.DisablePerSessionThreads();
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
}
