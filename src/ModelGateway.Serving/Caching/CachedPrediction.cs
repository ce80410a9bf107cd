using System.Diagnostics.CodeAnalysis;
using ModelGateway.Serving.Runtime;

namespace ModelGateway.Serving.Caching;

/// <summary>An answer that is remembered. Immutable, and shared by all who are given it: disposing its outputs does nothing.</summary>
public sealed class CachedPrediction
{
    // What an entry takes up besides its payload: the objects, and its place in the cache.
    private const int Overhead = 512;
    private const int OutputOverhead = 200;

    private CachedPrediction(CacheScope scope, byte[] payload, OutputValue[] outputs, DateTimeOffset madeAt, TimeSpan freshFor, TimeSpan runCost)
    {
        Scope = scope;
        Payload = payload;
        Outputs = outputs;
        MadeAt = madeAt;
        FreshFor = freshFor;
        RunCost = runCost;
    }

    /// <summary>The outputs, in the order in which they were asked for.</summary>
    public IReadOnlyList<OutputValue> Outputs { get; }

    /// <summary>When the run that made it ended.</summary>
    public DateTimeOffset MadeAt { get; }

    /// <summary>How long it is fresh from then on.</summary>
    public TimeSpan FreshFor { get; }

    /// <summary>What its run took.</summary>
    public TimeSpan RunCost { get; }

    internal CacheScope Scope { get; }

    internal byte[] Payload { get; }

    /// <summary>What it takes up in memory; bytes.</summary>
    internal long Weight => Payload.Length + Overhead + (OutputOverhead * Outputs.Count);

    /// <summary>A copy of a run's outputs; null where they are larger than <paramref name="most"/>.</summary>
    internal static CachedPrediction? Of(CacheScope scope, IReadOnlyList<OutputValue> outputs, DateTimeOffset madeAt, TimeSpan freshFor, TimeSpan runCost, long most) =>
        PredictionCodec.Encode(outputs, runCost, most) is { } payload && PredictionCodec.TryDecode(payload, out OutputValue[]? views, out _)
            ? new CachedPrediction(scope, payload, views, madeAt, freshFor, runCost)
            : null;

    /// <summary>What came from a store; false if it is no payload.</summary>
    internal static bool TryRead(CacheScope scope, byte[] payload, DateTimeOffset madeAt, TimeSpan freshFor, [NotNullWhen(true)] out CachedPrediction? prediction)
    {
        prediction = PredictionCodec.TryDecode(payload, out OutputValue[]? outputs, out TimeSpan runCost)
            ? new CachedPrediction(scope, payload, outputs, madeAt, freshFor, runCost)
            : null;
        return prediction is not null;
    }
}
