using System.Buffers;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using ModelGateway.Serving.Caching;

namespace ModelGateway.Caching.Memcached;

/// <summary>
/// Predictions in one or several Memcached servers, by the meta commands. It cannot announce epochs; after a lost connection it says that they may
/// have changed. Lifetimes last up to two seconds longer than they are meant to: the server counts whole seconds, and drops the first.
/// </summary>
public sealed class MemcachedPredictionStore : IPredictionStore
{
    // What is more is a date for the server.
    private const long LongestLifetime = 60 * 60 * 24 * 30;
    private const long ProbeLifetime = 60;

    private readonly byte[] _owner = RandomNumberGenerator.GetBytes(16);
    private readonly MemcachedKeys _keys;
    private readonly MemcachedRing _ring;
    private readonly MemcachedNode[] _nodes;
    private readonly MemcachedEpochs _epochs;
    private readonly byte[] _probe;
    private readonly TimeProvider _time;

    internal MemcachedPredictionStore(IReadOnlyList<MemcachedAddress> servers, MemcachedCacheOptions options, ILogger logger, TimeProvider time)
    {
        MaxValueBytes = options.MaxValueBytes;
        _keys = new MemcachedKeys(options.KeyPrefix);
        _ring = new MemcachedRing(servers);
        _nodes = [.. servers.Select(server => new MemcachedNode(server, options, logger, time))];
        _epochs = new MemcachedEpochs(_keys, _ring, _nodes);
        _probe = _keys.OfProbe(Convert.ToHexStringLower(_owner));
        _time = time;
    }

    public string Name => "memcached";

    public int MaxValueBytes { get; }

    public bool EndsCancelledCalls => true;

    public async ValueTask<IMemoryOwner<byte>?> GetAsync(PredictionKey key, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        MemcachedBatch batch = NewBatch();
        return (await batch.AnswerAsync(Get(batch, key), cancellationToken)).Value;
    }

    /// <summary>As the interface says; where some servers fail and others do not, the values of those that do are null.</summary>
    public async ValueTask<IReadOnlyList<IMemoryOwner<byte>?>> GetManyAsync(IReadOnlyList<PredictionKey> keys, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        MemcachedBatch batch = NewBatch();
        MemcachedRequest[] requests = [.. keys.Select(key => Get(batch, key))];
        await batch.SettleAsync(requests, cancellationToken);
        IMemoryOwner<byte>?[] values = [.. requests.Select(request => request.Task.IsCompletedSuccessfully ? request.Task.Result.Value : null)];
        if (requests.Any(request => request.Task.IsCanceled))
        {
            foreach (IMemoryOwner<byte>? value in values)
            {
                value?.Dispose();
            }

            cancellationToken.ThrowIfCancellationRequested();
        }

        if (requests.Length > 0 && requests.All(request => request.Task.IsFaulted))
        {
            await requests[0].Task;
        }

        return values;
    }

    public async ValueTask SetAsync(PredictionKey key, ReadOnlyMemory<byte> value, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value.Length, MaxValueBytes, nameof(value));
        MemcachedBatch batch = NewBatch();
        await batch.AnswerAsync(Set(batch, key, value.Span, ExpiryOf(lifetime)), cancellationToken);
    }

    public async ValueTask<bool> TryClaimAsync(PredictionKey key, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        byte[] name = _keys.OfClaim(key);
        MemcachedBatch batch = NewBatch();
        MemcachedAnswer answer = await batch.AnswerAsync(batch.To(name).Add(name, _owner, ExpiryOf(lifetime)), cancellationToken);
        return answer.Code == AnswerCodes.Done;
    }

    public async ValueTask ReleaseClaimAsync(PredictionKey key, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        byte[] name = _keys.OfClaim(key);
        MemcachedBatch batch = NewBatch();
        MemcachedAnswer claim = await batch.AnswerAsync(batch.To(name).Get(name, withCas: true), cancellationToken);
        using IMemoryOwner<byte>? owner = claim.Value;
        if (owner?.Memory.Span.SequenceEqual(_owner) == true)
        {
            // This very claim: it may end, and another's begin, meanwhile.
            batch = NewBatch();
            await batch.AnswerAsync(batch.To(name).Delete(name, claim.Cas), cancellationToken);
        }
    }

    public async ValueTask<IReadOnlyList<long?>> GetEpochsAsync(IReadOnlyList<string> scopes, long ifAbsent, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return await _epochs.GetAsync(scopes, ifAbsent, cancellationToken);
    }

    public async ValueTask SetEpochAsync(string scope, long epoch, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        await _epochs.SetAsync(scope, epoch, cancellationToken);
    }

    /// <summary>Called with null alone, when a connection that was lost is there again: the server may have lost its epochs.</summary>
    public void OnEpochChanged(Action<string?> changed)
    {
        foreach (MemcachedNode node in _nodes)
        {
            node.OnReturned(() => changed(null));
        }
    }

    /// <summary>Completes when one of the servers answers and takes writes: its keys are of use while the others are away.</summary>
    public async ValueTask ProbeAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        List<Task> probes = [.. _nodes.Select(node => ProbeAsync(node, cancellationToken))];
        while (await Task.WhenAny(probes) is { IsCompletedSuccessfully: false } failed)
        {
            probes.Remove(failed);
            if (probes.Count == 0)
            {
                await failed;
            }
        }
    }

    public async ValueTask DisposeAsync() => await Task.WhenAll(_nodes.Select(node => node.DisposeAsync().AsTask()));

    private MemcachedBatch NewBatch() => new(_ring, _nodes);

    private MemcachedRequest Get(MemcachedBatch batch, PredictionKey key)
    {
        ReadOnlySpan<byte> name = _keys.OfValue(key, stackalloc byte[MemcachedKeys.MaxLength]);
        return batch.To(name).Get(name);
    }

    private MemcachedRequest Set(MemcachedBatch batch, PredictionKey key, ReadOnlySpan<byte> value, long expiry)
    {
        ReadOnlySpan<byte> name = _keys.OfValue(key, stackalloc byte[MemcachedKeys.MaxLength]);
        return batch.To(name).Set(name, value, expiry);
    }

    private async Task ProbeAsync(MemcachedNode node, CancellationToken cancellationToken)
    {
        byte[] written = RandomNumberGenerator.GetBytes(16);
        var batch = new MemcachedBatch(MemcachedRing.OfOne, [node]);
        await batch.AnswerAsync(batch.To(_probe).Set(_probe, written, ProbeLifetime), cancellationToken);
        batch = new MemcachedBatch(MemcachedRing.OfOne, [node]);
        MemcachedAnswer answer = await batch.AnswerAsync(batch.To(_probe).Get(_probe), cancellationToken);
        using IMemoryOwner<byte>? read = answer.Value;
        if (read?.Memory.Span.SequenceEqual(written) != true)
        {
            throw new IOException("Memcached does not give back what it took.");
        }
    }

    // The server's clock moves once a second, and an item ends with the tick that it names: the second that has begun does not count.
    private long ExpiryOf(TimeSpan lifetime)
    {
        long seconds = Math.Max(1, (long)Math.Ceiling(lifetime.TotalSeconds)) + 1;
        return seconds <= LongestLifetime ? seconds : Math.Min(_time.GetUtcNow().ToUnixTimeSeconds() + seconds, int.MaxValue);
    }
}
