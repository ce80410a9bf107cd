using System.Buffers;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using ModelGateway.Serving.Diagnostics;
using Prometheus;

namespace ModelGateway.Serving.Caching;

/// <summary>
/// What stands between the prediction cache and a store that others share: whatever the store does, a call here takes no longer than its timeout
/// and throws for nobody but the caller who cancels. A store that fails is not asked until a probe in the background finds it well.
/// </summary>
/// <remarks>
/// Safe for any thread. Two breakers: one for what requests wait for, one for writes, because a store that is full or read-only still answers. While
/// the first is open nothing is asked and nothing written. Owns the store.
/// </remarks>
public sealed partial class SharedPredictions : IAsyncDisposable
{
    // Of a Memcached connection's room for requests a quarter, so that those of others still find some; and what is lost when a piece fails.
    private const int PieceLength = 256;

    private readonly IPredictionStore _store;
    private readonly SharedPredictionOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly StoreCalls _calls;
    private readonly StoreBreaker _reads;
    private readonly StoreBreaker _writes;
    private readonly PredictionWriter _writer;
    private readonly StoreOperation _get;
    private readonly StoreOperation _getMany;
    private readonly StoreOperation _claim;
    private readonly StoreOperation _epochs;
    private readonly StoreOperation _setEpoch;
    private readonly StoreOperation _probe;
    private readonly SemaphoreSlim _probing = new(1);
    private readonly Counter.Child _hits;
    private readonly Counter.Child _misses;
    private readonly Counter.Child[] _unusable;
    private readonly Counter _readBytes;
    private readonly MeanTrip _trip = new();
    private Action<string?>? _epochChanged;

    /// <summary>Takes over <paramref name="store"/>.</summary>
    /// <param name="store">Disposed with this object.</param>
    /// <param name="options">Limits, keys, intervals.</param>
    /// <param name="metrics">Where calls are counted.</param>
    /// <param name="time">The clock of all timeouts and intervals.</param>
    /// <param name="logger">Hears when the store is taken out and when it is back.</param>
    public SharedPredictions(IPredictionStore store, SharedPredictionOptions options, CacheMetrics metrics, TimeProvider time, ILogger<SharedPredictions> logger)
    {
        (_store, _options, _time, _logger) = (store, options, time, logger);
        _calls = new StoreCalls(store, time);
        _reads = new StoreBreaker("read", options, metrics, time, ProbeReadsAsync, OnBreakerChanged);
        _writes = new StoreBreaker("write", options, metrics, time, ProbeAsync, OnBreakerChanged);
        _get = new StoreOperation(metrics, "get", options.Timeout, _reads);
        _getMany = new StoreOperation(metrics, "get_many", options.Timeout, _reads);
        _claim = new StoreOperation(metrics, "claim", options.Timeout, _writes);
        _epochs = new StoreOperation(metrics, "epochs", options.BackgroundTimeout, _reads);
        _setEpoch = new StoreOperation(metrics, "set_epoch", options.BackgroundTimeout, null);
        _probe = new StoreOperation(metrics, "probe", options.Timeout, null);
        _hits = metrics.StoreValues.WithLabels("hit");
        _misses = metrics.StoreValues.WithLabels("miss");
        _unusable = [.. Enum.GetValues<StoredValueState>().Select(state => state == StoredValueState.Ok ? _hits : metrics.StoreValues.WithLabels(state.ToString().ToLowerInvariant()))];
        _readBytes = metrics.StoreReadBytes;
        _writer = new PredictionWriter(_calls, options, store.MaxValueBytes, (_reads, _writes), metrics);
    }

    /// <summary>What metrics and messages call the store.</summary>
    public string Name => _store.Name;

    /// <summary>Whether the store is asked.</summary>
    public bool IsAvailable => !_reads.IsOpen;

    /// <summary>The state of the breaker for what requests wait for.</summary>
    public BreakerState State => _reads.IsOpen ? BreakerState.Open : BreakerState.Closed;

    /// <summary>Why the store is not asked, or nothing is written; null when all is well. Names no address and no secret.</summary>
    public string? Problem => _reads.Problem ?? _writes.Problem;

    /// <summary>Moving average of the time that asking for a single value takes, found or not, opened and all; zero before it was asked some times.</summary>
    public TimeSpan TripTime => _trip.Time;

    /// <summary>The value of a key; null where there is none, or none to be had in time.</summary>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public ValueTask<SharedValue?> GetAsync(PredictionKey key, CancellationToken cancellationToken) =>
        _reads.IsOpen ? default : FetchAsync(key, cancellationToken);

    /// <summary>
    /// The values of several keys, each at its key's place; null where the store did not answer. Many are asked for piece by piece: where a piece fails, or the time that a
    /// request waits is spent, the values of the others are missing as if there were none.
    /// </summary>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public ValueTask<SharedValue?[]?> GetManyAsync(IReadOnlyList<PredictionKey> keys, CancellationToken cancellationToken) =>
        _reads.IsOpen ? default : FetchManyAsync(keys, cancellationToken);

    /// <summary>Has a value written in the background. Never waits.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="payload">Must not change any more.</param>
    /// <param name="madeAt">When it was made.</param>
    /// <param name="freshFor">How long it is fresh from then.</param>
    /// <param name="keepFor">How long the store keeps it, at most; it is shortened a little at random, but not below a second.</param>
    /// <param name="isOneOfMany">It comes with perhaps thousands of others, which fill no more than half of the queue: the other half is for the rest.</param>
    /// <returns>False where it is dropped: too much waits, it is too large, or the store is away.</returns>
    public bool Set(PredictionKey key, ReadOnlyMemory<byte> payload, DateTimeOffset madeAt, TimeSpan freshFor, TimeSpan keepFor, bool isOneOfMany = false) =>
        _writer.Set(key, payload, madeAt, freshFor, keepFor, isOneOfMany);

    /// <summary>A value that was given back, and counted as a hit, is no answer to what was asked: somebody else wrote it.</summary>
    public void CountDamaged() => _unusable[(int)StoredValueState.Damaged].Inc();

    /// <summary>Claims the work on a key among all gateways; null where the store does not say.</summary>
    /// <param name="key">Whose value will be made.</param>
    /// <param name="lifetime">How long the claim holds that is not released; from 10 ms.</param>
    /// <param name="cancellationToken">The caller's.</param>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public async ValueTask<bool?> TryClaimAsync(PredictionKey key, TimeSpan lifetime, CancellationToken cancellationToken)
    {
        // A store that takes no writes grants no claims, and requests would wait for its timeout.
        if (_reads.IsOpen || _writes.IsOpen)
        {
            return null;
        }

        StoreAnswer<bool> answer = await _calls.CallAsync(
            _claim, (key, lifetime), static (store, claim, token) => store.TryClaimAsync(claim.key, claim.lifetime, token), null, cancellationToken);
        return answer.Succeeded ? answer.Value : null;
    }

    /// <summary>Has a claim released in the background, after what <see cref="Set"/> was given for its key before.</summary>
    public void ReleaseClaim(PredictionKey key) => _writer.Release(key);

    /// <summary>The epochs of <paramref name="scopes"/>, see <see cref="IPredictionStore.GetEpochsAsync"/>, each null where the store does not say; null where it says none.</summary>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public async ValueTask<IReadOnlyList<long?>?> GetEpochsAsync(IReadOnlyList<string> scopes, long ifAbsent, CancellationToken cancellationToken)
    {
        if (_reads.IsOpen)
        {
            return null;
        }

        StoreAnswer<IReadOnlyList<long?>> answer = await _calls.CallAsync(
            _epochs, (scopes, ifAbsent), static (store, wanted, token) => store.GetEpochsAsync(wanted.scopes, wanted.ifAbsent, token), null, cancellationToken);
        return answer.Value?.Count == scopes.Count ? answer.Value : null;
    }

    /// <summary>
    /// Sets an epoch; false where the store did not confirm it. It is tried whatever the breaker says: somebody wants old answers gone, and can wait.
    /// </summary>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public async ValueTask<bool> SetEpochAsync(string scope, long epoch, CancellationToken cancellationToken)
    {
        StoreAnswer<bool> answer = await _calls.CallAsync(
            _setEpoch,
            (scope, epoch),
            static async (store, change, token) =>
            {
                await store.SetEpochAsync(change.scope, change.epoch, token);
                return true;
            },
            null,
            cancellationToken);
        return answer.Succeeded;
    }

    /// <summary>
    /// Has <paramref name="changed"/> called, from any thread, when a gateway set the epoch of a scope, and with null when that may have been missed, as
    /// after the store was away. At most one subscriber, before the first call. It must not throw.
    /// </summary>
    public void OnEpochChanged(Action<string?> changed)
    {
        _epochChanged = changed;
        _store.OnEpochChanged(changed);
    }

    /// <summary>Ends what is under way, drops the writes that wait, and disposes the store.</summary>
    public async ValueTask DisposeAsync()
    {
        _reads.Dispose();
        _writes.Dispose();
        await _writer.DisposeAsync();
        try
        {
            await _store.DisposeAsync();
        }
        catch (Exception)
        {
            // The connection of a store that is away may not close well, and nobody is left to be told.
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<SharedValue?> FetchAsync(PredictionKey key, CancellationToken cancellationToken)
    {
        long started = _time.GetTimestamp();
        StoreAnswer<IMemoryOwner<byte>?> answer = await _calls.CallAsync(
            _get, key, static (store, key, token) => store.GetAsync(key, token), static late => late?.Dispose(), cancellationToken);
        if (!answer.Succeeded)
        {
            return null;
        }

        SharedValue? value = Open(key, answer.Value);
        _trip.Observe(_time.GetElapsedTime(started));
        return value;
    }

    private async ValueTask<SharedValue?[]?> FetchManyAsync(IReadOnlyList<PredictionKey> keys, CancellationToken cancellationToken)
    {
        var values = new SharedValue?[keys.Count];
        long started = _time.GetTimestamp();
        if (!await TryFetchPieceAsync(keys, values, 0, cancellationToken))
        {
            return null;
        }

        if (keys.Count <= PieceLength)
        {
            return values;
        }

        // The first has the time of any call. A later one that the end of that time cuts off had less, which says nothing about the store: it is counted as one whose caller left.
        TimeSpan rest = _options.Timeout - _time.GetElapsedTime(started);
        using var spent = new CancellationTokenSource(rest > TimeSpan.Zero ? rest : TimeSpan.Zero, _time);
        await using CancellationTokenRegistration leaving = cancellationToken.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), spent);
        try
        {
            // One after the other: others' requests have their turn in between.
            int from = PieceLength;
            while (from < keys.Count && !_reads.IsOpen && await TryFetchPieceAsync(keys, values, from, spent.Token))
            {
                from += PieceLength;
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // What came in time is of use all the same.
        }

        return values;
    }

    private async ValueTask<bool> TryFetchPieceAsync(IReadOnlyList<PredictionKey> keys, SharedValue?[] values, int from, CancellationToken cancellationToken)
    {
        PredictionKey[] piece = [.. keys.Skip(from).Take(PieceLength)];
        StoreAnswer<IReadOnlyList<IMemoryOwner<byte>?>> answer = await _calls.CallAsync(
            _getMany, piece, static (store, keys, token) => store.GetManyAsync(keys, token), DisposeAll, cancellationToken);
        if (answer.Value?.Count != piece.Length)
        {
            DisposeAll(answer.Value ?? []);
            return false;
        }

        for (int i = 0; i < piece.Length; i++)
        {
            values[from + i] = Open(piece[i], answer.Value[i]);
        }

        return true;
    }

    private SharedValue? Open(PredictionKey key, IMemoryOwner<byte>? stored)
    {
        if (stored is null)
        {
            _misses.Inc();
            return null;
        }

        using (stored)
        {
            ReadOnlySpan<byte> bytes = stored.Memory.Span;
            _readBytes.Inc(bytes.Length);
            StoredValueState state = StoredPrediction.Open(
                key, bytes, _options.Encryption, _options.MaxValueBytes, out byte[] payload, out DateTimeOffset madeAt, out TimeSpan freshFor);
            _unusable[(int)state].Inc();
            return state == StoredValueState.Ok ? new SharedValue(payload, madeAt, freshFor) : null;
        }
    }

    private static void DisposeAll(IReadOnlyList<IMemoryOwner<byte>?> values)
    {
        foreach (IMemoryOwner<byte>? value in values)
        {
            value?.Dispose();
        }
    }

    // What takes no writes, because it is full or a replica, has answers all the same.
    private async Task<bool> ProbeReadsAsync(CancellationToken cancellationToken)
    {
        if (await ProbeAsync(cancellationToken))
        {
            return true;
        }

        var nobodys = new PredictionKey(RandomNumberGenerator.GetBytes(PredictionKey.Size));
        StoreAnswer<IMemoryOwner<byte>?> answer = await _calls.CallAsync(
            _probe, nobodys, static (store, key, token) => store.GetAsync(key, token), static late => late?.Dispose(), cancellationToken);
        answer.Value?.Dispose();
        return answer.Succeeded;
    }

    // Both breakers ask, but one at a time.
    private async Task<bool> ProbeAsync(CancellationToken cancellationToken)
    {
        await _probing.WaitAsync(cancellationToken);
        try
        {
            StoreAnswer<bool> answer = await _calls.CallAsync(
                _probe,
                0,
                static async (store, _, token) =>
                {
                    await store.ProbeAsync(token);
                    return true;
                },
                null,
                cancellationToken);
            return answer.Succeeded;
        }
        finally
        {
            _probing.Release();
        }
    }

    private void OnBreakerChanged(StoreBreaker breaker, bool relapse)
    {
        // A store that comes and goes is told once; the metrics show the rest.
        LogLevel level = relapse ? LogLevel.Debug : breaker.IsOpen ? LogLevel.Warning : LogLevel.Information;
        if (breaker.IsOpen)
        {
            Log.TakenOut(_logger, level, Name, breaker.Calls, breaker.Problem ?? "");
            return;
        }

        if (breaker == _reads)
        {
            _epochChanged?.Invoke(null);
        }

        Log.Back(_logger, level, Name, breaker.Calls);
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = EventIds.CacheStoreTakenOut, Message = "The shared cache {Store} is left alone ({Calls}) until a probe finds it well, predictions go on without it: {Reason}")]
        public static partial void TakenOut(ILogger logger, LogLevel level, string store, string calls, string reason);

        [LoggerMessage(EventId = EventIds.CacheStoreBack, Message = "The shared cache {Store} is used again ({Calls})")]
        public static partial void Back(ILogger logger, LogLevel level, string store, string calls);
    }
}
