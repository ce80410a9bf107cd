using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;

namespace ModelGateway.Serving.Lifecycle;

/// <summary>
/// The manager's memory: loads begin when there is room for them, what was used longest ago goes to sleep for them, and requests wake what
/// sleeps. Everything here that takes a slot runs under <c>_gate</c>.
/// </summary>
/// <remarks>
/// A load first stands in <c>_pending</c>. <see cref="AdmitLoads"/> goes through it after each change that may bring room: a servable that is
/// gone, a load that has ended, a request that no longer waits. <c>_memory</c> adds up the servables in memory, <c>_reserved</c> the loads
/// under way, by the estimates of <see cref="ModelMemory"/>.
/// </remarks>
public sealed partial class ServableManager
{
    private readonly List<PendingLoad> _pending = [];
    private long _memory;
    private long _reserved;
    private bool _isAdmitting;

    /// <summary>What the models in memory take up, by estimate; bytes.</summary>
    public long MemoryInUse => Interlocked.Read(ref _memory);

    /// <summary>
    /// Borrows the version that a caller asks for; where it sleeps, wakes it and waits until it is loaded. Completes at once where it is in
    /// memory.
    /// </summary>
    /// <param name="spec">Model, and version, label or neither.</param>
    /// <param name="mayName">Which model names the error may suggest; null for all.</param>
    /// <param name="patience">How long the caller waits at most; null for the model's time for a request, which holds besides.</param>
    /// <param name="cancellationToken">The caller's: it stops waiting, and the load goes on.</param>
    /// <returns>The refusal is that of <see cref="TryAcquire"/>; or that the load took longer than that, that too many wait, or that the caller left.</returns>
    public ValueTask<AcquireResult> AcquireAsync(ModelSpec spec, Func<string, bool>? mayName, TimeSpan? patience, CancellationToken cancellationToken)
    {
        if (TryAcquire(spec, mayName, out ServableHandle? handle, out PredictError? error))
        {
            return new ValueTask<AcquireResult>(new AcquireResult(handle, null));
        }

        return error.Kind == PredictErrorKind.NotReady && Check(spec, mayName) is null
            ? WakeAsync(spec, mayName, patience ?? TimeSpan.MaxValue, cancellationToken)
            : new ValueTask<AcquireResult>(new AcquireResult(null, error));
    }

    private async ValueTask<AcquireResult> WakeAsync(ModelSpec spec, Func<string, bool>? mayName, TimeSpan patience, CancellationToken cancellationToken)
    {
        long started = _time.GetTimestamp();
        VersionSlot? waitsFor = null;
        try
        {
            while (true)
            {
                Task changed;
                lock (_gate)
                {
                    // Here, while it still counts as awaited: so nothing else takes its place before it has answered.
                    if (TryAcquire(spec, mayName, out ServableHandle? handle, out _))
                    {
                        _metrics.WakeSeconds.Observe(_time.GetElapsedTime(started).TotalSeconds);
                        return new AcquireResult(handle, null);
                    }

                    if (Await(spec, mayName, ref waitsFor, ref patience, out changed) is { } refusal)
                    {
                        return new AcquireResult(null, refusal);
                    }
                }

                await changed.WaitAsync(Max(patience - _time.GetElapsedTime(started), TimeSpan.Zero), _time, cancellationToken);
            }
        }
        catch (TimeoutException)
        {
            return new AcquireResult(null, new PredictError(
                PredictErrorKind.NotReady, $"'{waitsFor!.Id}' was not in memory and is being loaded, which takes longer than the {patience.TotalSeconds:0.###} s that the request may take.")
            {
                RetryAfter = VersionResolver.RetryAfter,
            });
        }
        catch (OperationCanceledException)
        {
            return new AcquireResult(null, new PredictError(PredictErrorKind.Cancelled, "The caller left while the model was loaded."));
        }
        finally
        {
            lock (_gate)
            {
                if (waitsFor is not null)
                {
                    waitsFor.Waiting--;
                    AdmitLoads();
                }
            }
        }
    }

    // Has a request wait for the version that it asks for, which may be another after a change; the refusal, or null.
    private PredictError? Await(in ModelSpec spec, Func<string, bool>? mayName, ref VersionSlot? waitsFor, ref TimeSpan patience, out Task changed)
    {
        changed = Task.CompletedTask;
        VersionView? view = Resolve(spec, mayName, out PredictError? refusal);
        if (refusal is not null)
        {
            return refusal;
        }

        ModelSlot slot = _models[spec.Model];
        if (_disposed || !slot.Versions.TryGetValue(view!.Id.Version, out VersionSlot? version))
        {
            return VersionResolver.NotReady(view!);
        }

        if (version != waitsFor)
        {
            // One at least: nobody would ever wake it.
            int bound = Math.Max(1, slot.Config.Limits.QueueLength ?? _options.QueueLength);
            if (version.Waiting >= bound)
            {
                return new PredictError(PredictErrorKind.QueueFull, $"The model is being loaded, and its queue is full ({bound} requests wait).") { RetryAfter = VersionResolver.RetryAfter };
            }

            if (waitsFor is not null)
            {
                waitsFor.Waiting--;
            }

            version.Waiting++;
            waitsFor = version;
        }

        TimeSpan allowed = slot.Config.Limits.Timeout ?? _options.PredictTimeout;
        patience = allowed < patience ? allowed : patience;
        if (version.IsAsleep)
        {
            _metrics.Wakes.Inc();
            version.IsAsleep = false;
            version.IsWaking = true;
            Advance(slot);
            Pulse();
        }

        // What has changed by that already is nothing to wait for: it may be evicted before it is loaded, and is looked at again.
        changed = slot.NextPublish();
        return null;
    }

    /// <summary>Begins the loads for which there is room, and makes room for those that are asked for.</summary>
    private void AdmitLoads()
    {
        // It is called by what it does itself.
        if (_isAdmitting || _disposed)
        {
            return;
        }

        _isAdmitting = true;
        try
        {
            // One that is put to sleep may bring others, which come at the end.
            var seen = new HashSet<PendingLoad>(ReferenceEqualityComparer.Instance);
            long ahead = 0;
            while (_pending.Find(load => !seen.Contains(load)) is { } load)
            {
                seen.Add(load);
                Admit(load, ref ahead);
            }
        }
        finally
        {
            _isAdmitting = false;
            _metrics.ModelMemoryBytes.Set(_memory);
        }
    }

    // Ahead: bytes for which asked-for loads wait that came before. What comes free is theirs, or smaller ones would take it again and again.
    private void Admit(PendingLoad load, ref long ahead)
    {
        if (load.Cancellation.IsCancellationRequested)
        {
            // It ends where it would have begun.
            Begin(load, 0);
            return;
        }

        if (_memory + _reserved + ahead + load.Bytes <= _options.MemoryBudget)
        {
            Begin(load, load.Bytes);
            return;
        }

        if (ahead > 0 && IsAskedFor(load.Slot, load.Version))
        {
            ahead += load.Bytes;
            return;
        }

        List<VersionSlot> loaded = [.. _models.Values.SelectMany(slot => slot.Versions.Values).Where(version => version.Ready is not null)];
        var facts = new MemoryFacts(_options.MemoryBudget, _memory, _memory - loaded.Sum(version => version.Ready!.MemoryEstimate), _reserved, loaded.Any(version => version.Waiting > 0));
        MemoryPlan plan = MemoryPlanner.Plan(facts, load.Bytes, IsAskedFor(load.Slot, load.Version), loaded.Where(MayGo).Select(ToResident));
        foreach (VersionSlot version in plan.Evict)
        {
            Evict(version);
        }

        if (plan.Admission == Admission.Load)
        {
            Log.MemoryOverBudget(_logger, load.Version.Id.Model, load.Version.Id.Version, load.Bytes, _options.MemoryBudget);
            Begin(load, load.Bytes);
        }
        else if (plan.Admission == Admission.Sleep)
        {
            PutToSleep(load);
        }
        else
        {
            ahead += load.Bytes;
        }
    }

    private void Begin(PendingLoad load, long bytes)
    {
        _pending.Remove(load);
        load.Version.Reserved = bytes;
        _reserved += bytes;
        _threads.Enqueue(load.Run);
    }

    private void PutToSleep(PendingLoad load)
    {
        _pending.Remove(load);
        _loading--;
        load.Version.Loading = null;
        load.Version.IsAsleep = true;
        load.Cancellation.Dispose();
        Advance(load.Slot);
    }

    private void Evict(VersionSlot version)
    {
        ModelSlot slot = _models[version.Id.Model];
        version.IsAsleep = true;
        Servable servable = StartDrain(version);
        servable.ComesBack = true;
        _metrics.Evictions.Inc();
        Log.VersionEvicted(_logger, version.Id.Model, version.Id.Version, servable.MemoryEstimate);
        slot.Publish();

        // After the view is published; a dispose must not run under the lock.
        ThreadPool.QueueUserWorkItem(static held => held.Retire(), servable, preferLocal: false);
    }

    private static bool IsAskedFor(ModelSlot slot, VersionSlot version) =>
        version.IsWaking || version.Waiting > 0 || version.IsRequested || slot.Config.Pinned || slot.Versions.Values.Any(other => other.Ready is not null);

    // One that is to be replaced has to answer until then, one that was waited for has to answer first, and one that is loaded anew is wanted.
    private bool MayGo(VersionSlot version) =>
        version is { IsDesired: true, Waiting: 0, Loading: null } && !_models[version.Id.Model].Config.Pinned;

    private static Resident ToResident(VersionSlot version) => new(version, version.Ready!.MemoryEstimate, version.Ready.IsIdle, version.Ready.LastUsed);

    private static TimeSpan Max(TimeSpan one, TimeSpan other) => one > other ? one : other;
}
