using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Scheduling;

/// <summary>
/// How the requests of one version come to run: at once on their own thread where the run is known to be short and an instance is free; else in
/// order of arrival, short runs on the thread pool, long ones on the workers that all models share. Those that wait are run together where
/// the rules allow it and it pays.
/// </summary>
/// <remarks>
/// <code>
/// TryEnter  ->  run on the caller's thread
/// RunAsync  ->  queue  ->  ticket (holds an instance)  ->  thread pool or RunWorkers  ->  cut, run, give back, answer
/// </code>
/// <c>_gate</c> guards the queue, the counts and the tickets; nothing runs and nobody is answered under it. A ticket is made when a request comes or an instance
/// comes back, and what it runs is decided when its turn comes, not before: who has left by then is not run, and who has come is. On a busy machine
/// a ticket's turn comes after the requests that were there before it, so batches grow with the load and nobody waits for them.
/// The oldest request goes with every cut, so none is overtaken for ever.
/// </remarks>
public sealed class RunScheduler
{
    private readonly Lock _gate = new();
    private readonly InstancePool _pool;
    private readonly RunWorkers _workers;
    private readonly WorkerLane _lane;
    private readonly ServableMetrics _metrics;
    private readonly ServableStatistics _statistics;
    private readonly TimeProvider _time;
    private readonly Action<RunFigures> _count;
    private readonly RunLine _line = new();
    private readonly BatchTrials _trials = new();
    private readonly QueueClock _clock;
    private readonly int _length;
    private readonly ITimer? _delay;
    private volatile BatchRules? _rules;
    private int _waiting;
    private int _tickets;

    /// <summary>The scheduler of a pool.</summary>
    /// <param name="pool">The instances.</param>
    /// <param name="workers">Where long runs go.</param>
    /// <param name="settings">Of the model.</param>
    /// <param name="cost">What is known of the cost of runs already.</param>
    /// <param name="counters">Where queue and runs are shown.</param>
    /// <param name="time">The clock of those that wait.</param>
    public RunScheduler(InstancePool pool, RunWorkers workers, RunSettings settings, RunCost cost, (ServableMetrics Metrics, ServableStatistics Statistics) counters, TimeProvider time)
    {
        _pool = pool;
        _workers = workers;
        _lane = new WorkerLane(settings.Weight);
        _length = settings.QueueLength;
        _rules = settings.Batching;
        (_metrics, _statistics) = counters;
        _time = time;
        _clock = new QueueClock(time);
        _count = Count;
        Cost = cost;
        pool.Returned = OnReturned;
        if (_rules?.MaxDelay > TimeSpan.Zero)
        {
            _delay = time.CreateTimer(static state => ((RunScheduler)state!).OnReturned(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>What runs cost.</summary>
    public RunCost Cost { get; }

    /// <summary>Requests that wait.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Requests may be run together.</summary>
    public bool Batches => _rules is not null;

    /// <summary>A lease for a run on this very thread; false where it must queue.</summary>
    public bool TryEnter(IReadOnlyList<NamedTensor> inputs, [NotNullWhen(true)] out InstanceLease? lease)
    {
        lease = null;
        long rows = RunRows.Of(inputs);
        if (Waiting > 0 || !Cost.Short.Includes(NamedTensor.BytesOf(inputs)))
        {
            return false;
        }

        // Where batches pay, who is not alone goes by way of the queue: others may be about to come.
        return (_pool.Lent == 0 || (WorthRows(rows) <= rows && !IsTimeToWait(rows))) && _pool.TryRent(out lease);
    }

    /// <summary>Runs on the lease that <see cref="TryEnter"/> gave; throws what <see cref="IModelInstance.Run"/> throws.</summary>
    /// <param name="lease">The lease.</param>
    /// <param name="inputs">Stay the caller's.</param>
    /// <param name="outputs">The outputs wanted; null for all.</param>
    /// <param name="started">A timestamp of <see cref="Stopwatch"/>: now.</param>
    /// <param name="stop">Stops the run.</param>
    /// <param name="ran">The time of the run.</param>
    public IReadOnlyList<OutputValue> Run(
        InstanceLease lease, IReadOnlyList<NamedTensor> inputs, IReadOnlyList<string>? outputs, long started, CancellationToken stop, out TimeSpan ran)
    {
        IReadOnlyList<OutputValue> values = lease.Instance.Run(inputs, outputs, stop);
        long ticks = Stopwatch.GetTimestamp() - started;
        ran = ToTime(ticks);
        CountHere(RunRows.Of(inputs), NamedTensor.BytesOf(inputs), ticks);
        return values;
    }

    /// <summary>Waits for its turn, and for the run.</summary>
    /// <param name="inputs">Stay the caller's, and stay until the call ends.</param>
    /// <param name="outputs">The outputs wanted; null for all.</param>
    /// <param name="patience">Who would have to wait longer is refused at once; null for as long as it takes.</param>
    /// <param name="stop">Takes it out of the queue, or stops its run.</param>
    public async ValueTask<RunOutcome> RunAsync(IReadOnlyList<NamedTensor> inputs, IReadOnlyList<string>? outputs, TimeSpan? patience, CancellationToken stop)
    {
        var run = new PendingRun(this, inputs, outputs, _rules is { } rules && RunRows.CanBeJoined(inputs, rules.Signature), _time, stop);
        if (Add(run, patience) is { } refusal)
        {
            return new RunOutcome { Refusal = refusal };
        }

        // Not before it is queued: a token that is cancelled already calls back at once.
        using CancellationTokenRegistration leaving = stop.UnsafeRegister(static state => ((PendingRun)state!).Scheduler.Leave((PendingRun)state), run);
        return await run.Outcome;
    }

    private PredictError? Add(PendingRun run, TimeSpan? patience)
    {
        lock (_gate)
        {
            run.Place = _waiting + 1;
            if (_pool.Lent >= _pool.Concurrency)
            {
                // Who has an instance already does not wait for one.
                if (_waiting - _tickets >= _length)
                {
                    return Full();
                }

                if (patience is { } longest && _clock.Estimate(run.Place) is { } wait && wait > longest)
                {
                    return TooLong(wait, longest);
                }
            }

            _line.Add(run);
            Interlocked.Increment(ref _waiting);
            _metrics.QueueDepth.Inc();
            MakeTickets();
            return null;
        }
    }

    private void Leave(PendingRun run)
    {
        RunBatch? batch;
        lock (_gate)
        {
            batch = run.Batch;
            if (batch is null && run.IsWaiting)
            {
                Remove(run);
            }
        }

        if (batch is not null)
        {
            batch.Leave();
            return;
        }

        run.Result = new RunOutcome(run.WaitedUntilNow(), default) { Fault = new OperationCanceledException(run.Stop) };
        run.End();
    }

    private void Remove(PendingRun run)
    {
        _line.Remove(run);
        Interlocked.Decrement(ref _waiting);
        _metrics.QueueDepth.Dec();
    }

    private void OnReturned()
    {
        // The count is written with a full fence before, as is the other one in Add: one of the two sees the other.
        if (Waiting > 0)
        {
            lock (_gate)
            {
                MakeTickets();
            }
        }
    }

    private void MakeTickets()
    {
        while (_line.First is { } first && !ShouldWait(first))
        {
            // The runs of short batches are few and full; long ones go to all workers there are.
            bool isShort = Cost.Short.Includes(first.Bytes);
            long worth = isShort && first.CanBeJoined ? WorthRows(first.Rows) : 0;
            long needed = worth > first.Rows ? (_line.Rows + worth - 1) / worth : _waiting;
            if (_tickets >= needed || !_pool.TryRent(out InstanceLease? lease))
            {
                return;
            }

            _tickets++;
            var ticket = new Ticket(this, lease, isOnWorker: !isShort);
            if (isShort)
            {
                _workers.QueueToPool(ticket);
            }
            else
            {
                _workers.Post(_lane, ticket);
            }
        }
    }

    // Only where the model asks for a delay.
    private bool ShouldWait(PendingRun first)
    {
        if (_rules is not { } rules || rules.MaxDelay <= TimeSpan.Zero || !first.CanBeJoined || _line.Rows >= rules.Target(long.MaxValue, long.MaxValue))
        {
            return false;
        }

        TimeSpan left = rules.MaxDelay - first.WaitedUntilNow();
        if (left <= TimeSpan.Zero)
        {
            return false;
        }

        _delay!.Change(left, Timeout.InfiniteTimeSpan);
        return true;
    }

    private long WorthRows(long rows) => _rules is not { } rules ? rows : rules.IsAutomatic ? Cost.WorthRows(rows, rules.MaxRows) : rules.MaxRows;

    private bool IsTimeToWait(long rows) => _rules is { IsAutomatic: true } && Cost.MaySave(rows) && _trials.IsTimeToWait();

    private RunBatch? Cut()
    {
        lock (_gate)
        {
            int tickets = _tickets--;
            PendingRun? run = _line.First;
            if (run is null)
            {
                return null;
            }

            List<PendingRun> members = [run];
            if (_rules is { } rules && run.CanBeJoined && _waiting > 1)
            {
                RunLine.AddFitting(members, MostRows(run, rules), MostRequests(run, tickets));
            }

            var batch = new RunBatch(members);
            foreach (PendingRun member in members)
            {
                Remove(member);
                _clock.Count(member.WaitedUntilNow(), member.Place);
                member.Batch = batch;
            }

            return batch;
        }
    }

    private long MostRows(PendingRun first, BatchRules rules)
    {
        long worth = WorthRows(first.Rows);
        if (rules.IsAutomatic && _trials.Next(first.Rows, worth, rules.MaxRows) is { } tried)
        {
            return tried;
        }

        long most = rules.Target(_line.Rows, worth);
        if (Cost.Short.Includes(first.Bytes))
        {
            // What was put on the thread pool because it is short stays short.
            while (most > first.Rows && !Cost.IsWithin(most, ShortRuns.LongestTicks))
            {
                most /= 2;
            }
        }

        return most;
    }

    // Long runs are shared out evenly among those that are about to run.
    private int MostRequests(PendingRun first, int tickets) => Cost.Short.Includes(first.Bytes) ? int.MaxValue : (_waiting + tickets - 1) / tickets;

    private void Execute(InstanceLease lease, bool isOnWorker)
    {
        RunBatch? batch = Cut();
        if (!isOnWorker && batch is not null && !Cost.Short.Includes(batch.FirstBytes))
        {
            // Its place was chosen for one that was cut, or left, before.
            _workers.Post(_lane, new CutTicket(this, lease, batch));
            return;
        }

        Execute(lease, batch, isOnWorker);
    }

    private void Execute(InstanceLease lease, RunBatch? batch, bool isOnWorker)
    {
        batch?.Run(lease.Instance, _count);

        if (batch?.Obstacle is { } obstacle && _rules is { } rules)
        {
            _rules = null;
            rules.Stopped?.Invoke(obstacle);
        }

        // Before the answers, so that who has one finds the instance free.
        lease.Dispose();
        if (batch is null)
        {
            return;
        }

        batch.Dispose();
        if (isOnWorker)
        {
            _workers.QueueToPool(batch);
        }
        else
        {
            batch.Execute();
        }
    }

    private void CountHere(long rows, long bytes, long ticks)
    {
        if (rows > 1)
        {
            Count(new RunFigures(rows, bytes, 1, 0, ticks, 0));
            return;
        }

        Cost.Count(rows, bytes, ticks);
        _statistics.CountSingleRun(ToTime(ticks), _rules is not null);
    }

    private void Count(RunFigures run)
    {
        Cost.Count(run.Rows, run.Bytes, run.RunTicks);
        _statistics.CountExecution(run.Rows, ToTime(run.JoinTicks), ToTime(run.RunTicks), ToTime(run.SplitTicks));
        if (_rules is not null)
        {
            _metrics.ObserveBatch(run.Rows, run.Requests);
        }
    }

    private static TimeSpan ToTime(long ticks) => Stopwatch.GetElapsedTime(0, ticks);

    private PredictError Full() => new(PredictErrorKind.QueueFull, $"The model's queue is full ({_length} requests wait).") { RetryAfter = _clock.RetryAfter(_waiting) };

    private PredictError TooLong(TimeSpan wait, TimeSpan longest) => new(PredictErrorKind.QueueFull, string.Create(
        CultureInfo.InvariantCulture,
        $"The model's queue is too long for this request: {_waiting} requests wait, which will take about {wait.TotalSeconds:0.###} s, and it has {longest.TotalSeconds:0.###} s."))
    {
        RetryAfter = QueueClock.Clamp(wait - longest),
        IsForTime = true,
    };

    private sealed class CutTicket(RunScheduler scheduler, InstanceLease lease, RunBatch batch) : IThreadPoolWorkItem
    {
        public void Execute() => scheduler.Execute(lease, batch, isOnWorker: true);
    }

    private sealed class Ticket(RunScheduler scheduler, InstanceLease lease, bool isOnWorker) : IThreadPoolWorkItem
    {
        public void Execute() => scheduler.Execute(lease, isOnWorker);
    }
}
