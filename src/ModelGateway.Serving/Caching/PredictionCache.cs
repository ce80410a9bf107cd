using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
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
public sealed class PredictionCache : IAsyncDisposable
{
    private const string MemoryLevel = "memory";

    // After a look at the epochs that failed, the next comes after this part of the interval.
    private const int FailedEpochShare = 20;

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

    /// <summary>The shared store, where it should be asked for answers of a version; null where there is none, it is away, its epochs are not known, or it does not pay.</summary>
    public SharedPredictions? StoreToAsk(ServableCache cache, CacheScope scope) =>
        Shared is { IsAvailable: true } store && scope.IsShared && cache.Economy.ShouldAskStore(store.TripTime) ? store : null;

    /// <summary>The shared store, where answers of a version should be put there; null where not.</summary>
    public SharedPredictions? StoreToFill(ServableCache cache, CacheScope scope) =>
        Shared is { IsAvailable: true } store && scope.IsShared && cache.Economy.ShouldFillStore(store.TripTime) ? store : null;

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

    /// <summary>
    /// Forgets all answers of a model or of one of its versions, here and, where there is a store, in all replicas.
    /// </summary>
    /// <returns>False where the store could not be told: this replica has forgotten, others may not have.</returns>
    public async ValueTask<bool> PurgeAsync(string model, long? version)
    {
        string scope = ScopeName(model, version);
        long epoch;
        lock (_gate)
        {
            // The time, so that no epoch comes twice, not even after a store lost them all.
            epoch = Math.Max(Now(), _epochs.GetValueOrDefault(scope) + 1);
            SetEpoch(scope, epoch);
            if (Shared is not null)
            {
                _untold.Add(scope);
            }
        }

        return Shared is null || await TellAsync(scope, epoch);
    }

    // Another replica's clock may be ahead, and its purge have a greater epoch than this one's.
    private async ValueTask<bool> TellAsync(string scope, long epoch)
    {
        if (await Shared!.GetEpochsAsync([scope], epoch, _stop.Token) is [{ } stored] && stored > epoch)
        {
            epoch = stored + 1;
            lock (_gate)
            {
                SetEpoch(scope, epoch);
            }
        }

        return await TrySetSharedAsync(scope, epoch);
    }

    private async ValueTask<bool> TrySetSharedAsync(string scope, long epoch)
    {
        if (!await Shared!.SetEpochAsync(scope, epoch, _stop.Token))
        {
            return false;
        }

        lock (_gate)
        {
            // Unless it was purged once more meanwhile, of which the store is yet to be told.
            if (_epochs.GetValueOrDefault(scope) <= epoch)
            {
                _untold.Remove(scope);
                if (!OpenScopes().Contains(scope))
                {
                    // Who opens it anew reads its epoch from the store.
                    _epochs.Remove(scope);
                }
            }
        }

        return true;
    }

    // Under the gate.
    private void SetEpoch(string scope, long epoch)
    {
        _epochs[scope] = epoch;
        RenewAll();
    }

    private HashSet<string> OpenScopes() => _open.Keys
        .Where(cache => cache.Rules.Refusal is null)
        .SelectMany(cache => new[] { ScopeName(cache.Id.Model, null), ScopeName(cache.Id.Model, cache.Id.Version) })
        .ToHashSet(StringComparer.Ordinal);

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

    private static string ScopeName(string model, long? version) => version is { } number ? string.Create(CultureInfo.InvariantCulture, $"{model}/{number}") : model;

    private long Now() => (_time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    // Under the gate. Epochs of what is not open are not read again, and another replica may have purged it meanwhile.
    private void ForgetUnwatched(ServableId id)
    {
        if (Shared is null)
        {
            return;
        }

        bool isModelOpen = false;
        bool isVersionOpen = false;
        foreach (ServableCache other in _open.Keys)
        {
            bool isOfModel = other.Rules.Refusal is null && other.Id.Model == id.Model;
            isModelOpen |= isOfModel;
            isVersionOpen |= isOfModel && other.Id.Version == id.Version;
        }

        ForgetEpoch(ScopeName(id.Model, null), isModelOpen);
        ForgetEpoch(ScopeName(id.Model, id.Version), isVersionOpen);

        void ForgetEpoch(string scope, bool isOpen)
        {
            // A purge that the store does not know of yet is still to be told.
            if (!isOpen && !_untold.Contains(scope))
            {
                _epochs.Remove(scope);
            }
        }
    }

    private void CloseScope(CacheScope scope)
    {
        _memory.RemoveWhere((_, prediction) => ReferenceEquals(prediction.Scope, scope));
        ScopeClosed?.Invoke(scope);
    }

    // Under the gate.
    private void RenewAll()
    {
        foreach (ServableCache cache in _open.Keys)
        {
            Renew(cache);
        }
    }

    private void Renew(ServableCache cache)
    {
        long modelEpoch = _epochs.GetValueOrDefault(ScopeName(cache.Id.Model, null));
        long versionEpoch = _epochs.GetValueOrDefault(ScopeName(cache.Id.Model, cache.Id.Version));
        bool isShared = _areEpochsShared && modelEpoch != 0 && versionEpoch != 0;
        if (!cache.IsOf(modelEpoch, versionEpoch, isShared))
        {
            CacheScope old = cache.Scope;
            cache.Renew(modelEpoch, versionEpoch, isShared);
            CloseScope(old);
        }
    }

    private void WakeEpochs()
    {
        try
        {
            _wakeEpochs.Release();
        }
        catch (Exception exception) when (exception is SemaphoreFullException or ObjectDisposedException)
        {
            // It is awake already, or there is nobody to wake.
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "Whatever goes wrong once, purges of other replicas must still be heard.")]
    private async Task WatchEpochsAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            bool again = false;
            try
            {
                // One that is away is soon known for it, also while no request asks it; then its return wakes this.
                again = !await TryReadEpochsAsync() && Shared!.IsAvailable;
            }
            catch (Exception) when (!_stop.IsCancellationRequested)
            {
                // Read again after the interval.
            }
            catch (OperationCanceledException)
            {
                return;
            }

            // Never faults: woken, or its time is over, or the cache ends.
            await ((Task)_wakeEpochs.WaitAsync(again ? _options.EpochInterval / FailedEpochShare : _options.EpochInterval, _stop.Token)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    // False where the store did not say.
    private async Task<bool> TryReadEpochsAsync()
    {
        string[] scopes;
        lock (_gate)
        {
            scopes = [.. OpenScopes().Union(_untold)];
        }

        if (scopes.Length == 0)
        {
            return true;
        }

        if (await Shared!.GetEpochsAsync(scopes, Now(), _stop.Token) is not { } epochs)
        {
            return false;
        }

        bool isWhole = true;

        var untold = new List<(string Scope, long Epoch)>();
        lock (_gate)
        {
            _areEpochsShared = true;
            for (int i = 0; i < scopes.Length; i++)
            {
                // One of several servers that is away holds up what lies on it, and no other.
                if (epochs[i] is not { } epoch)
                {
                    isWhole = false;
                    continue;
                }

                long own = _epochs.GetValueOrDefault(scopes[i]);
                _epochs[scopes[i]] = Math.Max(epoch, own);
                if (own > epoch)
                {
                    _untold.Add(scopes[i]);
                    untold.Add((scopes[i], own));
                }
                else
                {
                    _untold.Remove(scopes[i]);
                }
            }

            RenewAll();
        }

        // Purges that could not reach the store when they were made.
        foreach ((string scope, long epoch) in untold)
        {
            await TrySetSharedAsync(scope, epoch);
        }

        return isWhole;
    }
}
