using System.Collections.Concurrent;
using System.Diagnostics;
using ModelGateway.Serving.Scheduling;
using Xunit;

namespace ModelGateway.Serving.Tests.Scheduling;

/// <summary>What takes time takes it from the clock of the lanes, so work here is charged by hand through <see cref="WorkerLane.Charge"/>.</summary>
public sealed class RunWorkersTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly RunWorkers _workers = new(1);
    private readonly ConcurrentQueue<string> _ran = [];

    public void Dispose() => _workers.Dispose();

    [Fact]
    public async Task Post_Work_RunsOnAThreadOfItsOwn()
    {
        var seen = new TaskCompletionSource<(string? Name, bool IsOfThePool, string Niceness)>(TaskCreationOptions.RunContinuationsAsynchronously);

        _workers.Post(new WorkerLane(1), new Work(() => seen.SetResult((Thread.CurrentThread.Name, Thread.CurrentThread.IsThreadPoolThread, Niceness()))));

        (string? name, bool isOfThePool, string niceness) = await seen.Task.WaitAsync(Patience);
        Assert.StartsWith("model-worker-", name, StringComparison.Ordinal);
        Assert.Equal((false, "5"), (isOfThePool, niceness));
    }

    [Fact]
    public async Task QueueToPool_FromAWorker_RunsOnThePoolWhoseThreadsAreNotNice()
    {
        var seen = new TaskCompletionSource<(bool IsOfThePool, string Niceness)>(TaskCreationOptions.RunContinuationsAsynchronously);

        _workers.Post(new WorkerLane(1), new Work(() => _workers.QueueToPool(new Work(() => seen.SetResult((Thread.CurrentThread.IsThreadPoolThread, Niceness()))))));

        Assert.Equal((true, Niceness()), await seen.Task.WaitAsync(Patience));
    }

    [Fact]
    public async Task Post_GreedyLaneBusy_AnotherLaneStartsAllTheSame()
    {
        using var hold = new ManualResetEventSlim();
        var greedy = new WorkerLane(1);
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _workers.Post(greedy, new Work(() =>
        {
            started.SetResult();
            hold.Wait();
        }));
        _workers.Post(greedy, new Work(() => _ran.Enqueue("greedy")));
        await started.Task.WaitAsync(Patience);
        var other = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        _workers.Post(new WorkerLane(1), new Work(other.SetResult));

        await other.Task.WaitAsync(Patience);
        Assert.Empty(_ran);
        hold.Set();
    }

    [Theory]
    [InlineData(1, 1, 20)]
    [InlineData(1, 3, 30)]
    [InlineData(4, 1, 32)]
    public async Task Post_TwoLanesWithWorkWaiting_ShareByWeight(int first, int second, int all)
    {
        // Both wait behind two runs, one on the worker and one in reserve, that only end when everything is posted.
        using var hold = new ManualResetEventSlim();
        var done = new CountdownEvent(all * 2);
        WorkerLane one = new(first);
        WorkerLane two = new(second);
        await BlockAsync(hold);
        for (int i = 0; i < all; i++)
        {
            Post(one, "one", done);
            Post(two, "two", done);
        }

        hold.Set();

        Assert.True(await Task.Run(() => done.Wait(Patience)));
        int weighed = all * first / (first + second);
        int count = _ran.Take(all).Count(name => name == "one");

        // Two may run at once, the worker and the reserve, so the order may differ at the edge.
        Assert.InRange(count, weighed - 2, weighed + 2);
    }

    [Fact]
    public async Task Post_LaneWasAway_HasSavedNothingUp()
    {
        var busy = new WorkerLane(1);
        var away = new WorkerLane(1);
        busy.Charge(1000 * Stopwatch.Frequency);
        using var hold = new ManualResetEventSlim();
        await BlockAsync(hold, busy);
        var done = new CountdownEvent(20);
        for (int i = 0; i < 10; i++)
        {
            Post(busy, "busy", done);
            Post(away, "away", done);
        }

        hold.Set();

        Assert.True(await Task.Run(() => done.Wait(Patience)));
        Assert.InRange(_ran.Take(10).Count(name => name == "busy"), 3, 7);
    }

    [Fact]
    public async Task Dispose_WorkWaits_StillRunsIt()
    {
        var workers = new RunWorkers(1);
        using var hold = new ManualResetEventSlim();
        var lane = new WorkerLane(1);
        var done = new CountdownEvent(3);
        workers.Post(lane, new Work(hold.Wait));
        workers.Post(lane, new Work(() => done.Signal()));
        workers.Dispose();
        workers.Post(lane, new Work(() => done.Signal()));
        workers.Post(new WorkerLane(1), new Work(() => done.Signal()));

        hold.Set();

        Assert.True(await Task.Run(() => done.Wait(Patience)));
    }

    // Holds the worker and the reserve.
    private async Task BlockAsync(ManualResetEventSlim hold, WorkerLane? lane = null)
    {
        foreach (WorkerLane held in new[] { lane ?? new WorkerLane(1), new WorkerLane(1) })
        {
            var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _workers.Post(held, new Work(() =>
            {
                started.SetResult();
                hold.Wait();
            }));
            await started.Task.WaitAsync(Patience);
        }
    }

    // The 19th field of proc_pid_stat(5), the 17th after the name in its brackets.
    private static string Niceness()
    {
        string stat = File.ReadAllText("/proc/thread-self/stat");
        return stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[16];
    }

    // A second each, by the clock of the lane.
    private void Post(WorkerLane lane, string name, CountdownEvent done) => _workers.Post(lane, new Work(() =>
    {
        _ran.Enqueue(name);
        lane.Charge(Stopwatch.Frequency);
        done.Signal();
    }));

    private sealed class Work(Action action) : IThreadPoolWorkItem
    {
        public void Execute() => action();
    }
}
