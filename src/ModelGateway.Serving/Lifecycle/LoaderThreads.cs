using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace ModelGateway.Serving.Lifecycle;

/// <summary>
/// A fixed number of threads that load models, apart from those that answer requests, and on Linux at a lower priority, so that
/// a long graph optimization does not take a core from predictions.
/// </summary>
internal sealed partial class LoaderThreads : IDisposable
{
    private const int Niceness = 10;
    private readonly BlockingCollection<Action> _jobs = [];
    private readonly List<Thread> _threads = [];

    public LoaderThreads(int count)
    {
        for (int i = 0; i < count; i++)
        {
            var thread = new Thread(Work) { IsBackground = true, Name = $"model-loader-{i}", Priority = ThreadPriority.BelowNormal };
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
        if (OperatingSystem.IsLinux())
        {
            // On Linux the call changes one thread (id 0: this one), and .NET's thread priorities change nothing.
            _ = SetPriority(0, 0, Niceness);
        }

        foreach (Action job in _jobs.GetConsumingEnumerable())
        {
            job();
        }
    }

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, int who, int priority);
}
