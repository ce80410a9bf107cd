using System.Collections.Concurrent;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Tests.Children;
using Xunit;

namespace ModelGateway.Serving.Tests.Lifecycle;

public sealed class LoaderThreadsTests
{
    [Fact]
    public void Enqueue_MoreJobsThanThreads_RunsAsManyAtATimeAsThereAreThreads()
    {
        using var twoAtOnce = new Barrier(2);
        int running = 0;
        int most = 0;
        var names = new ConcurrentDictionary<string, bool>();
        using (var threads = new LoaderThreads(2))
        {
            for (int i = 0; i < 10; i++)
            {
                threads.Enqueue(() =>
                {
                    most = Math.Max(most, Interlocked.Increment(ref running));
                    names[Thread.CurrentThread.Name!] = Thread.CurrentThread.IsThreadPoolThread;

                    // Passes only with both threads at work.
                    twoAtOnce.SignalAndWait();
                    Interlocked.Decrement(ref running);
                });
            }
        }

        Assert.Equal(2, most);
        Assert.Equal([("model-loader-0", false), ("model-loader-1", false)], names.Select(name => (name.Key, name.Value)).Order());
    }

    [Fact]
    public void Dispose_JobsWait_RunsThemToTheEnd()
    {
        int done = 0;
        var threads = new LoaderThreads(1);
        for (int i = 0; i < 5; i++)
        {
            threads.Enqueue(() => Interlocked.Increment(ref done));
        }

        threads.Dispose();

        Assert.Equal(5, done);
    }

    [Fact]
    public async Task Threads_OfAProcess_DoNotGrowWithItsModelsAndKeepTheirPriority()
    {
        string output = await ChildProcess.RunAsync([Program.LoadModels, "20"]);

        string[] lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        string[][] threads = [.. lines.Select(line => line.Split('\t')).Where(columns => columns.Length == 3)];
        Assert.Contains("loaded 20", lines);

        // .NET's own threads come and go; the rest is the main thread, the loaders, the workers and the one pool of ONNX Runtime.
        // One of .NET's that has just begun bears no name yet and is counted with the rest; a thread a model would be 18 more.
        Assert.InRange(Count("after") - Count("before"), -2, 2);
        Assert.Equal(2, threads.Count(columns => columns[0] == "after" && columns[1].StartsWith("model-loader", StringComparison.Ordinal)));

        // The workers are nice, and one that optimized a graph may still be ending. Any other thread that is nicer than the first one inherited that from a load or a run, and will be so when it answers requests.
        Assert.Single(threads.Where(columns => !IsWorker(columns[1]) && columns[1] != "model-optimizer").Select(columns => columns[2]).Distinct());
        Assert.Equal(["5"], threads.Where(columns => columns[0] == "after" && IsWorker(columns[1])).Select(columns => columns[2]).Distinct());

        static bool IsWorker(string name) => name.StartsWith("model-worker", StringComparison.Ordinal);

        int Count(string when) => threads.Count(columns => columns[0] == when && !columns[1].StartsWith(".NET", StringComparison.Ordinal));
    }
}
