using System.Diagnostics;

namespace ModelGateway.Serving.Scheduling;

/// <summary>What waits for the workers on behalf of one model, and what it has used of them. All of it is guarded by the lock of <see cref="RunWorkers"/>.</summary>
/// <param name="weight">Its share beside others, at least 1.</param>
public sealed class WorkerLane(int weight)
{
    private double _used;
    private long _started;

    internal Queue<IThreadPoolWorkItem> Waiting { get; } = new();

    internal int Running { get; private set; }

    internal bool IsIdle => Running == 0 && Waiting.Count == 0;

    /// <summary>The time of workers that it has used, divided by its weight; runs under way count so far as they have come. In ticks of <see cref="Stopwatch"/>.</summary>
    internal double Used(long now) => _used + ((((double)Running * now) - _started) / weight);

    internal void Start(long now)
    {
        Running++;
        _started += now;
    }

    internal void End(long started, long now)
    {
        Running--;
        _started -= started;
        Charge(now - started);
    }

    internal void Charge(long ticks) => _used += (double)ticks / weight;

    /// <summary>Who was away has not saved up: an idle lane begins where the others are.</summary>
    internal void Join(double clock) => _used = Math.Max(_used, clock);
}
