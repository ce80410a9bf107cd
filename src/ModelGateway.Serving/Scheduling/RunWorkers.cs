using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using ModelGateway.Serving.Runtime;

namespace ModelGateway.Serving.Scheduling;

/// <summary>
/// The threads of the process on which long runs go, so that none of them holds a thread that answers requests. Their number is fixed: it
/// grows neither with models nor with load.
/// </summary>
/// <remarks>
/// Each model has a <see cref="WorkerLane"/>. A free worker takes from the lane that has used the least time for its weight, so a greedy model
/// gets no more than its share. A run cannot be interrupted, so besides the workers there are as many in reserve: they take from a
/// lane of which nothing runs and that has had less than every other, so that it need not wait for the end of another's long runs; the system divides
/// the cores among the threads.
/// The workers are nice: beside a model at full use, who answers a health check or runs a tiny model gets a core at once. A nice thread must start none, and
/// whoever gives work to .NET's thread pool may start one of its threads. So workers give what is for the pool to one thread that is not nice
/// (<see cref="QueueToPool"/>).
/// <c>_gate</c> guards the lanes and all counts, <c>_forPool</c> itself; work runs outside of both.
/// </remarks>
public sealed class RunWorkers : IDisposable
{
    // Shares change while runs go on, and nobody is told of that: while something waits that no one may take yet, one looks again this often.
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(2);

    // A third of the weight of a thread that answers requests: with 10, a tenth, a tiny model at full use would starve a large one.
    private const int Niceness = 5;

    [ThreadStatic]
    private static bool _isWorker;

    private readonly object _gate = new();
    private readonly Queue<IThreadPoolWorkItem> _forPool = new();
    private readonly List<WorkerLane> _active = [];
    private readonly int _workers;
    private int _running;
    private int _waiting;
    private double _clock;
    private bool _disposed;
    private int _ended;

    /// <summary>Starts the threads.</summary>
    /// <param name="workers">Long runs at the same time, at least 1.</param>
    public RunWorkers(int workers)
    {
        _workers = workers;
        new Thread(Forward) { IsBackground = true, Name = "model-answerer" }.Start();
        for (int i = 0; i < 2 * workers; i++)
        {
            new Thread(Work) { IsBackground = true, Name = $"model-worker-{i}" }.Start();
        }
    }

    /// <summary>Puts work at the end of a lane. It must not throw.</summary>
    public void Post(WorkerLane lane, IThreadPoolWorkItem work)
    {
        lock (_gate)
        {
            if (!_disposed)
            {
                if (lane.IsIdle)
                {
                    lane.Join(_clock);
                    _active.Add(lane);
                }

                lane.Waiting.Enqueue(work);
                _waiting++;
                Monitor.Pulse(_gate);
                return;
            }
        }

        // Who still waits when the process ends gets an answer all the same.
        ThreadPool.UnsafeQueueUserWorkItem(work, preferLocal: false);
    }

    /// <summary>Puts work on .NET's thread pool, whoever calls.</summary>
    public void QueueToPool(IThreadPoolWorkItem work)
    {
        if (!_isWorker)
        {
            ThreadPool.UnsafeQueueUserWorkItem(work, preferLocal: false);
            return;
        }

        lock (_forPool)
        {
            _forPool.Enqueue(work);
            Monitor.Pulse(_forPool);
        }
    }

    /// <summary>The threads end when nothing waits any more.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            Monitor.PulseAll(_gate);
        }
    }

    private void Work()
    {
        _isWorker = true;
        ThreadNiceness.Lower(Niceness);
        while (TryTake(out WorkerLane? lane, out IThreadPoolWorkItem? work, out long started))
        {
            work.Execute();
            lock (_gate)
            {
                _running--;
                lane.End(started, Stopwatch.GetTimestamp());
                if (lane.IsIdle)
                {
                    _active.Remove(lane);
                }
            }
        }

        lock (_forPool)
        {
            _ended++;
            Monitor.Pulse(_forPool);
        }
    }

    private void Forward()
    {
        while (true)
        {
            IThreadPoolWorkItem? work;
            lock (_forPool)
            {
                while (!_forPool.TryDequeue(out work))
                {
                    if (_ended == 2 * _workers)
                    {
                        return;
                    }

                    Monitor.Wait(_forPool);
                }
            }

            ThreadPool.UnsafeQueueUserWorkItem(work, preferLocal: false);
        }
    }

    private bool TryTake([NotNullWhen(true)] out WorkerLane? lane, [NotNullWhen(true)] out IThreadPoolWorkItem? work, out long now)
    {
        lock (_gate)
        {
            while ((lane = Next(now = Stopwatch.GetTimestamp())) is null)
            {
                if (_disposed && _waiting == 0)
                {
                    work = null;
                    return false;
                }

                Monitor.Wait(_gate, _waiting > 0 ? LookAgain : Timeout.InfiniteTimeSpan);
            }

            work = lane.Waiting.Dequeue();
            _waiting--;
            _running++;
            _clock = Math.Max(_clock, lane.Used(now));
            lane.Start(now);
            if (_waiting > 0)
            {
                // There may be room for more than one; and someone must look again.
                Monitor.Pulse(_gate);
            }
            else if (_disposed)
            {
                Monitor.PulseAll(_gate);
            }

            return true;
        }
    }

    private WorkerLane? Next(long now)
    {
        WorkerLane? next = null;
        double least = double.MaxValue;
        double leastRunning = double.MaxValue;
        foreach (WorkerLane lane in _active)
        {
            double used = lane.Used(now);
            leastRunning = lane.Running > 0 ? Math.Min(leastRunning, used) : leastRunning;
            if (lane.Waiting.Count > 0 && used < least)
            {
                (next, least) = (lane, used);
            }
        }

        return _running < _workers || (next?.Running == 0 && least < leastRunning && _running < 2 * _workers) ? next : null;
    }
}
