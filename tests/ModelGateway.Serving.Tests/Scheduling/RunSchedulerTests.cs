using Microsoft.Extensions.Time.Testing;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Scheduling;
using ModelGateway.Serving.Tensors;
using ModelGateway.TestKit;
using Prometheus;
using Xunit;

namespace ModelGateway.Serving.Tests.Scheduling;

public sealed class RunSchedulerTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly RunWorkers _workers = new(2);
    private readonly FakeInstance _instance = new();
    private ServableStatistics? _statistics;

    public void Dispose() => _workers.Dispose();

    [Fact]
    public void TryEnter_CostUnknown_IsNotForThisThread()
    {
        (RunScheduler scheduler, _) = Create(new RunCost());

        Assert.False(scheduler.TryEnter(Rows(1), out _));
    }

    [Fact]
    public void TryEnter_LongRun_IsNotForThisThread()
    {
        (RunScheduler scheduler, _) = Create(Cost(TimeSpan.FromMilliseconds(50)));

        Assert.False(scheduler.TryEnter(Rows(1), out _));
    }

    [Fact]
    public void TryEnter_ShortRunOfManyRows_IsLong()
    {
        (RunScheduler scheduler, _) = Create(Cost(TimeSpan.FromMicroseconds(100)));

        Assert.True(scheduler.TryEnter(Rows(1), out InstanceLease? lease));
        lease.Dispose();
        Assert.False(scheduler.TryEnter(Rows(100), out _));
    }

    [Fact]
    public async Task RunAsync_InstanceBusy_WaitsForIt()
    {
        (RunScheduler scheduler, InstancePool pool) = Create(Cost(TimeSpan.FromMicroseconds(10)));
        Assert.True(pool.TryRent(out InstanceLease? held));
        Task<RunOutcome> waiting = RunAsync(scheduler, Rows(1));
        Assert.Equal(1, scheduler.Waiting);
        Assert.False(scheduler.TryEnter(Rows(1), out _));

        held.Dispose();

        Assert.NotNull((await waiting.WaitAsync(Patience)).Outputs);
    }

    [Fact]
    public async Task RunAsync_LongRuns_NeverHoldAThreadOfThePool()
    {
        (RunScheduler scheduler, _) = Create(Cost(TimeSpan.FromMilliseconds(500)), concurrency: 2, length: 100);
        using var hold = new ManualResetEventSlim();
        using var started = new CountdownEvent(2);
        int ofThePool = 0;
        _instance.OnRun = (_, _) =>
        {
            if (!hold.IsSet)
            {
                ofThePool += Thread.CurrentThread.IsThreadPoolThread ? 1 : 0;
                started.Signal();
                hold.Wait(CancellationToken.None);
            }

            return [];
        };
        Task<RunOutcome>[] runs = [.. Enumerable.Range(0, 50).Select(_ => RunAsync(scheduler, Rows(1)))];

        // All that is asked of the pool meanwhile is done, though no run has ended.
        await Parallel.ForEachAsync(Enumerable.Range(0, 100), async (_, _) => await Task.Yield());
        Assert.True(started.Wait(Patience, CancellationToken.None));
        Assert.All(runs, run => Assert.False(run.IsCompleted));
        Assert.Equal((0, 48), (ofThePool, scheduler.Waiting));
        hold.Set();

        await Task.WhenAll(runs).WaitAsync(Patience);
        Assert.Equal(50, _statistics!.Executions);
    }

    [Fact]
    public async Task RunAsync_ManyWait_RunInOrderOfArrival()
    {
        (RunScheduler scheduler, InstancePool pool) = Create(Cost(TimeSpan.FromMilliseconds(5)), length: 100);
        var order = new List<long>();
        _instance.OnRun = (inputs, _) =>
        {
            order.Add(inputs[0].Tensor.Shape[0]);
            return [];
        };
        Assert.True(pool.TryRent(out InstanceLease? held));
        Task<RunOutcome>[] runs = [.. Enumerable.Range(1, 40).Select(rows => RunAsync(scheduler, Rows(rows)))];

        held.Dispose();

        await Task.WhenAll(runs).WaitAsync(Patience);
        Assert.Equal(Enumerable.Range(1, 40).Select(rows => (long)rows), order);
    }

    [Fact]
    public async Task RunAsync_QueueFull_RefusesWithRetryAfterUntilSomeoneLeaves()
    {
        (RunScheduler scheduler, InstancePool pool) = Create(new RunCost(), length: 1);
        Assert.True(pool.TryRent(out InstanceLease? held));
        using var caller = new CancellationTokenSource();
        Task<RunOutcome> waiting = RunAsync(scheduler, Rows(1), stop: caller.Token);

        PredictError? refusal = (await RunAsync(scheduler, Rows(1))).Refusal;
        await caller.CancelAsync();

        Assert.Equal((PredictErrorKind.QueueFull, true), (refusal!.Kind, refusal.RetryAfter > TimeSpan.Zero));
        Assert.IsType<OperationCanceledException>((await waiting.WaitAsync(Patience)).Fault);
        Task<RunOutcome> next = RunAsync(scheduler, Rows(1));
        Assert.False(next.IsCompleted);
        held.Dispose();
        Assert.NotNull((await next.WaitAsync(Patience)).Outputs);
    }

    [Fact]
    public async Task RunAsync_NobodyMayWait_RunsWhereAnInstanceIsFree()
    {
        (RunScheduler scheduler, InstancePool pool) = Create(new RunCost(), length: 0);

        Assert.NotNull((await RunAsync(scheduler, Rows(1)).WaitAsync(Patience)).Outputs);
        Assert.True(pool.TryRent(out _));
        Assert.Equal(PredictErrorKind.QueueFull, (await RunAsync(scheduler, Rows(1))).Refusal!.Kind);
    }

    [Fact]
    public async Task RunAsync_WouldWaitLongerThanItMay_IsRefusedAtOnceAndTakesNoPlace()
    {
        var time = new FakeTimeProvider();
        (RunScheduler scheduler, InstancePool pool) = Create(new RunCost(), length: 100, time: time);

        // Each waits a second for each before it.
        await WaitInTurnAsync(scheduler, pool, 10, () => time.Advance(TimeSpan.FromSeconds(1)));
        Assert.True(pool.TryRent(out InstanceLease? held));
        Task<RunOutcome>[] waiting = [.. Enumerable.Range(0, 4).Select(_ => RunAsync(scheduler, Rows(1)))];

        Task<RunOutcome> tooLate = RunAsync(scheduler, Rows(1), patience: TimeSpan.FromSeconds(1));
        Task<RunOutcome> inTime = RunAsync(scheduler, Rows(1), patience: TimeSpan.FromSeconds(60));

        PredictError? refusal = (await tooLate.WaitAsync(Patience)).Refusal;
        Assert.Equal(PredictErrorKind.QueueFull, refusal!.Kind);
        Assert.Matches("^The model's queue is too long for this request: 4 requests wait, which will take about [0-9.]+ s, and it has 1 s.$", refusal.Message);
        Assert.InRange(refusal.RetryAfter!.Value.TotalSeconds, 1, 10);
        Assert.False(inTime.IsCompleted);
        Assert.Equal(5, scheduler.Waiting);
        held.Dispose();
        await Task.WhenAll([.. waiting, inTime]).WaitAsync(Patience);
    }

    [Fact]
    public async Task RunAsync_InstanceFree_IsNotRefusedHoweverLittleTime()
    {
        var time = new FakeTimeProvider();
        (RunScheduler scheduler, InstancePool pool) = Create(new RunCost(), length: 100, time: time);
        await WaitInTurnAsync(scheduler, pool, 10, () => time.Advance(TimeSpan.FromSeconds(1)));

        Assert.NotNull((await RunAsync(scheduler, Rows(1), patience: TimeSpan.FromTicks(1)).WaitAsync(Patience)).Outputs);
    }

    [Fact]
    public async Task RunAsync_QueueFull_SaysWhenItWillBeEmpty()
    {
        var time = new FakeTimeProvider();
        (RunScheduler scheduler, InstancePool pool) = Create(new RunCost(), length: 20, time: time);
        await WaitInTurnAsync(scheduler, pool, 10, () => time.Advance(TimeSpan.FromSeconds(1)));
        Assert.True(pool.TryRent(out InstanceLease? held));
        Task<RunOutcome>[] waiting = [.. Enumerable.Range(0, 20).Select(_ => RunAsync(scheduler, Rows(1)))];

        PredictError? refusal = (await RunAsync(scheduler, Rows(1)).WaitAsync(Patience)).Refusal;

        Assert.Equal("The model's queue is full (20 requests wait).", refusal!.Message);
        Assert.InRange(refusal.RetryAfter!.Value.TotalSeconds, 10, 30);
        held.Dispose();
        await Task.WhenAll(waiting).WaitAsync(Patience);
    }

    [Fact]
    public async Task RunAsync_CallerGoneBefore_NeverRuns()
    {
        (RunScheduler scheduler, InstancePool pool) = Create(new RunCost());
        Assert.True(pool.TryRent(out InstanceLease? held));
        _instance.OnRun = (_, _) => throw new InvalidOperationException("It ran.");

        RunOutcome outcome = await RunAsync(scheduler, Rows(1), stop: new CancellationToken(canceled: true)).WaitAsync(Patience);

        Assert.IsType<OperationCanceledException>(outcome.Fault);
        held.Dispose();
        Assert.Equal((0, 0), (scheduler.Waiting, pool.Lent));
    }

    [Fact]
    public async Task RunAsync_RunThrows_IsTheOutcomeAndTheInstanceComesBack()
    {
        (RunScheduler scheduler, InstancePool pool) = Create(new RunCost());
        _instance.OnRun = (_, _) => throw new ModelRunException("why", inputAtFault: true);

        RunOutcome outcome = await RunAsync(scheduler, Rows(1)).WaitAsync(Patience);

        Assert.Equal("why", Assert.IsType<ModelRunException>(outcome.Fault).Message);
        Assert.Equal((0, 0L), (pool.Lent, _statistics!.Executions));
    }

    [Fact]
    public async Task RunAsync_ManyThatComeLeaveAndFail_LoseNothing()
    {
        (RunScheduler scheduler, InstancePool pool) = Create(Cost(TimeSpan.FromMicroseconds(20)), concurrency: 2, length: 10_000);
        int number = 0;
        _instance.OnRun = (_, _) => Interlocked.Increment(ref number) % 3 == 0 ? throw new ModelRunException("no", inputAtFault: true) : [];
        int lost = 0;

        await Parallel.ForEachAsync(Enumerable.Range(0, 5_000), new ParallelOptions { MaxDegreeOfParallelism = 32 }, async (i, _) =>
        {
            using var caller = new CancellationTokenSource();
            Task<RunOutcome> run = RunAsync(scheduler, Rows(1 + (i % 3)), stop: caller.Token);
            if (i % 4 == 0)
            {
                await caller.CancelAsync();
            }

            RunOutcome outcome = await run.WaitAsync(Patience, CancellationToken.None);
            Interlocked.Add(ref lost, outcome.Outputs is not null || outcome.Fault is not null ? 0 : 1);
        });

        Assert.Equal(0, lost);
        // The turn of a ticket whose request has left may come after the last answer.
        Assert.True(SpinWait.SpinUntil(() => (scheduler.Waiting, pool.Lent) == (0, 0), Patience), "An instance was not given back.");
    }

    private static RunCost Cost(TimeSpan row)
    {
        var cost = new RunCost();
        cost.Count(1, sizeof(float), (long)(row.TotalSeconds * System.Diagnostics.Stopwatch.Frequency));
        return cost;
    }

    private static NamedTensor[] Rows(int rows) => [new NamedTensor("x", Tensor.Create<float>(TensorType.Fp32, [rows, 1], new float[rows]))];

    private static Task<RunOutcome> RunAsync(RunScheduler scheduler, NamedTensor[] inputs, TimeSpan? patience = null, CancellationToken stop = default) => scheduler.RunAsync(inputs, null, patience, stop).AsTask();

    private async Task WaitInTurnAsync(RunScheduler scheduler, InstancePool pool, int count, Action run)
    {
        _instance.OnRun = (_, _) =>
        {
            run();
            return [];
        };
        Assert.True(pool.TryRent(out InstanceLease? held));
        Task<RunOutcome>[] runs = [.. Enumerable.Range(0, count).Select(_ => RunAsync(scheduler, Rows(1)))];
        run();
        held.Dispose();
        await Task.WhenAll(runs).WaitAsync(Patience);
        _instance.OnRun = static (_, _) => [];
    }

    private (RunScheduler Scheduler, InstancePool Pool) Create(RunCost cost, int concurrency = 1, int length = 10, TimeProvider? time = null)
    {
        ServableMetrics metrics = new ServingMetrics(Metrics.NewCustomRegistry()).ForServable("m", 1);
        var pool = new InstancePool(_instance, concurrency, metrics);
        _statistics = new ServableStatistics(metrics);
        return (new RunScheduler(pool, _workers, new RunSettings(1, length, null), cost, (metrics, _statistics), time ?? TimeProvider.System), pool);
    }
}
