using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;

namespace ModelGateway.Serving.Models.Configuration;

/// <summary><c>off</c>, <c>on</c>, <c>auto</c>, or a map of settings, in which the mode is one of the keys.</summary>
internal sealed class ModelBatchingType : ConfigType<ModelBatchingConfig>
{
    private static readonly ChoiceType<BatchingMode> Modes = new(("off", BatchingMode.Off), ("on", BatchingMode.On), ("auto", BatchingMode.Automatic));

    private static readonly ObjectType<ModelBatchingConfig> Settings = new(
        "off, on, auto or a map of settings",
        new ModelBatchingConfig(),
        new ValueKey<ModelBatchingConfig, BatchingMode>(
            "mode",
            Modes,
            batching => batching.Mode,
            (batching, mode) => batching with { Mode = mode })
        {
            Description = "auto: where trying it at load shows that it changes no answer, and measuring shows that it pays. on: always, unless trying it shows that it changes answers.",
        },
        new ValueKey<ModelBatchingConfig, long>(
            "max_batch_size",
            new IntegerType(1, 1_000_000),
            batching => batching.MaxBatchSize,
            (batching, rows) => batching with { MaxBatchSize = (int)rows })
        {
            Description = "Most rows that are put together; limits.max_batch_size holds as well.",
        },
        new ReferenceKey<ModelBatchingConfig, IReadOnlyList<long>>(
            "preferred_sizes",
            new ListType<long>("a list of at most 32 numbers of rows", new IntegerType(1, 1_000_000), max: 32, isUnique: true),
            batching => [.. batching.PreferredSizes.Select(size => (long)size)],
            (batching, sizes) => batching with { PreferredSizes = [.. sizes.Select(size => (int)size).Order()] })
        {
            Description = "Rows that a batch should have: of what waits, as much is taken as the largest of these that it reaches.",
            WhenUnset = "none",
        },
        new ValueKey<ModelBatchingConfig, long>(
            "max_delay",
            QuantityType.Delay,
            batching => (long?)batching.MaxDelay?.TotalMilliseconds,
            (batching, milliseconds) => batching with { MaxDelay = TimeSpan.FromMilliseconds(milliseconds) })
        {
            Description = "How long a request waits for others although it could run; one that is alone and known to be short never waits.",
            WhenUnset = "not at all",
        });

    public override string Text => Settings.Text;

    public override IEnumerable<ConfigRow> Below => Settings.Below;

    public override JsonObject Schema() => new() { ["anyOf"] = new JsonArray(Modes.Schema(), Settings.Schema()) };

    public override bool TryRead(ConfigCursor at, [MaybeNullWhen(false)] out ModelBatchingConfig value)
    {
        if (at.Node is ConfigNode.Scalar { Kind: ConfigNode.ScalarKind.Text or ConfigNode.ScalarKind.Boolean })
        {
            bool isWord = Modes.TryRead(at, out BatchingMode mode);
            value = isWord ? new ModelBatchingConfig { Mode = mode } : null;
            return isWord;
        }

        return Settings.TryRead(at, out value);
    }

    /// <summary>Always the map, so that both forms are the same setting.</summary>
    public override JsonNode Write(ModelBatchingConfig value) => Settings.Write(value);
}
