using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;

namespace ModelGateway.Serving.Models.Configuration;

/// <summary><c>on</c>, <c>off</c>, or a map of settings, in which the switch is one of the keys.</summary>
internal sealed class ModelCacheType : ConfigType<ModelCacheConfig>
{
    private static readonly ChoiceType<bool> Words = new(("on", true), ("off", false));

    private static readonly ObjectType<ModelCacheConfig> Settings = new(
        "on, off or a map of settings",
        new ModelCacheConfig(),
        new ValueKey<ModelCacheConfig, bool>(
            "enabled",
            new BooleanType(),
            cache => cache.Enabled,
            (cache, isEnabled) => cache with { Enabled = isEnabled })
        {
            Description = "Whether predictions are kept and given again. Those of a graph with random nodes never are.",
            WhenUnset = ModelConfigKeys.GatewaySetting,
        },
        new ValueKey<ModelCacheConfig, long>(
            "ttl",
            QuantityType.Lifetime,
            cache => Seconds(cache.Ttl),
            (cache, seconds) => cache with { Ttl = TimeSpan.FromSeconds(seconds) })
        {
            Description = "How long a prediction is given again after it was computed.",
            WhenUnset = ModelConfigKeys.GatewaySetting,
        },
        new ValueKey<ModelCacheConfig, long>(
            "max_value_bytes",
            QuantityType.Size,
            cache => cache.MaxValueBytes,
            (cache, bytes) => cache with { MaxValueBytes = bytes })
        {
            Description = "Predictions whose outputs are larger are not kept.",
            WhenUnset = ModelConfigKeys.GatewaySetting,
        },
        new ValueKey<ModelCacheConfig, long>(
            "stale_while_revalidate",
            QuantityType.LifetimeOrNone,
            cache => Seconds(cache.StaleWhileRevalidate),
            (cache, seconds) => cache with { StaleWhileRevalidate = TimeSpan.FromSeconds(seconds) })
        {
            Description = "How long after its ttl a prediction is still given, while a new one is computed in the background.",
            WhenUnset = "not at all",
        });

    public override string Text => Settings.Text;

    public override IEnumerable<ConfigRow> Below => Settings.Below;

    public override JsonObject Schema() => new() { ["anyOf"] = new JsonArray(Words.Schema(), Settings.Schema()) };

    public override bool TryRead(ConfigCursor at, [MaybeNullWhen(false)] out ModelCacheConfig value)
    {
        if (at.Node is ConfigNode.Scalar { Kind: ConfigNode.ScalarKind.Text or ConfigNode.ScalarKind.Boolean })
        {
            bool isWord = Words.TryRead(at, out bool isEnabled);
            value = isWord ? new ModelCacheConfig { Enabled = isEnabled } : null;
            return isWord;
        }

        return Settings.TryRead(at, out value);
    }

    /// <summary>Always the map, so that both forms of the switch are the same setting.</summary>
    public override JsonNode Write(ModelCacheConfig value) => Settings.Write(value);

    private static long? Seconds(TimeSpan? time) => (long?)time?.TotalSeconds;
}
