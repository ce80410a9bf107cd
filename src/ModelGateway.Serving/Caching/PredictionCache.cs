using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Models;

namespace ModelGateway.Serving.Caching;

/// <summary>
/// What predictions are remembered in: memory first, then a store that several gateways share, where there is one. It knows nothing of
/// requests and runs; <c>CachedPredictor</c> leads those through it.
/// </summary>
/// <remarks>
/// The epochs of models and versions are kept in <c>_epochs</c>, guarded by <c>_gate</c>. Without a store they are this process's own; with one they are the store's,
/// and until they are known nothing is asked for there or put there. A version whose epoch changes gets a new scope; what was kept under the
/// old one can be found no more, and is removed from memory. The caches of versions that left the memory for others and will come back are
/// in <c>_resting</c>, and stay open: a purge reaches them too.
/// </remarks>
public sealed partial class PredictionCache : IAsyncDisposable
{
    private const string MemoryLevel = "memory";

    private readonly Lock _gate = new();
    private readonly Dictionary<string, long> _epochs = new(StringComparer.Ordinal);
    private readonly HashSet<string> _untold = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<ServableCache, bool> _open = new();
    private readonly Dictionary<ServableId, ServableCache> _resting = [];
    private readonly WeightedLfuCache<PredictionKey, CachedPrediction> _memory;
    private readonly CacheOptions _options;
    private readonly ServingMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _wakeEpochs = new(0, 1);
    private readonly Task _epochLoop;
    private bool _areEpochsShared;

    /// <summary>A cache that is empty but for what the store holds.</summary>
    public PredictionCache(CacheOptions options, SharedPredictions? shared, ServingMetrics metrics, TimeProvider time)
    {
        _options = options;
        _metrics = metrics;
        _time = time;
        _memory = new WeightedLfuCache<PredictionKey, CachedPrediction>(Math.Max(1, options.MaxBytes));
        Shared = shared;
        Keys = new PredictionKeyWriter(options.KeySecret);
        shared?.OnEpochChanged(_ => WakeEpochs());
        _epochLoop = shared is null ? Task.CompletedTask : Task.Run(WatchEpochsAsync);
    }

    /// <summary>Raised, from any thread, with the scope that is out of reach from now on.</summary>
    public event Action<CacheScope>? ScopeClosed;

    /// <summary>The shared store; null where there is none.</summary>
    public SharedPredictions? Shared { get; }

    /// <summary>Whether anything is remembered at all.</summary>
    public bool IsEnabled => _options.Enabled;

    /// <summary>Whether replicas wait for each other's runs.</summary>
    public bool CoalescesAcrossReplicas => _options.CoalesceAcrossReplicas && Shared is not null;

    /// <summary>The shared store, whether it pays or not; null where there is none, it is away, or its epochs are not known.</summary>
    public SharedPredictions? StoreOf(CacheScope scope) => Shared is { IsAvailable: true } store && scope.IsShared ? store : null;

    /// <summary>The shared store, where it should be asked for answers of a version; null where there is none, it is away, its epochs are not known, or it does not pay.</summary>
    public SharedPredictions? StoreToAsk(ServableCache cache, CacheScope scope) =>
        StoreOf(scope) is { } store && cache.Economy.ShouldAskStore(store.TripTime) ? store : null;

    /// <summary>The shared store, where answers of a version should be put there; null where not.</summary>
    public SharedPredictions? StoreToFill(ServableCache cache, CacheScope scope) =>
        StoreOf(scope) is { } store && cache.Economy.ShouldFillStore(store.TripTime) ? store : null;

    /// <summary>Entries in memory.</summary>
    public int Count => _memory.Count;

    /// <summary>Makes keys.</summary>
    internal PredictionKeyWriter Keys { get; }

    /// <summary>The cache of a version that was loaded.</summary>
    /// <param name="id">Model and version.</param>
    /// <param name="digest">The artifact's digest.</param>
    /// <param name="config">Its configuration.</param>
    /// <param name="signature">Its outputs.</param>
    /// <param name="nondeterministicNode">A node of its graph that answers differently on every run; null where there is none.</param>
    /// <param name="answersRowsAlone">Whether each row of a batch is answered by that row alone.</param>
    public ServableCache Open(ServableId id, string digest, ModelConfig config, ModelSignature signature, string? nondeterministicNode, bool answersRowsAlone)
    {
        string? refusal = nondeterministicNode is not null ? "not_deterministic"
            : !_options.Enabled || config.Cache.Enabled == false ? "off"
            : null;
        var rules = new CacheRules(
            refusal,
            config.Cache.Ttl ?? _options.Ttl,
            config.Cache.StaleWhileRevalidate ?? TimeSpan.Zero,
            config.Cache.MaxValueBytes ?? _options.MaxValueBytes,
            answersRowsAlone);
        var cache = new ServableCache(this, id, digest, $"{_options.Runtime} {config.LoadFingerprint}", signature, rules);
        lock (_gate)
        {
            ForgetUnwatched(id);
            _open[cache] = true;
            Renew(cache);
            if (_resting.Remove(id, out ServableCache? before))
            {
                TakeOver(before, cache);
            }
        }

        if (refusal is null)
        {
            WakeEpochs();
        }

        return cache;
    }

    /// <summary>A prediction in memory, of whatever age.</summary>
    public bool TryGet(PredictionKey key, [NotNullWhen(true)] out CachedPrediction? prediction) => _memory.TryGet(key, out prediction);

    /// <summary>Remembers in memory, unless its scope was closed meanwhile.</summary>
    /// <param name="cache">Of the version that it is an answer of.</param>
    /// <param name="key">Its key.</param>
    /// <param name="prediction">The answer.</param>
    /// <returns>Whether it is kept for now: what is heavy, or rarely asked for, may not be.</returns>
    public bool Keep(ServableCache cache, PredictionKey key, CachedPrediction prediction) =>
        ReferenceEquals(cache.Scope, prediction.Scope) && _memory.Set(key, prediction, prediction.Weight);

    /// <summary>Removes what is past its use; no other that took its place.</summary>
    public void Forget(PredictionKey key, CachedPrediction prediction) => _memory.Remove(key, prediction);

    /// <summary>Forgets a version that is gone for good, in all replicas; in the background, for callers that hold locks.</summary>
    public void Forget(ServableId id) => _ = Task.Run(async () =>
    {
        lock (_gate)
        {
            if (_resting.Remove(id, out ServableCache? before))
            {
                Close(before);
            }
        }

        await PurgeAsync(id.Model, id.Version);
    });

    /// <summary>Shows the state of the memory in the metrics; to be called before they are read.</summary>
    public void Report()
    {
        _metrics.CacheBytes.WithLabels(MemoryLevel).Set(_memory.Bytes);
        _metrics.CacheEntries.WithLabels(MemoryLevel).Set(_memory.Count);
        _metrics.CacheEvictions.WithLabels(MemoryLevel).IncTo(_memory.Evictions);
        _metrics.CacheRefusals.WithLabels(MemoryLevel).IncTo(_memory.Refusals);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _epochLoop;
        if (Shared is not null)
        {
            await Shared.DisposeAsync();
        }

        _stop.Dispose();
        _wakeEpochs.Dispose();
        Keys.Dispose();
    }

    internal void Rest(ServableCache cache)
    {
        lock (_gate)
        {
            // Where it is back already, before its last request was answered, there is nothing to come back to.
            if (_open.Keys.Any(other => other != cache && other.Id == cache.Id) || !_open.ContainsKey(cache))
            {
                Close(cache);
            }
            else
            {
                _resting.Add(cache.Id, cache);
            }
        }
    }

    internal void Close(ServableCache cache)
    {
        if (_open.TryRemove(cache, out _))
        {
            CloseScope(cache.Scope);
        }
    }

    // Under the gate.
    private void TakeOver(ServableCache before, ServableCache cache)
    {
        if (cache.IsSameAs(before) && cache.HasEpochsOf(before))
        {
            cache.TakeOver(before);
            _open.TryRemove(before, out _);
        }
        else
        {
            Close(before);
        }
    }

    private void CloseScope(CacheScope scope)
    {
        _memory.RemoveWhere((_, prediction) => ReferenceEquals(prediction.Scope, scope));
        ScopeClosed?.Invoke(scope);
    }
}
