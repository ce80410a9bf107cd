using System.IO.Hashing;
using System.Security.Cryptography;
using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Diagnostics;

namespace ModelGateway.Caching;

/// <summary>
/// Finished answers by the bytes of the body: a request that was answered before, byte by byte the same, is answered without being parsed.
/// </summary>
/// <remarks>
/// <para>The hash is a fast one with a seed that nobody outside knows, and the kept body is compared in full: equal hashes of different bodies are
/// a miss, so there is nothing to gain from making them.</para>
/// <para>A body is kept when it is seen the second time: most are seen once, and are then neither copied nor allowed to push others out.</para>
/// </remarks>
internal sealed class AnswerCache : IDisposable
{
    private const string Level = "answer";
    private readonly long _seed = BitConverter.ToInt64(RandomNumberGenerator.GetBytes(sizeof(long)));
    private readonly WeightedLfuCache<UInt128, FinishedAnswer> _answers;
    private readonly PredictionCache _predictions;
    private readonly ServingMetrics _metrics;

    // The last hash that fell into each place. Written by all requests without a lock: a lost one is seen once more.
    private readonly uint[] _seen = new uint[1 << 16];

    public AnswerCache(long maxBytes, PredictionCache predictions, ServingMetrics metrics)
    {
        IsOff = maxBytes == 0;
        _answers = new WeightedLfuCache<UInt128, FinishedAnswer>(Math.Max(1, maxBytes));
        _predictions = predictions;
        _metrics = metrics;
        predictions.ScopeClosed += Forget;
    }

    /// <summary>Nothing is kept.</summary>
    public bool IsOff { get; }

    /// <summary>Whether an answer of so many bytes, with its request's, can be kept.</summary>
    public bool Takes(long bytes) => bytes < _answers.CapacityBytes / 8;

    /// <summary>The hash of a request and its body.</summary>
    public UInt128 Hash(in AnswerRequest request, ReadOnlySpan<byte> body) =>
        XxHash128.HashToUInt128(body, _seed ^ request.Scope.Salt ^ HashCode.Combine(request.Protocol, request.BinaryStart, request.Tenant, request.Asked.Version, request.Asked.Label));

    /// <summary>The answer to the same request with the same body; null where there is none.</summary>
    public FinishedAnswer? Find(UInt128 hash, in AnswerRequest request, ReadOnlySpan<byte> body) =>
        _answers.TryGet(hash, out FinishedAnswer? answer) && answer.Request == request && answer.RequestBody.AsSpan().SequenceEqual(body) ? answer : null;

    /// <summary>Whether the answer to a body that was not found should be kept: it was asked for before.</summary>
    public bool WasSeen(UInt128 hash)
    {
        ref uint place = ref _seen[(int)(hash & 0xffff)];
        uint mark = (uint)(hash >> 32) | 1;
        bool wasSeen = place == mark;
        place = mark;
        return wasSeen;
    }

    /// <summary>Keeps an answer.</summary>
    public void Keep(UInt128 hash, FinishedAnswer answer) => _answers.Set(hash, answer, answer.Weight);

    /// <summary>Removes one that is past its time.</summary>
    public void Forget(UInt128 hash, FinishedAnswer answer) => _answers.Remove(hash, answer);

    /// <summary>Shows its state in the metrics.</summary>
    public void Report()
    {
        _metrics.CacheBytes.WithLabels(Level).Set(_answers.Bytes);
        _metrics.CacheEntries.WithLabels(Level).Set(_answers.Count);
        _metrics.CacheEvictions.WithLabels(Level).IncTo(_answers.Evictions);
        _metrics.CacheRefusals.WithLabels(Level).IncTo(_answers.Refusals);
    }

    public void Dispose() => _predictions.ScopeClosed -= Forget;

    private void Forget(CacheScope scope) => _answers.RemoveWhere((_, answer) => ReferenceEquals(answer.Request.Scope, scope));
}
