using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Scheduling;
using ModelGateway.Serving.Tensors;
using ModelGateway.Serving.Tests.Lifecycle;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Inference;

/// <summary>One instance with room for one in its queue; whatever happens, both are free afterwards.</summary>
public sealed class PredictorTests : IAsyncLifetime, IDisposable
{
    // Longer than any test may take; never waited for.
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(20);
    private readonly FakeInstance _instance = new();
    private readonly ServingHarness _serving;
    private ServableHandle? _handle;

    public PredictorTests() => _serving = new ServingHarness(new FakeRuntime { OnLoad = (_, _) => _instance });

    public async Task InitializeAsync() => _handle = await LoadAsync("{instances: 1, warmup: off, limits: {queue_length: 1, timeout: 1h}}");

    public Task DisposeAsync() => Task.CompletedTask;

    public void Dispose()
    {
        _handle?.Dispose();
        _serving.Dispose();
    }

    [Fact]
    public async Task PredictAsync_RunSucceeds_AnswersWithTheVersionAndItsTimes()
    {
        var output = OutputValue.FromTensor("y", Tensor.Create<float>(TensorType.Fp32, [1], [7f]));
        IReadOnlyList<string>? asked = null;
        _instance.OnRun = (inputs, _) =>
        {
            asked = [.. inputs.Select(input => input.Name)];
            return [output];
        };

        using PredictResponse response = (await PredictAsync(Long)).Response!;

        Assert.Equal(new ServableId("model", 1), response.Servable);
        Assert.Same(output, Assert.Single(response.Outputs));
        Assert.Equal(["x"], asked);
        Assert.True(response.Timings.Wait >= TimeSpan.Zero && response.Timings.Run > TimeSpan.Zero);
        AssertFree();
    }

    [Fact]
    public async Task PredictAsync_DeadlinePassesInTheQueue_DoesNotRun()
    {
        using InstanceLease held = Hold();

        PredictResult result = await PredictAsync(Short);

        Assert.Equal(PredictErrorKind.DeadlineExceeded, result.Error!.Kind);
        held.Dispose();
        AssertFree();
    }

    [Fact]
    public async Task PredictAsync_DeadlinePassesDuringTheRun_StopsIt()
    {
        _instance.OnRun = RunUntilStopped;

        PredictResult result = await Task.Run(() => PredictAsync(Short));

        Assert.Equal(PredictErrorKind.DeadlineExceeded, result.Error!.Kind);
        AssertFree();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(-10_000)]
    [InlineData(long.MinValue)]
    public async Task PredictAsync_NoTimeLeftFromTheStart_DoesNotRun(long ticks)
    {
        _instance.OnRun = (_, _) => throw new InvalidOperationException("It ran.");

        Assert.Equal(PredictErrorKind.DeadlineExceeded, (await PredictAsync(TimeSpan.FromTicks(ticks))).Error!.Kind);

        // One millisecond less than nothing means for ever to a semaphore.
        using InstanceLease held = Hold();
        Assert.Equal(PredictErrorKind.DeadlineExceeded, (await PredictAsync(TimeSpan.FromTicks(ticks))).Error!.Kind);
        held.Dispose();
        AssertFree();
    }

    [Theory]
    [InlineData("{warmup: off, limits: {timeout: 20ms}}")]
    [InlineData("{warmup: off}")]
    public async Task PredictAsync_CallerWouldWaitLonger_TheModelsOrTheGatewaysLimitHolds(string config)
    {
        using var serving = new ServingHarness(
            new FakeRuntime { OnLoad = (_, _) => new FakeInstance { OnRun = RunUntilStopped } },
            options => options with { PredictTimeout = config.Contains("limits", StringComparison.Ordinal) ? Long : Short });
        serving.Folder.AddConfig("model", config);
        serving.Add("model", 1, [1]);
        await serving.ScanAndSettleAsync();
        using ServableHandle handle = serving.Acquire("model");

        PredictResult[] results =
        [
            await Task.Run(() => PredictAsync(serving, handle, Long, CancellationToken.None)),
            await Task.Run(() => PredictAsync(serving, handle, null, CancellationToken.None)),
        ];

        Assert.All(results, result => Assert.Equal(PredictErrorKind.DeadlineExceeded, result.Error!.Kind));
    }

    [Fact]
    public async Task PredictAsync_CallerLeavesTheQueue_IsCancelledAndMakesRoom()
    {
        using InstanceLease held = Hold();
        using var caller = new CancellationTokenSource();
        Task<PredictResult> waiting = PredictAsync(Long, caller.Token);
        Assert.Equal(PredictErrorKind.QueueFull, (await PredictAsync(Long)).Error!.Kind);

        await caller.CancelAsync();

        Assert.Equal(PredictErrorKind.Cancelled, (await waiting).Error!.Kind);
        Task<PredictResult> next = PredictAsync(Long);
        Assert.False(next.IsCompleted);
        held.Dispose();
        Assert.True((await next).IsSuccess);
        AssertFree();
    }

    [Fact]
    public async Task PredictAsync_CallerLeavesDuringTheRun_StopsIt()
    {
        using var caller = new CancellationTokenSource();
        _instance.OnRun = (inputs, stop) =>
        {
            caller.Cancel();
            return RunUntilStopped(inputs, stop);
        };

        Assert.Equal(PredictErrorKind.Cancelled, (await PredictAsync(Long, caller.Token)).Error!.Kind);
        AssertFree();
    }

    [Fact]
    public async Task PredictAsync_CallerIsGoneAlready_IsCancelled()
    {
        _instance.OnRun = (_, _) => throw new InvalidOperationException("It ran.");

        Assert.Equal(PredictErrorKind.Cancelled, (await PredictAsync(Long, new CancellationToken(canceled: true))).Error!.Kind);
        AssertFree();
    }

    [Fact]
    public async Task PredictAsync_QueueIsFull_RefusesAtOnceAndSaysWhenToComeAgain()
    {
        using InstanceLease held = Hold();
        Task<PredictResult> waiting = PredictAsync(Long);

        PredictError refused = (await PredictAsync(Long)).Error!;

        Assert.Equal((PredictErrorKind.QueueFull, true), (refused.Kind, refused.RetryAfter > TimeSpan.Zero));
        held.Dispose();
        Assert.True((await waiting).IsSuccess);
        AssertFree();
    }

    [Theory]
    [InlineData(true, PredictErrorKind.ModelRefused, "The model cannot run on this input: why")]
    [InlineData(false, PredictErrorKind.RunFailed, "The run failed: why")]
    public async Task PredictAsync_RunFails_SaysWhoseFaultItIs(bool inputAtFault, PredictErrorKind kind, string message)
    {
        _instance.OnRun = (_, _) => throw new ModelRunException("why", inputAtFault);

        PredictError error = (await PredictAsync(Long)).Error!;

        Assert.Equal((kind, message), (error.Kind, error.Message));
        Assert.Empty(error.Faults);
        AssertFree();
    }

    [Fact]
    public async Task PredictAsync_RunThrowsAnythingElse_PassesItOnAndGivesTheInstanceBack()
    {
        _instance.OnRun = (_, _) => throw new NotSupportedException("what now");

        await Assert.ThrowsAsync<NotSupportedException>(() => PredictAsync(Long));
        AssertFree();
    }

    [Fact]
    public async Task PredictAsync_RealModelPastItsDeadline_AnswersAgainAfterwards()
    {
        using var serving = new ServingHarness();
        serving.Add("slow", 1, TestModels.Slow(long.MaxValue));
        serving.Folder.AddConfig("slow", "{warmup: off, limits: {timeout: 20ms}}");
        serving.Add("adder", 1, TestModels.AddConstant(1));
        await serving.ScanAndSettleAsync();
        using ServableHandle slow = serving.Acquire("slow");

        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(PredictErrorKind.DeadlineExceeded, (await PredictAsync(serving, slow, null, CancellationToken.None)).Error!.Kind);
            Assert.Equal(1, await serving.PredictAsync("adder"));
        }
    }

    [Fact]
    public async Task PredictAsync_ManyWithEveryKindOfEnd_LoseNoInstance()
    {
        int run = 0;
        _instance.OnRun = (inputs, stop) => (Interlocked.Increment(ref run) % 5) switch
        {
            0 => throw new ModelRunException("why", inputAtFault: true),
            1 => RunUntilStopped(inputs, stop),
            2 => throw new NotSupportedException(),
            _ => [],
        };

        await Parallel.ForEachAsync(Enumerable.Range(0, 400), new ParallelOptions { MaxDegreeOfParallelism = 6 }, async (i, _) =>
        {
            using var caller = new CancellationTokenSource(TimeSpan.FromMilliseconds(i % 7));
            try
            {
                (await PredictAsync(TimeSpan.FromMilliseconds(i % 5), caller.Token)).Response?.Dispose();
            }
            catch (NotSupportedException)
            {
                // As thrown above.
            }
        });

        AssertFree();
        Assert.False(_instance.DisposedDuringRun);
    }

    private static IReadOnlyList<OutputValue> RunUntilStopped(IReadOnlyList<NamedTensor> inputs, CancellationToken stop)
    {
        stop.WaitHandle.WaitOne();
        stop.ThrowIfCancellationRequested();
        return [];
    }

    private static async Task<PredictResult> PredictAsync(ServingHarness serving, ServableHandle handle, TimeSpan? timeout, CancellationToken caller)
    {
        using var request = new PredictRequest { Timeout = timeout };
        request.Add("x", Tensor.Create<float>(TensorType.Fp32, [1, 1], [0f]));
        return await serving.Predictor.PredictAsync(handle.Servable, request, caller);
    }

    private Task<PredictResult> PredictAsync(TimeSpan timeout, CancellationToken caller = default) => PredictAsync(_serving, _handle!, timeout, caller);

    private async Task<ServableHandle> LoadAsync(string config)
    {
        _serving.Folder.AddConfig("model", config);
        _serving.Add("model", 1, [1]);
        await _serving.ScanAndSettleAsync();
        return _serving.Acquire("model");
    }

    private InstanceLease Hold()
    {
        Assert.True(_handle!.Servable.Pool.TryRent(out InstanceLease? lease));
        return lease;
    }

    private void AssertFree()
    {
        // A ticket whose caller left the queue still holds its instance until its turn comes: a moment later than the answer.
        Servable servable = _handle!.Servable;
        Assert.True(SpinWait.SpinUntil(() => (servable.Pool.Lent, (int)servable.Metrics.QueueDepth.Value) == (0, 0), TimeSpan.FromSeconds(30)), "An instance was not given back.");
        _instance.OnRun = (_, _) => [];
        Assert.True(_handle.Servable.Pool.TryRent(out InstanceLease? lease));
        lease.Dispose();
    }
}
