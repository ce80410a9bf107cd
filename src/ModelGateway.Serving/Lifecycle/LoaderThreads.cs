using System.Collections.Concurrent;

namespace ModelGateway.Serving.Lifecycle;

/// <summary>
/// A fixed number of threads that load models, apart from those that answer requests. They have the same priority as all others: a
/// lower one is for native code only, see the runtime.
/// </summary>
internal sealed class LoaderThreads : IDisposable
{
    private readonly BlockingCollection<Action> _jobs = [];
    private readonly List<Thread> _threads = [];

    public LoaderThreads(int count)
    {
        for (int i = 0; i < count; i++)
        {
            var thread = new Thread(Work) { IsBackground = true, Name = $"model-loader-{i}" };
            _threads.Add(thread);
            thread.Start();
        }
    }

    /// <summary>Queues a job; it must not throw. The queue is bounded by the number of versions: a version is queued once.</summary>
    public void Enqueue(Action job) => _jobs.Add(job);

    /// <summary>Lets the jobs under way end; those that wait are dropped by whoever cancelled them.</summary>
    public void Dispose()
    {
        _jobs.CompleteAdding();
        foreach (Thread thread in _threads)
        {
            thread.Join();
        }

        _jobs.Dispose();
    }

    private void Work()
    {
        foreach (Action job in _jobs.GetConsumingEnumerable())
        {
            job();
        }
    }
}
