using ModelGateway.Serving.Diagnostics;
using Prometheus;

namespace ModelGateway.Serving.Caching;

/// <summary>
/// Keeps calls from a store that fails, and probes it in the background until it is well.
/// </summary>
/// <remarks>
/// Any thread may call. <c>_isOpen</c> is what callers look at; who turns it to true starts the one probing loop, and only that loop turns it back.
/// <c>_score</c> grows by <see cref="Weight"/> with a failure and shrinks by one with a success, so it reaches its limit after so many failures in a
/// row, and also, later, when more than one in <see cref="Weight"/> + 1 fails: a cluster of which one node is away. Races on it cost a call or two.
/// </remarks>
internal sealed class StoreBreaker : IDisposable
{
    private const int Weight = 4;

    // A store that fails again so many of the longest intervals after it came back has never been well: the probes stay slow and the log quiet.
    private const int Convalescence = 10;

    private readonly SharedPredictionOptions _options;
    private readonly TimeProvider _time;
    private readonly Func<CancellationToken, Task<bool>> _probe;
    private readonly Action<StoreBreaker, bool> _changed;
    private readonly Gauge.Child _gauge;
    private readonly Counter.Child _openings;
    private readonly CancellationTokenSource _stopping = new();
    private volatile bool _isOpen;
    private volatile string? _problem;
    private int _score;

    // Of the probing loop and who starts it, one after the other.
    private TimeSpan _interval;
    private long? _closedAt;

    /// <summary>A closed one.</summary>
    /// <param name="calls">What it keeps from the store, for the metrics: <c>read</c>, <c>write</c>.</param>
    /// <param name="options">Limits and intervals.</param>
    /// <param name="metrics">Where its state shows.</param>
    /// <param name="time">Measures the intervals.</param>
    /// <param name="probe">Whether the store is well; does not throw unless it is cancelled.</param>
    /// <param name="changed">Hears of every change; the flag says whether this is a relapse, or the end of one.</param>
    public StoreBreaker(
        string calls, SharedPredictionOptions options, CacheMetrics metrics, TimeProvider time, Func<CancellationToken, Task<bool>> probe, Action<StoreBreaker, bool> changed)
    {
        (Calls, _options, _time, _probe, _changed) = (calls, options, time, probe, changed);
        _gauge = metrics.StoreBreakerOpen.WithLabels(calls);
        _openings = metrics.StoreBreakerOpenings.WithLabels(calls);
    }

    public string Calls { get; }

    public bool IsOpen => _isOpen;

    /// <summary>Why it is open; null when it is not.</summary>
    public string? Problem => _problem;

    public void Succeeded()
    {
        int score = Volatile.Read(ref _score);
        if (score > 0)
        {
            Interlocked.CompareExchange(ref _score, score - 1, score);
        }
    }

    public void Failed(string reason)
    {
        if (!_isOpen && Interlocked.Add(ref _score, Weight) >= Weight * _options.BreakerFailures && !Interlocked.Exchange(ref _isOpen, true))
        {
            Open(reason);
        }
    }

    /// <summary>No probe begins any more; an open one stays open.</summary>
    public void Dispose() => _stopping.Cancel();

    private void Open(string reason)
    {
        _problem = reason;
        bool relapse = _closedAt is { } closed && _time.GetElapsedTime(closed) < Convalescence * _options.LongestProbeInterval;
        _interval = relapse ? _interval : _options.ProbeInterval;
        _gauge.Set(1);
        _openings.Inc();
        _changed(this, relapse);

        // The request that happened to fail last has nothing to do with what follows.
        using (ExecutionContext.IsFlowSuppressed() ? default : ExecutionContext.SuppressFlow())
        {
            _ = ProbeUntilWellAsync(relapse);
        }
    }

    private async Task ProbeUntilWellAsync(bool relapse)
    {
        try
        {
            do
            {
                await Task.Delay(_interval, _time, _stopping.Token);
                _interval = TimeSpan.FromTicks(Math.Min(_interval.Ticks * 2, _options.LongestProbeInterval.Ticks));
            }
            while (!await _probe(_stopping.Token));
        }
        catch (OperationCanceledException)
        {
            return;
        }

        _closedAt = _time.GetTimestamp();
        _problem = null;
        Volatile.Write(ref _score, 0);
        _gauge.Set(0);
        _isOpen = false;
        _changed(this, relapse);
    }
}
