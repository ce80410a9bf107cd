using System.Diagnostics.CodeAnalysis;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Runtime;

namespace ModelGateway.Serving.Lifecycle;

/// <summary>The manager's bookkeeping: from plans to loads and drains. Everything here that takes a slot runs under <c>_gate</c>.</summary>
public sealed partial class ServableManager
{
    // Ten seconds become five minutes.
    private const int MostDoublings = 5;
    private const string DormantReason = "It is not in memory, and is loaded when a request asks for it.";

    private bool IsLoadingFromStart() =>
        _models.Values.Any(slot => slot.Versions.Values.Any(version => version is { WasThereAtStart: true, Loading: not null }));

    /// <summary>Asks the planner and starts what it says.</summary>
    private void Advance(ModelSlot slot)
    {
        if (_disposed)
        {
            slot.Publish();
            return;
        }

        WakeWithoutRequest(slot);
        DateTimeOffset now = _time.GetUtcNow();
        List<VersionFacts> facts = [.. slot.Versions.Values.Select(version => new VersionFacts(
            version.Id.Version,
            version.Listing is { WaitReason: null } && slot is { ConfigMissing: false, Conflict: null } && now >= version.RetryAt,
            slot.KeyOf(version),
            version.Ready is null ? null : version.ReadyKey,
            version.FailedKey,
            version.Loading is not null,
            version.IsAsleep))];
        LoadPlan plan = LoadPlanner.Plan(slot.Config.VersionPolicy, [.. slot.Config.Labels.Values, .. slot.Labels.Values], slot.UnloadedByOperator, slot.IsListed && slot.Versions.Values.Any(version => version.Listing is not null), facts);
        foreach (VersionSlot version in slot.Versions.Values)
        {
            version.IsDesired = plan.Desired.Contains(version.Id.Version);
        }

        foreach (long version in plan.Load)
        {
            StartLoad(slot, slot.Versions[version]);
        }

        List<Servable> drained = [.. plan.Unload.Select(version => StartDrain(slot.Versions[version]))];
        Describe(slot, plan);
        Prune(slot);
        slot.Publish();

        // After the view is published; a dispose must not run under the lock.
        drained.ForEach(servable => ThreadPool.QueueUserWorkItem(static held => held.Retire(), servable, preferLocal: false));
        AdmitLoads();
    }

    // Pinned models never sleep, and a label that is to move waits for its new version to be there.
    private static void WakeWithoutRequest(ModelSlot slot)
    {
        slot.MoveLabels();
        foreach (VersionSlot version in slot.Versions.Values.Where(version => version.IsAsleep))
        {
            long number = version.Id.Version;
            version.IsAsleep = !slot.Config.Pinned && !slot.Config.Labels.Any(label => label.Value == number && slot.Labels[label.Key] != number);
        }
    }

    private void StartLoad(ModelSlot slot, VersionSlot version)
    {
        var cancellation = new CancellationTokenSource();
        version.Loading = cancellation;
        string key = slot.KeyOf(version);
        version.LoadingKey = key;
        version.IsAsleep = false;
        if (version.Ready is null)
        {
            // Until a loader is free: whatever it waited for before is no longer the reason.
            Enter(version, ServableState.Discovered, null);
        }

        ModelConfig config = slot.Config;
        VersionListing listing = version.Listing!;
        _loading++;
        long bytes = ModelMemory.Estimate(listing.Files.Sum(file => file.Size));
        _pending.Add(new PendingLoad(slot, version, bytes, cancellation, () => Load(slot, version, listing, config, key, cancellation)));
    }

    private Servable StartDrain(VersionSlot version)
    {
        Servable servable = version.Ready!;
        version.Ready = null;
        version.ReadyKey = null;
        Enter(version, ServableState.Draining, null);
        Log.VersionDraining(_logger, version.Id.Model, version.Id.Version);
        return servable;
    }

    /// <summary>Says, for versions that rest, why they do.</summary>
    private void Describe(ModelSlot slot, LoadPlan plan)
    {
        foreach (VersionSlot version in slot.Versions.Values.Where(version => version is { Loading: null, Ready: not null, Reason: not null } && version.ReadyKey == slot.KeyOf(version)))
        {
            // What failed in between was taken back.
            version.Reason = null;
        }

        foreach (VersionSlot version in slot.Versions.Values.Where(version => version.Loading is null && version.Ready is null))
        {
            if (slot is { ConfigMissing: true, ConfigFault: not null, Conflict: null })
            {
                Enter(version, ServableState.Failed, slot.ConfigFault);
            }
            else if (version is { IsAsleep: true, IsDesired: true } && version.State != ServableState.Draining)
            {
                Enter(version, ServableState.Dormant, DormantReason);
            }
            else if (version.State is ServableState.Discovered or ServableState.Dormant or ServableState.Unloaded or ServableState.Failed && version.FailedKey != slot.KeyOf(version))
            {
                string? wait = version.Listing?.WaitReason;
                bool retries = version.RetryAt != default;
                Enter(
                    version,
                    version.State == ServableState.Dormant || (version.State == ServableState.Failed && !retries) ? ServableState.Discovered : version.State,
                    slot.UnloadedByOperator ? "It was unloaded by request."
                        : slot.Conflict ?? wait ?? (retries ? version.Reason : plan.Desired.Contains(version.Id.Version) ? null : "The version policy does not select it."));
            }
        }
    }

    // A version without files and without a servable is history; so is a model without versions.
    private void Prune(ModelSlot slot)
    {
        foreach (VersionSlot version in slot.Versions.Values.Where(version =>
            version is { Listing: null, Ready: null, Loading: null } && version.State != ServableState.Draining).ToList())
        {
            slot.Versions.Remove(version.Id.Version);
            version.Retry?.Dispose();
            _metrics.ModelVersions(version.State).Dec();

            // Its number may be given to other files one day; what is remembered of these is of no use to anybody any more.
            _cache?.Forget(version.Id);
        }

        if (slot.Versions.Count == 0 && !slot.IsListed)
        {
            // Another slot may have this name by now.
            _models.TryRemove(KeyValuePair.Create(slot.Name, slot));
        }
    }

    private void Load(ModelSlot slot, VersionSlot version, VersionListing listing, ModelConfig config, string key, CancellationTokenSource cancellation)
    {
        (Servable? servable, Exception? failure) = TryLoad(slot, version, listing, config, cancellation.Token);
        Servable? replaced = servable;
        lock (_gate)
        {
            version.Loading = null;
            version.IsWaking = false;
            version.IsRequested = false;
            _reserved -= version.Reserved;
            version.Reserved = 0;
            cancellation.Dispose();
            _loading--;
            if (failure is not null)
            {
                Fail(slot, version, key, failure);
            }
            else if (!_disposed)
            {
                replaced = version.Ready;
                version.Ready = servable;
                version.ReadyKey = key;
                version.Loaded = (listing.Source, servable!.Digest);
                version.FailedKey = null;
                version.RetryAt = default;
                version.Failures = 0;
                Enter(version, ServableState.Ready, null);
                Log.VersionReady(_logger, version.Id.Model, version.Id.Version, servable.LoadTime.TotalSeconds);
            }

            Advance(slot);
            Pulse();
        }

        replaced?.Retire();
    }

    [SuppressMessage("Design", "CA1031", Justification = "Whatever a model or a disk does to its load becomes the version's reason; the loader thread lives on.")]
    private (Servable? Servable, Exception? Failure) TryLoad(ModelSlot slot, VersionSlot version, VersionListing listing, ModelConfig config, CancellationToken cancellationToken)
    {
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            Servable servable = _loader.Load(
                version.Id, listing, config, (state, digest) => EnterLoading(slot, version, listing, state, digest), loaded => OnUnloaded(slot, version, loaded), cancellationToken);
            lock (_gate)
            {
                _inMemory++;
                version.InMemory++;
                _memory += servable.MemoryEstimate;
                _reserved -= version.Reserved;
                version.Reserved = 0;
            }

            return (servable, null);
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            // Nobody called it off: somebody's patience ended.
            return (null, new IOException($"It was given up by the store: {exception.Message}", exception));
        }
        catch (Exception exception)
        {
            return (null, exception);
        }
    }

    private void Fail(ModelSlot slot, VersionSlot version, string key, Exception failure)
    {
        ServableState Resting(ServableState state) => version.Ready is null ? state : ServableState.Ready;
        switch (failure)
        {
            case OperationCanceledException:
                Enter(version, Resting(ServableState.Discovered), null);
                break;
            case ObjectChangedException:
                // What is there now the next scan knows, and then it is loaded at once; to try the same again before would fail in the same way.
                RetryLater(slot, version, key);
                Enter(version, Resting(ServableState.Discovered), failure.Message);
                break;
            case IOException or UnauthorizedAccessException or OutOfMemoryException:
                RetryLater(slot, version, key);
                _metrics.LoadFailures.Inc();
                Enter(version, Resting(ServableState.Failed), failure.Message);
                Log.VersionRetried(_logger, version.Id.Model, version.Id.Version, failure.Message);
                break;
            default:
                version.FailedKey = key;
                version.RetryAt = default;
                _metrics.LoadFailures.Inc();
                string reason = failure is ModelLoadException or InvalidDataException ? failure.Message : $"{failure.GetType().Name}: {failure.Message}";
                Enter(version, Resting(ServableState.Failed), reason);
                Log.VersionFailed(_logger, version.Id.Model, version.Id.Version, reason);
                break;
        }
    }

    // By a timer of its own: the next look at the repository may be an hour away.
    private void RetryLater(ModelSlot slot, VersionSlot version, string key)
    {
        if (slot.KeyOf(version) != key)
        {
            // There are new files already.
            return;
        }

        TimeSpan delay = _options.RetryDelay * (1 << Math.Min(version.Failures++, MostDoublings));
        version.RetryAt = _time.GetUtcNow() + delay;
        version.Retry?.Dispose();
        version.Retry = _time.CreateTimer(_ => Retry(slot, version), null, delay, Timeout.InfiniteTimeSpan);
    }

    private void Retry(ModelSlot slot, VersionSlot version)
    {
        lock (_gate)
        {
            if (!slot.Versions.ContainsValue(version))
            {
                return;
            }

            // The timer and the time of day do not run alike: that the timer rang is enough.
            version.RetryAt = version.RetryAt == default ? default : DateTimeOffset.UnixEpoch;
            Advance(slot);
            Pulse();
        }
    }

    private void EnterLoading(ModelSlot slot, VersionSlot version, VersionListing listing, ServableState state, string? digest)
    {
        lock (_gate)
        {
            if (digest is not null)
            {
                version.Fetched = (listing.Fingerprint, digest);
            }

            // A version that is only loaded anew goes on being Ready.
            if (version.Ready is null)
            {
                Enter(version, state, null);
                slot.Publish();
                Pulse();
            }
        }
    }

    private void OnUnloaded(ModelSlot slot, VersionSlot version, Servable servable)
    {
        lock (_gate)
        {
            _inMemory--;
            version.InMemory--;
            _memory -= servable.MemoryEstimate;
            Log.VersionUnloaded(_logger, servable.Id.Model, servable.Id.Version);

            // One that was replaced by new files may outlive, or be outlived by, its successor.
            if (version is { State: ServableState.Draining, Ready: null, InMemory: 0 })
            {
                Enter(version, ServableState.Unloaded, null);
                Advance(slot);
            }

            AdmitLoads();
            Pulse();
        }
    }

    private void Enter(VersionSlot version, ServableState state, string? reason)
    {
        version.Reason = reason;
        if (version.State != state)
        {
            _metrics.ModelVersions(version.State).Dec();
            _metrics.ModelVersions(state).Inc();
            version.State = state;
        }
    }

    private void Pulse()
    {
        IsInitialized = IsInitialized || (_settlingAtStart is { Count: 0 } && !IsLoadingFromStart());
        TaskCompletionSource changed = _changed;
        _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        changed.SetResult();
    }
}
