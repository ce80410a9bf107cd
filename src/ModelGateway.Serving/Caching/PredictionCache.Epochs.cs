using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using ModelGateway.Serving.Models;

namespace ModelGateway.Serving.Caching;

/// <summary>Purges, and the epochs by which they reach the store and the other replicas.</summary>
public sealed partial class PredictionCache
{
    // After a look at the epochs that failed, the next comes after this part of the interval.
    private const int FailedEpochShare = 20;

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
            if (Shared is null)
            {
                ForgetUnlessOpen(scope);
                return true;
            }

            _untold.Add(scope);
        }

        return await TellAsync(scope, epoch);
    }

    private static string ScopeName(string model, long? version) => version is { } number ? string.Create(CultureInfo.InvariantCulture, $"{model}/{number}") : model;

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
                ForgetUnlessOpen(scope);
            }
        }

        return true;
    }

    // Under the gate. Who opens it anew reads its epoch from the store, or has nothing of before.
    private void ForgetUnlessOpen(string scope)
    {
        if (!OpenScopes().Contains(scope))
        {
            _epochs.Remove(scope);
        }
    }

    // Under the gate.
    private void SetEpoch(string scope, long epoch)
    {
        _epochs[scope] = epoch;
        RenewAll();
    }

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

    private HashSet<string> OpenScopes() => _open.Keys
        .Where(cache => cache.Rules.Refusal is null)
        .SelectMany(cache => new[] { ScopeName(cache.Id.Model, null), ScopeName(cache.Id.Model, cache.Id.Version) })
        .ToHashSet(StringComparer.Ordinal);

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

    private long Now() => (_time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

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
