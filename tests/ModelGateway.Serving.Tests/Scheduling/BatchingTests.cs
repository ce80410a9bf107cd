using System.Collections.Concurrent;
using System.Diagnostics;
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

/// <summary>
/// A model that doubles: y = 2x, row by row. Requests gather while the test holds the only instance; what runs then is written down as the rows of each run.
/// </summary>
public sealed class BatchingTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static readonly ModelSignature Signature = new(
        [new TensorSpec("x", TensorType.Fp32, [-1, -1]), new TensorSpec("scale", TensorType.Fp32, [-1]) { Optional = true }],
        [new OutputSpec(OutputKind.Tensor, new TensorSpec("y", TensorType.Fp32, [-1, -1]))]);

    private readonly RunWorkers _workers = new(1);
    private readonly FakeInstance _instance = new() { Signature = Signature };
    private ServableStatistics? _statistics;
    private readonly FakeTimeProvider _time = new();
    private readonly List<long> _runs = [];
    private readonly List<string> _stopped = [];
    private readonly ConcurrentDictionary<Task, Tensor> _sent = [];

    // Values that a run must not meet.
    private readonly HashSet<float> _poison = [];
    private RunScheduler? _scheduler;
    private InstancePool? _pool;

    public BatchingTests() => _instance.OnRun = (inputs, _) =>
    {
        Tensor x = inputs[0].Tensor;
        lock (_runs)
        {
            _runs.Add(x.Shape[0]);
        }

        float[] values = x.AsSpan<float>().ToArray();
        return values.Any(_poison.Contains)
            ? throw new ModelRunException("poison", inputAtFault: true)
            : [OutputValue.FromTensor("y", Tensor.Create<float>(TensorType.Fp32, [.. x.Shape], [.. values.Select(value => 2 * value)]))];
    };

    public void Dispose() => _workers.Dispose();

    [Fact]
    public async Task RunAsync_SeveralWait_RunTogetherAndEachGetsItsOwn()
    {
        Task<RunOutcome>[] runs = Gather(5, i => X(i, 2));

        await AssertDoubledAsync(runs);
        Assert.Equal([5L], _runs);
        Assert.Equal(1, _statistics!.Executions);
        BatchStatistics batch = Assert.Single(_statistics.Batches);
        Assert.Equal((5L, 1L, 1L, 1L), (batch.Rows, batch.Input.Count, batch.Infer.Count, batch.Output.Count));
    }

    [Fact]
    public async Task RunAsync_RequestsOfManyRows_NeverMoreThanAllowed()
    {
        // 3 + 4 fit into 8, 5 more do not; 1 does; 9 is more than allowed and runs alone.
        int[] rows = [3, 4, 5, 1, 9, 2];
        Task<RunOutcome>[] runs = Gather(rows.Length, i => Rows(rows[i]), maxRows: 8);

        await Task.WhenAll(runs).WaitAsync(Patience);
        Assert.Equal([8L, 7L, 9L], _runs);
        Assert.All(runs.Zip(rows), pair => Assert.Equal(pair.Second, pair.First.Result.Outputs![0].Values.Shape[0]));
    }

    [Fact]
    public async Task RunAsync_OtherShapes_AreNotJoinedAndNotOvertakenForEver()
    {
        Task<RunOutcome>[] runs = Gather(6, i => X(i, 1 + (i % 2)));

        await AssertDoubledAsync(runs);
        Assert.Equal([3L, 3L], _runs);
    }

    [Fact]
    public async Task RunAsync_OtherOutputsAskedFor_AreNotJoined()
    {
        Task<RunOutcome>[] runs = Gather(4, i => X(i, 1), outputs: i => i % 2 == 0 ? null : ["y"]);

        await AssertDoubledAsync(runs);
        Assert.Equal([2L, 2L], _runs);
    }

    [Fact]
    public async Task RunAsync_OptionalInputGiven_RunsAlone()
    {
        Task<RunOutcome>[] runs = Gather(3, i => i == 1
            ? [.. X(i, 1), new NamedTensor("scale", Tensor.Create<float>(TensorType.Fp32, [1], [1f]))]
            : X(i, 1));

        await AssertDoubledAsync(runs);
        Assert.Equal([2L, 1L], _runs);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(6)]
    [InlineData(0, 1, 5)]
    [InlineData(0, 1, 2, 3, 4, 5, 6)]
    public async Task RunAsync_SomeFail_OnlyTheyFail(params int[] guilty)
    {
        _poison.UnionWith(guilty.Select(i => (float)i));

        Task<RunOutcome>[] runs = Gather(7, i => X(i, 1));

        await AssertDoubledAsync([.. runs.Where((_, i) => !guilty.Contains(i))]);
        foreach (int i in guilty)
        {
            Assert.Equal("poison", Assert.IsType<ModelRunException>((await runs[i].WaitAsync(Patience)).Fault).Message);
        }

        Assert.Equal(0, _pool!.Lent);
    }

    [Fact]
    public async Task RunAsync_CallersLeaveBefore_AreNotRun()
    {
        using var caller = new CancellationTokenSource();

        Task<RunOutcome>[] runs = Gather(5, i => X(i, 1), stop: i => i is 0 or 3 ? caller.Token : default, beforeTheCut: caller.Cancel);

        Assert.IsType<OperationCanceledException>((await runs[0].WaitAsync(Patience)).Fault);
        Assert.IsType<OperationCanceledException>((await runs[3].WaitAsync(Patience)).Fault);
        await AssertDoubledAsync([runs[1], runs[2], runs[4]]);
        Assert.Equal([3L], _runs);
    }

    [Fact]
    public async Task RunAsync_SomeLeaveDuringTheRun_TheOthersAreAnswered()
    {
        using var caller = new CancellationTokenSource();
        Func<IReadOnlyList<NamedTensor>, CancellationToken, IReadOnlyList<OutputValue>> doubling = _instance.OnRun;
        _instance.OnRun = (inputs, stop) =>
        {
            caller.Cancel();
            Assert.False(stop.IsCancellationRequested);
            return doubling(inputs, stop);
        };

        Task<RunOutcome>[] runs = Gather(3, i => X(i, 1), stop: i => i == 1 ? caller.Token : default);

        await AssertDoubledAsync([runs[0], runs[2]]);
        Assert.NotNull((await runs[1].WaitAsync(Patience)).Outputs);
    }

    [Fact]
    public async Task RunAsync_AllLeaveDuringTheRun_StopsIt()
    {
        using var one = new CancellationTokenSource();
        using var two = new CancellationTokenSource();
        int runs = 0;
        _instance.OnRun = (_, stop) =>
        {
            runs++;
            one.Cancel();
            two.Cancel();
            Assert.True(stop.WaitHandle.WaitOne(Patience));
            throw new OperationCanceledException(stop);
        };

        Task<RunOutcome>[] outcomes = Gather(2, i => X(i, 1), stop: i => i == 0 ? one.Token : two.Token);

        await Task.WhenAll(outcomes).WaitAsync(Patience);
        Assert.All(outcomes, outcome => Assert.IsType<OperationCanceledException>(outcome.Result.Fault));
        Assert.Equal(1, runs);
    }

    [Fact]
    public async Task RunAsync_AnswerHasNoRows_RunsEachAloneFromThenOnAndSaysWhy()
    {
        _instance.OnRun = (inputs, _) =>
        {
            _runs.Add(inputs[0].Tensor.Shape[0]);
            return [OutputValue.FromTensor("y", Tensor.Create<float>(TensorType.Fp32, [1, 1], [0f]))];
        };

        await Task.WhenAll(Gather(3, i => X(i, 1))).WaitAsync(Patience);

        Assert.Equal([3L, 1L, 1L, 1L], _runs);
        Assert.Equal(["its output 'y' does not have one row for each of 3 rows that went in"], _stopped);
        Assert.False(_scheduler!.Batches);
    }

    [Fact]
    public async Task RunAsync_PreferredSizes_TakesTheLargestThatIsReached()
    {
        Task<RunOutcome>[] runs = Gather(7, i => X(i, 1), preferred: [2, 4]);

        await AssertDoubledAsync(runs);
        Assert.Equal([4L, 2L, 1L], _runs);
    }

    [Fact]
    public async Task RunAsync_Delay_WaitsUntilItIsOver()
    {
        Create(delay: TimeSpan.FromMilliseconds(5), concurrency: 2);
        Task<RunOutcome>[] runs = [.. Enumerable.Range(0, 3).Select(i => RunAsync(X(i, 1)))];
        _time.Advance(TimeSpan.FromMilliseconds(4));
        Assert.All(runs, run => Assert.False(run.IsCompleted));
        Assert.Equal(0, _pool!.Lent);

        _time.Advance(TimeSpan.FromMilliseconds(1));

        await AssertDoubledAsync(runs);
    }

    [Fact]
    public async Task RunAsync_DelayButFull_WaitsNoLonger()
    {
        Create(delay: TimeSpan.FromHours(1), maxRows: 3);

        await AssertDoubledAsync([.. Enumerable.Range(0, 3).Select(i => RunAsync(X(i, 1)))]);
    }

    [Fact]
    public async Task RunAsync_ManyOfAllKindsAtOnce_EachGetsItsOwn()
    {
        Create(concurrency: 2, length: 10_000);
        _poison.Add(13);

        await Parallel.ForEachAsync(Enumerable.Range(0, 5_000), new ParallelOptions { MaxDegreeOfParallelism = 40 }, async (i, _) =>
        {
            using var caller = new CancellationTokenSource();
            Task<RunOutcome> run = RunAsync(X(i % 50, 1 + (i % 3)), null, caller.Token);
            if (i % 9 == 0)
            {
                await caller.CancelAsync();
            }

            RunOutcome outcome = await run.WaitAsync(Patience, CancellationToken.None);
            if (outcome.Fault is ModelRunException)
            {
                Assert.Equal(13, i % 50);
            }
            else if (outcome.Outputs is { } outputs)
            {
                Assert.All(outputs[0].Values.AsSpan<float>().ToArray(), value => Assert.Equal(2f * (i % 50), value));
            }
            else
            {
                Assert.Equal(0, i % 9);
            }
        });

        // The turn of a ticket whose requests have all left may come after the last answer.
        Assert.True(SpinWait.SpinUntil(() => (_scheduler!.Waiting, _pool!.Lent) == (0, 0), Patience), "An instance was not given back.");
    }

    [Fact]
    public void WorthRows_RowsOfABatchCostAThird_AreJoined()
    {
        RunCost cost = Cost((1, 30), (8, 80));

        Assert.Equal(16, cost.WorthRows(1, 32));
        Assert.Equal(8, cost.WorthRows(1, 8));
        cost.Count(16, 64, Microseconds(16 * 25));
        Assert.Equal(8, cost.WorthRows(1, 32));
    }

    [Theory]
    [InlineData(5_000, 40_000)]
    [InlineData(850, 8_000)]
    [InlineData(3, 4)]
    public void WorthRows_NothingOrLittleGained_RunAlone(int single, int eight) => Assert.Equal(1, Cost((1, single), (8, eight)).WorthRows(1, 32));

    [Fact]
    public void TryEnter_BatchesPay_OnlyWhoIsAloneRunsAtOnce()
    {
        Create(concurrency: 2, cost: Cost((1, 30), (8, 80)), isAutomatic: true);

        Assert.True(_scheduler!.TryEnter(X(0, 1), out InstanceLease? alone));
        Assert.False(_scheduler.TryEnter(X(0, 1), out _));
        alone.Dispose();
        Assert.True(_scheduler.TryEnter(X(0, 1), out _));
    }

    [Fact]
    public void TryEnter_BatchesDoNotPay_AsManyAsThereAreInstances()
    {
        Create(concurrency: 2, cost: Cost((1, 500), (8, 4_000)), isAutomatic: true);

        Assert.True(_scheduler!.TryEnter(X(0, 1), out _));
        Assert.True(_scheduler.TryEnter(X(0, 1), out _));
        Assert.False(_scheduler.TryEnter(X(0, 1), out _));
    }

    [Fact]
    public async Task RunAsync_BatchesDoNotPay_RunAloneButForATrialNowAndThen()
    {
        Create(cost: Cost((1, 20_000), (8, 160_000)), isAutomatic: true, length: 1000);
        Assert.True(_pool!.TryRent(out InstanceLease? held));
        Task<RunOutcome>[] runs = [.. Enumerable.Range(0, 66).Select(i => RunAsync(X(i, 1)))];

        held.Dispose();

        await AssertDoubledAsync(runs);
        Assert.Equal([.. Enumerable.Repeat(1L, 63), 3L], _runs);
    }

    [Theory]
    [InlineData(30, 320, 2)]
    [InlineData(3, 30, 0)]
    public void TryEnter_BatchesSeemNotToPay_OneNowAndThenWaitsForOthers(int single, int eight, int waits)
    {
        Create(concurrency: 2, cost: Cost((1, single), (8, eight)), isAutomatic: true);
        Assert.True(_scheduler!.TryEnter(X(0, 1), out InstanceLease? other));

        Assert.Equal(waits, Enumerable.Range(0, 128).Count(_ => !Enters()));
        other.Dispose();
        Assert.All(Enumerable.Range(0, 128), _ => Assert.True(Enters()));
    }

    [Fact]
    public async Task RunAsync_BatchesSeemNotToPayAndOneWaitedForOthers_TheyAreJoinedFromThenOn()
    {
        Create(concurrency: 2, cost: Cost((1, 30), (8, 320)), isAutomatic: true, length: 1000);
        Assert.True(_pool!.TryRent(out InstanceLease? one));
        while (Enters())
        {
        }

        Assert.True(_pool.TryRent(out InstanceLease? two));
        Task<RunOutcome>[] runs = [.. Enumerable.Range(0, 6).Select(i => RunAsync(X(i, 1)))];

        one.Dispose();

        await AssertDoubledAsync(runs);

        // What the four cost shows that batches pay.
        Assert.Equal([4L, 2L], _runs);
        two.Dispose();
    }

    [Fact]
    public async Task RunAsync_BatchesPay_TriesSingleRunsAndLargerBatchesNowAndThen()
    {
        Create(cost: Cost((1, 300), (4, 600), (8, 8_000)), isAutomatic: true, length: 1000);
        Assert.True(_pool!.TryRent(out InstanceLease? held));
        Task<RunOutcome>[] runs = [.. Enumerable.Range(0, (63 * 4) + 1 + (63 * 4) + 8).Select(i => RunAsync(X(i, 1)))];

        held.Dispose();

        await AssertDoubledAsync(runs);
        Assert.Equal([.. Enumerable.Repeat(4L, 63), 1L, .. Enumerable.Repeat(4L, 63), 8L], _runs);
    }

    private bool Enters()
    {
        bool enters = _scheduler!.TryEnter(X(0, 1), out InstanceLease? lease);
        lease?.Dispose();
        return enters;
    }

    private static long Microseconds(long count) => count * Stopwatch.Frequency / 1_000_000;

    private static RunCost Cost(params (int Rows, int Microseconds)[] runs)
    {
        var cost = new RunCost();
        foreach ((int rows, int microseconds) in runs)
        {
            cost.Count(rows, rows * sizeof(float), Microseconds(microseconds));
        }

        return cost;
    }

    private static NamedTensor[] X(int value, int columns) => [new NamedTensor("x", Tensor.Create<float>(TensorType.Fp32, [1, columns], Enumerable.Repeat((float)value, columns).ToArray()))];

    private static NamedTensor[] Rows(int rows) => [new NamedTensor("x", Tensor.Create<float>(TensorType.Fp32, [rows, 1], new float[rows]))];

    private async Task AssertDoubledAsync(Task<RunOutcome>[] runs)
    {
        foreach (Task<RunOutcome> run in runs)
        {
            Tensor answer = Assert.Single((await run.WaitAsync(Patience)).Outputs!).Values;
            Tensor sent = _sent[run];
            Assert.Equal(sent.Shape, answer.Shape);
            Assert.Equal(sent.AsSpan<float>().ToArray().Select(value => 2 * value), answer.AsSpan<float>().ToArray());
        }
    }

    private void Create(
        int maxRows = 100, int[]? preferred = null, TimeSpan delay = default, int concurrency = 1, RunCost? cost = null, bool isAutomatic = false, int length = 100)
    {
        ServableMetrics metrics = new ServingMetrics(Metrics.NewCustomRegistry()).ForServable("m", 1);
        var rules = new BatchRules(Signature, maxRows, isAutomatic) { Preferred = preferred ?? [], MaxDelay = delay, Stopped = _stopped.Add };
        _pool = new InstancePool(_instance, concurrency, metrics);
        _statistics = new ServableStatistics(metrics);
        _scheduler = new RunScheduler(_pool, _workers, new RunSettings(1, length, rules), cost ?? new RunCost(), (metrics, _statistics), _time);
    }

    private Task<RunOutcome> RunAsync(NamedTensor[] inputs, IReadOnlyList<string>? outputs = null, CancellationToken stop = default)
    {
        Task<RunOutcome> run = _scheduler!.RunAsync(inputs, outputs, null, stop).AsTask();
        _sent[run] = inputs[0].Tensor;
        return run;
    }

    private Task<RunOutcome>[] Gather(
        int count, Func<int, NamedTensor[]> inputs, int maxRows = 100, int[]? preferred = null, Func<int, IReadOnlyList<string>?>? outputs = null,
        Func<int, CancellationToken>? stop = null, Action? beforeTheCut = null)
    {
        Create(maxRows, preferred);
        Assert.True(_pool!.TryRent(out InstanceLease? held));
        Task<RunOutcome>[] runs = [.. Enumerable.Range(0, count).Select(i => RunAsync(inputs(i), outputs?.Invoke(i), stop?.Invoke(i) ?? default))];
        beforeTheCut?.Invoke();
        held.Dispose();
        return runs;
    }
}
