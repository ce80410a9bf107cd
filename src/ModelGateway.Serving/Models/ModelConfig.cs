using ModelGateway.Serving.Models.Configuration;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Models;

/// <summary>
/// The live settings of one model, from its <c>model.yaml</c>. Immutable: a changed file makes a new one.
/// Every property has a default, so a model without the file has <see cref="Default"/>.
/// </summary>
public sealed record ModelConfig
{
    /// <summary>What holds without a <c>model.yaml</c>.</summary>
    public static ModelConfig Default { get; } = new() { LoadFingerprint = ModelConfigFingerprint.Of(new ModelConfig()) };

    /// <summary>One line for people: shown in the metadata and in Swagger UI.</summary>
    public string? Description { get; init; }

    /// <summary>Which versions are loaded; versions that carry a label are loaded besides.</summary>
    public VersionPolicy VersionPolicy { get; init; } = VersionPolicy.Default;

    /// <summary>Label to version, for example <c>stable</c> to 3.</summary>
    public IReadOnlyDictionary<string, long> Labels { get; init; } = new Dictionary<string, long>();

    /// <summary>What is known of the model, for people and tools: shown in its metadata.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>();

    /// <summary>What is known of single versions besides, by version: shown in their metadata.</summary>
    public IReadOnlyDictionary<long, IReadOnlyDictionary<string, string>> VersionMetadata { get; init; } = new Dictionary<long, IReadOnlyDictionary<string, string>>();

    /// <summary>Runs at the same time; null: as many as the process may use cores.</summary>
    public int? Instances { get; init; }

    /// <summary>The model's share of the workers beside other models, from 1 to 100.</summary>
    public int Weight { get; init; } = 1;

    /// <summary>
    /// Threads inside one run: null for those of the process's pool while that gets more done and else one, 1 runs on the caller's
    /// thread alone, more gives the model threads of its own.
    /// </summary>
    public int? Threads { get; init; }

    /// <summary>What ONNX Runtime may do to the graph before it runs.</summary>
    public GraphOptimization GraphOptimization { get; init; } = GraphOptimization.All;

    /// <summary>Lower-case name of ONNX Runtime's execution provider; null: the gateway's setting.</summary>
    public string? ExecutionProvider { get; init; }

    /// <summary>Keep ONNX Runtime's memory arena for this model; null: the gateway's setting.</summary>
    public bool? MemoryArena { get; init; }

    /// <summary>It stays in memory whatever else is needed, and is loaded when it is found, also where others are loaded on demand.</summary>
    public bool Pinned { get; init; }

    /// <summary>What runs before the version is Ready.</summary>
    public WarmupConfig Warmup { get; init; } = WarmupConfig.Automatic;

    /// <summary>Per output, the name of each class by its index in the last dimension; the classification extension writes them.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> ClassLabels { get; init; } = new Dictionary<string, IReadOnlyList<string>>();

    /// <summary>Bounds on what callers may ask of this model.</summary>
    public ModelLimits Limits { get; init; } = new();

    /// <summary>How requests that wait are run together.</summary>
    public ModelBatchingConfig Batching { get; init; } = new();

    /// <summary>How predictions are kept.</summary>
    public ModelCacheConfig Cache { get; init; } = new();

    /// <summary>Each row of a batch is answered by that row alone. Said by the operator; whether it holds is tried when a version is loaded.</summary>
    public bool RowsIndependent { get; init; }

    /// <summary>
    /// Two configurations with the same value here need the same session: what differs (labels, version policy) takes effect without a reload.
    /// </summary>
    public string LoadFingerprint { get; init; } = "";
}

/// <summary>ONNX Runtime's graph optimization levels.</summary>
public enum GraphOptimization
{
    /// <summary>The graph runs as it is.</summary>
    Off,

    /// <summary>Constant folding and removal of redundant nodes.</summary>
    Basic,

    /// <summary>Basic, and fusions of nodes.</summary>
    Extended,

    /// <summary>Extended, and changes of memory layout.</summary>
    All,
}

/// <summary>Bounds on what callers may ask of one model; null means the gateway's setting, or none where it has none.</summary>
public sealed record ModelLimits
{
    /// <summary>Largest leading dimension of any input whose leading dimension is free; rows.</summary>
    public int? MaxBatchSize { get; init; }

    /// <summary>Largest request body after decompression; bytes.</summary>
    public long? MaxBodyBytes { get; init; }

    /// <summary>Requests that may wait for an instance.</summary>
    public int? QueueLength { get; init; }

    /// <summary>Longest time for waiting and running together.</summary>
    public TimeSpan? Timeout { get; init; }
}

/// <summary>What runs on a version before it is Ready.</summary>
/// <param name="Enabled">False: nothing runs.</param>
/// <param name="Requests">
/// The requests to run; a failing one fails the version. Empty: one request of zeros is made from the signature, and
/// that it fails is no fault of the version.
/// </param>
public sealed record WarmupConfig(bool Enabled, IReadOnlyList<WarmupRequest> Requests)
{
    /// <summary>One made-up request.</summary>
    public static WarmupConfig Automatic { get; } = new(true, []);

    /// <summary>No warm-up.</summary>
    public static WarmupConfig Off { get; } = new(false, []);
}

/// <summary>One request to warm up with.</summary>
/// <param name="Inputs">By input name.</param>
/// <param name="Count">How often it runs, at least 1.</param>
public sealed record WarmupRequest(IReadOnlyDictionary<string, WarmupInput> Inputs, int Count);

/// <summary>The data of one warm-up input: a value as written in the file, or a shape to fill.</summary>
public abstract record WarmupInput
{
    private WarmupInput()
    {
    }

    /// <summary>Makes the tensor.</summary>
    /// <exception cref="FormatException">The value does not fit the input; the message says how.</exception>
    public abstract Tensor ToTensor(TensorSpec spec);

    /// <summary>Every element is the same (zero, one) or pseudo-random, always in the same order.</summary>
    /// <param name="Shape">Dimensions.</param>
    /// <param name="Kind">What the elements are.</param>
    public sealed record Filled(IReadOnlyList<long> Shape, WarmupFill Kind) : WarmupInput
    {
        /// <inheritdoc/>
        public override Tensor ToTensor(TensorSpec spec) => TensorFiller.Fill(spec.Type, [.. Shape], Kind);
    }

    /// <summary>Scalars in row-major order with the shape that their nesting gave.</summary>
    /// <param name="Shape">Dimensions.</param>
    /// <param name="Scalars">As written in the file.</param>
    public sealed record Literal(IReadOnlyList<long> Shape, IReadOnlyList<string> Scalars) : WarmupInput
    {
        /// <inheritdoc/>
        public override Tensor ToTensor(TensorSpec spec) => TensorFiller.Parse(spec.Name, spec.Type, [.. Shape], Scalars);
    }
}
