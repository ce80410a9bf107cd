using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Scheduling;

/// <summary>
/// How the requests of one version come to run: at once on their own thread where the run is known to be short and an instance is free; else in
/// order of arrival, short runs on the thread pool, long ones on the workers that all models share.
/// </summary>
/// <remarks>
/// <code>
/// TryEnter  ->  run on the caller's thread
/// RunAsync  ->  queue  ->  ticket (holds an instance)  ->  thread pool or RunWorkers  ->  cut, run, give back, answer
/// </code>
/// <c>_gate</c> guards the list, the counts and the tickets; nothing runs and nobody is answered under it. A ticket is made when a request comes or an instance
/// comes back, and what it runs is decided when its turn comes, not before: who has left by then is not run.
/// </remarks>
public sealed class RunScheduler
{
    /// <summary>
    /// A run that is over within this is short. Two of them on the two threads of a small thread pool hold up everybody else no longer than this, and
    /// the way to a worker and back (some 20 us) would be more than 2 % of a shorter one.
    /// </summary>
    internal static readonly TimeSpan ShortRun = TimeSpan.FromMilliseconds(1);

    private static readonly long ShortTicks = (long)(ShortRun.TotalSeconds * Stopwatch.Frequency);

    private readonly Lock _gate = new();
    private readonly InstancePool _pool;
    private readonly RunWorkers _workers;
    private readonly WorkerLane _lane;
    private readonly ServableMetrics _metrics;
    private readonly ServableStatistics _statistics;
    private readonly int _length;
    private PendingRun? _first;
    private PendingRun? _last;
    private int _waiting;
    private int _tickets;

    /// <summary>The scheduler of a pool.</summary>
    /// <param name="pool">The instances.</param>
    /// <param name="workers">Where long runs go.</param>
    /// <param name="weight">Of the model among the others there.</param>
    /// <param name="length">Requests that may wait, at least 0.</param>
    /// <param name="cost">What is known of the cost of runs already.</param>
    /// <param name="metrics">Where the queue is shown.</param>
    /// <param name="statistics">Where runs are counted.</param>
    public RunScheduler(InstancePool pool, RunWorkers workers, int weight, int length, RunCost cost, ServableMetrics metrics, ServableStatistics statistics)
    {
        _pool = pool;
        _workers = workers;
        _lane = new WorkerLane(weight);
        _length = length;
        _metrics = metrics;
        _statistics = statistics;
        Cost = cost;
        pool.Returned = OnReturned;
    }

    /// <summary>What runs cost.</summary>
    public RunCost Cost { get; }

    /// <summary>Requests that wait.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>A lease for a run on this very thread; false where it must queue.</summary>
    public bool TryEnter(IReadOnlyList<NamedTensor> inputs, [NotNullWhen(true)] out InstanceLease? lease)
    {
        lease = null;
        return Waiting == 0 && Cost.IsWithin(RunRows.Of(inputs), ShortTicks) && _pool.TryRent(out lease);
    }

    /// <summary>Runs on the lease that <see cref="TryEnter"/> gave; throws what <see cref="IModelInstance.Run"/> throws.</summary>
    public IReadOnlyList<OutputValue> Run(InstanceLease lease, IReadOnlyList<NamedTensor> inputs, IReadOnlyList<string>? outputs, CancellationToken stop)
    {
        long started = Stopwatch.GetTimestamp();
        IReadOnlyList<OutputValue> values = lease.Instance.Run(inputs, outputs, stop);
        Count(RunRows.Of(inputs), Stopwatch.GetTimestamp() - started);
        return values;
    }

    /// <summary>Waits for its turn, and for the run.</summary>
    /// <param name="inputs">Stay the caller's, and stay until the call ends.</param>
    /// <param name="outputs">The outputs wanted; null for all.</param>
    /// <param name="stop">Takes it out of the queue, or stops its run.</param>
    public async ValueTask<RunOutcome> RunAsync(IReadOnlyList<NamedTensor> inputs, IReadOnlyList<string>? outputs, CancellationToken stop)
    {
        var run = new PendingRun(this, inputs, outputs, stop);
        if (!TryAdd(run))
        {
            return new RunOutcome { Refusal = Full() };
        }

        // Not before it is queued: a token that is cancelled already calls back at once.
        using CancellationTokenRegistration leaving = stop.UnsafeRegister(static state => ((PendingRun)state!).Scheduler.Leave((PendingRun)state), run);
        return await run.Outcome;
    }

    private bool TryAdd(PendingRun run)
    {
        lock (_gate)
        {
            // What has an instance, or gets one at once, does not wait for one.
            if (_waiting - _tickets >= _length && _pool.Lent >= _pool.Concurrency)
            {
                return false;
            }

            run.Previous = _last;
            run.IsWaiting = true;
            _first ??= run;
            _last?.Next = run;
            _last = run;
            Interlocked.Increment(ref _waiting);
            _metrics.QueueDepth.Inc();
            MakeTickets();
            return true;
        }
    }

    private void Leave(PendingRun run)
    {
        lock (_gate)
        {
            if (!run.IsWaiting)
            {
                // The run has it; the same token stops that.
                return;
            }

            Remove(run);
        }

        run.Result = new RunOutcome(Stopwatch.GetElapsedTime(run.Queued), default) { Fault = new OperationCanceledException(run.Stop) };
        run.End();
    }

    private void Remove(PendingRun run)
    {
        if (run.Previous is null)
        {
            _first = run.Next;
        }
        else
        {
            run.Previous.Next = run.Next;
        }

        if (run.Next is null)
        {
            _last = run.Previous;
        }
        else
        {
            run.Next.Previous = run.Previous;
        }

        (run.Next, run.Previous, run.IsWaiting) = (null, null, false);
        Interlocked.Decrement(ref _waiting);
        _metrics.QueueDepth.Dec();
    }

    private void OnReturned()
    {
        // The count is written with a full fence before, as is the other one in TryAdd: one of the two sees the other.
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
        while (_first is not null && _tickets < _waiting && _pool.TryRent(out InstanceLease? lease))
        {
            _tickets++;
            var ticket = new Ticket(this, lease);
            if (Cost.IsWithin(_first.Rows, ShortTicks))
            {
                ThreadPool.UnsafeQueueUserWorkItem(ticket, preferLocal: false);
            }
            else
            {
                _workers.Post(_lane, ticket);
            }
        }
    }

    private PendingRun? Cut()
    {
        lock (_gate)
        {
            _tickets--;
            PendingRun? run = _first;
            if (run is not null)
            {
                Remove(run);
            }

            return run;
        }
    }

    private void Execute(InstanceLease lease)
    {
        PendingRun? run = Cut();
        if (run is not null)
        {
            Run(lease.Instance, run);
        }

        // Before the answer, so that who has it finds the instance free.
        lease.Dispose();
        run?.End();
    }

    [SuppressMessage("Design", "CA1031", Justification = "Whatever a run throws is thrown to its caller, who logs and answers it; the thread belongs to all.")]
    private void Run(IModelInstance instance, PendingRun run)
    {
        long started = Stopwatch.GetTimestamp();
        TimeSpan waited = Stopwatch.GetElapsedTime(run.Queued, started);
        try
        {
            IReadOnlyList<OutputValue> outputs = instance.Run(run.Inputs, run.Outputs, run.Stop);
            Count(run.Rows, Stopwatch.GetTimestamp() - started);
            run.Result = new RunOutcome(waited, Stopwatch.GetElapsedTime(started)) { Outputs = outputs };
        }
        catch (Exception exception)
        {
            run.Result = new RunOutcome(waited, Stopwatch.GetElapsedTime(started)) { Fault = exception };
        }
    }

    private void Count(long rows, long ticks)
    {
        Cost.Count(rows, ticks);
        _statistics.CountExecution();
    }

    private PredictError Full() => new(PredictErrorKind.QueueFull, $"The model's queue is full ({_length} requests wait).") { RetryAfter = TimeSpan.FromSeconds(1) };

    private sealed class Ticket(RunScheduler scheduler, InstanceLease lease) : IThreadPoolWorkItem
    {
        public void Execute() => scheduler.Execute(lease);
    }
}
