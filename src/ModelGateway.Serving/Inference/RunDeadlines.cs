using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace ModelGateway.Serving.Inference;

/// <summary>
/// Cancellation for runs, used again from run to run: a linked source with a timer for each request costs more than a tiny model's run.
/// Shared by all requests; a source is held by one run at a time.
/// </summary>
/// <remarks>
/// A deadline of less than <see cref="Exact"/> has a timer of its own. The others, which hardly ever come, are looked over by one timer every
/// <see cref="SweepInterval"/>, and end so much too late at most: setting and stopping a timer for each run shows where runs are tiny. It runs
/// only while there is something to look over. The same looks see callers who left, for those who ask for no more (<see cref="RentLookedOver"/>).
/// </remarks>
[SuppressMessage("Design", "CA1001", Justification = "The timer is idle when nothing runs, and goes with this object.")]
internal sealed class RunDeadlines
{
    /// <summary>Deadlines from this on are looked over instead of timed.</summary>
    public static readonly TimeSpan Exact = TimeSpan.FromSeconds(1);

    /// <summary>Time between two looks.</summary>
    public static readonly TimeSpan SweepInterval = TimeSpan.FromMilliseconds(50);

    private readonly ConcurrentBag<Source> _idle = [];
    private readonly Lock _gate = new();

    // All that may be rented, guarded by the gate.
    private readonly HashSet<Source> _sources = [];
    private readonly Timer _timer;
    private int _isSweeping;

    public RunDeadlines() => _timer = new Timer(static self => ((RunDeadlines)self!).Sweep(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    /// <summary>A token that is cancelled after <paramref name="left"/> (null: never) or with the caller.</summary>
    public RunDeadline Rent(TimeSpan? left, CancellationToken caller)
    {
        if (left is not { } time)
        {
            return new RunDeadline(caller);
        }

        Source source = Take();
        source.Caller = default;
        Start(source, time);
        CancellationTokenRegistration registration = caller.UnsafeRegister(static state => ((CancellationTokenSource)state!).Cancel(), source);
        return new RunDeadline(this, source, registration);
    }

    /// <summary>
    /// The same where it is soon enough that the next look sees who has left: a run that ends, as far as is known, before a caller could leave, or one that
    /// others may wait for too. Registering with the caller's token and taking it back would cost more than all the rest of a tiny prediction.
    /// </summary>
    public RunDeadline RentLookedOver(TimeSpan? left, CancellationToken caller)
    {
        if (left is not { } time || time < Exact)
        {
            return Rent(left, caller);
        }

        Source source = Take();
        source.Caller = caller;
        Start(source, time);
        return new RunDeadline(this, source, default);
    }

    private Source Take()
    {
        if (!_idle.TryTake(out Source? source))
        {
            source = new Source();
            lock (_gate)
            {
                _sources.Add(source);
            }
        }

        return source;
    }

    private void Start(Source source, TimeSpan time)
    {
        if (time < Exact)
        {
            source.CancelAfter(time);
        }
        else
        {
            // A full fence: what is set here is seen by a sweep that finds nothing and stops, or that sweep's end is seen below.
            Interlocked.Exchange(ref source.Due, Environment.TickCount64 + (long)time.TotalMilliseconds);
            StartSweeping();
        }
    }

    internal void Return(Source source)
    {
        // Taken by a sweep that is about to cancel it, cancelled already, or its own timer may still fire: such a source is not used again.
        if (Interlocked.Exchange(ref source.Due, Source.None) != Source.Taken && source.TryReset())
        {
            _idle.Add(source);
            return;
        }

        lock (_gate)
        {
            _sources.Remove(source);
        }
    }

    private void StartSweeping()
    {
        if (Volatile.Read(ref _isSweeping) == 0 && Interlocked.Exchange(ref _isSweeping, 1) == 0)
        {
            _timer.Change(SweepInterval, SweepInterval);
        }
    }

    private void Sweep()
    {
        if (CancelDue())
        {
            return;
        }

        _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        Interlocked.Exchange(ref _isSweeping, 0);
        if (CancelDue())
        {
            // Rented while this sweep was ending.
            StartSweeping();
        }
    }

    // Whether any is under way.
    private bool CancelDue()
    {
        long now = Environment.TickCount64;
        bool any = false;
        List<Source>? due = null;
        lock (_gate)
        {
            foreach (Source source in _sources)
            {
                long time = Volatile.Read(ref source.Due);
                any |= time > Source.None;
                if (time <= Source.None || (time > now && !source.Caller.IsCancellationRequested) || Interlocked.CompareExchange(ref source.Due, Source.Taken, time) != time)
                {
                    continue;
                }

                // What is taken is not rented anew, so that this is what the present run is due to.
                if (time <= now || source.Caller.IsCancellationRequested)
                {
                    (due ??= []).Add(source);
                }
                else
                {
                    // Rented anew within this look, with the same deadline but another caller. Where it was given back meanwhile, it stays taken, and is not used again.
                    Interlocked.CompareExchange(ref source.Due, time, Source.Taken);
                }
            }
        }

        // Not under the lock: what is cancelled goes on here.
        foreach (Source source in due ?? [])
        {
            source.Cancel();
        }

        return any;
    }

    /// <summary>A source with the time at which it is due.</summary>
    internal sealed class Source : CancellationTokenSource
    {
        /// <summary>It is not looked over.</summary>
        public const long None = 0;

        /// <summary>A sweep cancels it.</summary>
        public const long Taken = -1;

        /// <summary>By <see cref="Environment.TickCount64"/>.</summary>
        public long Due;

        /// <summary>Whose leaving the looks have to see; none where it is registered with. Set before <see cref="Due"/>.</summary>
        public CancellationToken Caller;
    }
}

/// <summary>One run's cancellation; dispose it when the run is over.</summary>
internal readonly struct RunDeadline : IDisposable
{
    private readonly RunDeadlines? _owner;
    private readonly RunDeadlines.Source? _source;
    private readonly CancellationTokenRegistration _registration;

    public RunDeadline(RunDeadlines owner, RunDeadlines.Source source, CancellationTokenRegistration registration)
    {
        (_owner, _source, _registration) = (owner, source, registration);
        Token = source.Token;
    }

    /// <summary>None but the caller's own.</summary>
    public RunDeadline(CancellationToken caller) => Token = caller;

    public CancellationToken Token { get; }

    public void Dispose()
    {
        // Waits for a callback under way, so that the caller cannot cancel the next run.
        _registration.Dispose();
        _owner?.Return(_source!);
    }
}
