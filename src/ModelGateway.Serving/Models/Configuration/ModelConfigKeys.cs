using System.Globalization;

namespace ModelGateway.Serving.Models.Configuration;

/// <summary>
/// Every key of <c>model.yaml</c>. The reader, the JSON Schema, the table in the docs and the load fingerprint are all made
/// from this list: a new setting is a property of <see cref="ModelConfig"/> and an entry here.
/// </summary>
internal static class ModelConfigKeys
{
    internal const string GatewaySetting = "the gateway's setting";

    private static readonly WordType Label = new("a letter, then up to 63 letters, digits, dots, hyphens or underscores", "[A-Za-z][A-Za-z0-9._-]{0,63}");

    private static readonly WordType Version = new("a version number", "[1-9][0-9]{0,17}");

    private static readonly MapType<string> Facts = new(
        "a map of at most 64 names to texts of 1 to 5000 characters", "NAME", WordType.GraphName, new TextType("a text of 1 to 5000 characters", 5000), max: 64);

    /// <summary>The whole file.</summary>
    public static ObjectType<ModelConfig> File { get; } =
        new("a map of settings", new ModelConfig(), [.. About(), .. Knowing(), .. Running(), .. Answering(), .. Keeping()]);

    private static ConfigKey<ModelConfig>[] About() =>
    [
        new ReferenceKey<ModelConfig, string>(
            "description",
            new TextType("a text of 1 to 1000 characters", 1000),
            config => config.Description,
            (config, text) => config with { Description = ToLine(text) })
        {
            Description = "One line for people: shown in the model's metadata and in Swagger UI.",
            IsLive = true,
            WhenUnset = "none",
        },
        new ReferenceKey<ModelConfig, VersionPolicy>(
            "version_policy",
            new VersionPolicyType(),
            config => config.VersionPolicy,
            (config, policy) => config with { VersionPolicy = policy })
        {
            Description = "Which versions are loaded; versions that carry a label are loaded besides.",
            IsLive = true,
        },
        new ReferenceKey<ModelConfig, IReadOnlyDictionary<string, long>>(
            "labels",
            new MapType<long>("a map of labels to version numbers", "LABEL", Label, new IntegerType(1)),
            config => config.Labels,
            (config, labels) => config with { Labels = labels })
        {
            Description = "Names for versions, for example stable: 3; a caller may write the label where a version stands.",
            IsLive = true,
            WhenUnset = "none",
        },
    ];

    private static ConfigKey<ModelConfig>[] Knowing() =>
    [
        new ReferenceKey<ModelConfig, IReadOnlyDictionary<string, string>>(
            "metadata",
            Facts,
            config => config.Metadata,
            (config, facts) => config with { Metadata = facts })
        {
            Description = "What is known of the model, for example team: vision; shown in its metadata as the parameters metadata.NAME. A change loads nothing anew.",
            IsLive = true,
            WhenUnset = "none",
        },
        new ReferenceKey<ModelConfig, IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>>>(
            "version_metadata",
            new MapType<IReadOnlyDictionary<string, string>>("a map of at most 1000 version numbers to maps like metadata", "VERSION", Version, Facts, max: 1000),
            config => config.VersionMetadata.ToDictionary(pair => pair.Key.ToString(CultureInfo.InvariantCulture), pair => pair.Value),
            (config, facts) => config with { VersionMetadata = ByVersion(facts) })
        {
            Description = "The same for single versions, for example 3: {run_id: 4f1c}; shown beside and before those of the model.",
            IsLive = true,
            WhenUnset = "none",
        },
    ];

    private static ConfigKey<ModelConfig>[] Running() =>
    [
        new ValueKey<ModelConfig, long>(
            "instances",
            new IntegerType(1, 256),
            config => config.Instances,
            (config, count) => config with { Instances = (int)count })
        {
            Description = "Runs that go on at the same time.",
            WhenUnset = "as many as the process may use cores",
        },
        new ValueKey<ModelConfig, long>(
            "weight",
            new IntegerType(1, 100),
            config => config.Weight,
            (config, weight) => config with { Weight = (int)weight })
        {
            Description = "Share of the workers beside other models: with 3 a model gets three times the time of one with 1 while both have requests waiting. Short runs need no worker.",
        },
        new ReferenceKey<ModelConfig, ModelBatchingConfig>(
            "batching",
            new ModelBatchingType(),
            config => config.Batching,
            (config, batching) => config with { Batching = batching })
        {
            Description = "How requests that wait while all instances are busy are run together; off, on and auto are short for the key mode.",
        },
        new ValueKey<ModelConfig, long>(
            "threads",
            new IntegerType(1, 256),
            config => config.Threads,
            (config, count) => config with { Threads = (int)count })
        {
            Description = "Threads inside one run: 1 runs on the caller's thread alone, more gives the model threads of its own.",
            WhenUnset = "those of the pool that all models share while that gets more done, else 1",
        },
        new ValueKey<ModelConfig, GraphOptimization>(
            "graph_optimization",
            new ChoiceType<GraphOptimization>(
                ("off", GraphOptimization.Off),
                ("basic", GraphOptimization.Basic),
                ("extended", GraphOptimization.Extended),
                ("all", GraphOptimization.All)),
            config => config.GraphOptimization,
            (config, level) => config with { GraphOptimization = level })
        {
            Description = "What ONNX Runtime may do to the graph before it runs; extended adds fusions to basic, all adds changes of memory layout.",
        },
        new ReferenceKey<ModelConfig, string>(
            "execution_provider",
            new WordType("a lower-case name such as cpu", "[a-z][a-z0-9_-]{0,31}"),
            config => config.ExecutionProvider,
            (config, name) => config with { ExecutionProvider = name })
        {
            Description = "ONNX Runtime's execution provider, in lower case.",
            WhenUnset = GatewaySetting,
        },
        new ValueKey<ModelConfig, bool>(
            "memory_arena",
            new BooleanType(),
            config => config.MemoryArena,
            (config, isKept) => config with { MemoryArena = isKept })
        {
            Description = "Keep ONNX Runtime's memory arena for this model: faster with shapes that repeat, more memory with shapes that vary.",
            WhenUnset = GatewaySetting,
        },
        new ValueKey<ModelConfig, bool>(
            "pinned",
            new BooleanType(),
            config => config.Pinned,
            (config, isPinned) => config with { Pinned = isPinned })
        {
            Description = "The model stays in memory when others need room, and is loaded at once where the gateway loads models on demand.",
            IsLive = true,
        },
        new ReferenceKey<ModelConfig, WarmupConfig>(
            "warmup",
            new WarmupType(),
            config => config.Warmup,
            (config, warmup) => config with { Warmup = warmup })
        {
            Description = "What runs before a version is ready. auto makes up one request of zeros, whose failing is no fault; a request written here must succeed.",
        },
    ];

    private static ConfigKey<ModelConfig>[] Answering() =>
    [
        new ReferenceKey<ModelConfig, IReadOnlyDictionary<string, IReadOnlyList<string>>>(
            "class_labels",
            new MapType<IReadOnlyList<string>>(
                "a map of output names to lists of class names",
                "NAME",
                WordType.GraphName,
                new ListType<string>("a list of class names", new TextType("a class name of 1 to 1000 characters", 1000), min: 1)),
            config => config.ClassLabels,
            (config, labels) => config with { ClassLabels = labels })
        {
            Description = "For an output, the name of each class by its index in the last dimension; the classification extension writes them.",
            WhenUnset = "none",
        },
        new ReferenceKey<ModelConfig, ModelLimits>(
            "limits",
            ModelLimitsKeys.Limits,
            config => config.Limits,
            (config, limits) => config with { Limits = limits })
        {
            Description = "Bounds on what callers may ask of this model.",
        },
    ];

    private static ConfigKey<ModelConfig>[] Keeping() =>
    [
        new ReferenceKey<ModelConfig, ModelCacheConfig>(
            "cache",
            new ModelCacheType(),
            config => config.Cache,
            (config, cache) => config with { Cache = cache })
        {
            Description = "How predictions of this model are kept and given again; on and off are short for the key enabled.",
        },
        new ValueKey<ModelConfig, bool>(
            "rows_independent",
            new BooleanType(),
            config => config.RowsIndependent,
            (config, isIndependent) => config with { RowsIndependent = isIndependent })
        {
            Description = "Each row of a batch is answered by that row alone, so rows may be kept one by one. It is tried at load; a model that answers otherwise is served all the same.",
        },
    ];

    // A map that was read with faults has keys that are no numbers; nobody will use it.
    private static Dictionary<long, IReadOnlyDictionary<string, string>> ByVersion(IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> facts) => facts
        .Where(pair => Version.IsMatch(pair.Key))
        .ToDictionary(pair => long.Parse(pair.Key, CultureInfo.InvariantCulture), pair => pair.Value);

    // Block texts end in a newline that nobody meant.
    private static string? ToLine(string text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();
}
