namespace ModelGateway.Serving.Models;

/// <summary>How the predictions of one model are kept; null means the gateway's setting, or none where it has none.</summary>
public sealed record ModelCacheConfig
{
    /// <summary>Whether they are kept at all. A model whose graph is not deterministic is never cached, whatever stands here.</summary>
    public bool? Enabled { get; init; }

    /// <summary>How long an answer is given again after it was computed, from a second to 30 days.</summary>
    public TimeSpan? Ttl { get; init; }

    /// <summary>Larger predictions are not kept; bytes of all outputs together.</summary>
    public long? MaxValueBytes { get; init; }

    /// <summary>How long after its end an answer is still given, while a new one is computed; null or zero: not at all.</summary>
    public TimeSpan? StaleWhileRevalidate { get; init; }
}
