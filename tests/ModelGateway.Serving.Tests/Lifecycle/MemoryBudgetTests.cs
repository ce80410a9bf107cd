using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Lifecycle;

/// <summary>Models that are loaded on demand, and models that leave for others: to a request both look as if they were always there.</summary>
public sealed class MemoryBudgetTests
{
    // A tiny model is taken for a little over 4 MiB: two fit.
    private const long TwoModels = 9 << 20;

    [Fact]
    public async Task LoadOnDemand_ModelFound_SleepsUntilARequestAsks()
    {
        using ServingHarness serving = OnDemand();
        serving.Add("adder", 1, TestModels.AddConstant(7));
        await serving.ScanAndSettleAsync();

        Assert.True(serving.Manager.IsInitialized);
        Assert.Equal((ServableState.Dormant, 0), (serving.State("adder", 1), serving.Manager.ServablesInMemory));
        Assert.Equal("It is not in memory, and is loaded when a request asks for it.", serving.Version("adder", 1).Reason);
        Assert.Null(serving.Manager.Check(ModelSpec.Parse("adder", null), null));
        Assert.Contains("modelgateway_model_versions{state=\"dormant\"} 1", await serving.MetricsAsync("dormant"));

        Assert.Equal(7, await AskAsync(serving, "adder"));
        Assert.Equal((ServableState.Ready, null), (serving.State("adder", 1), serving.Version("adder", 1).Reason));
        Assert.Contains("modelgateway_model_wakes_total 1", await serving.MetricsAsync("wakes"));
        Assert.Equal(7, await serving.PredictAsync("adder"));
    }

    [Fact]
    public async Task LoadOnDemand_UnknownModelOrVersion_IsRefusedAtOnce()
    {
        using ServingHarness serving = OnDemand();
        serving.Add("adder", 1, TestModels.AddConstant(7));
        await serving.ScanAndSettleAsync();

        Assert.Equal(PredictErrorKind.UnknownModel, (await AcquireAsync(serving, "nobody")).Error!.Kind);
        Assert.Equal(PredictErrorKind.UnknownVersion, (await AcquireAsync(serving, "adder", "2")).Error!.Kind);
        Assert.Equal(0, serving.Manager.ServablesInMemory);
    }

    [Fact]
    public async Task LoadOnDemand_ManyAskAtOnce_OneLoadAnswersAll()
    {
        using var gate = new LoadGate();
        using ServingHarness serving = OnDemand(gate.Runtime);
        gate.Close();
        serving.Add("model", 1, [1]);
        await serving.ScanAsync();

        Task<AcquireResult>[] waiting = [.. Enumerable.Range(0, 50).Select(_ => AcquireAsync(serving, "model").AsTask())];
        await serving.UntilAsync(() => serving.State("model", 1) == ServableState.Loading);
        Assert.DoesNotContain(waiting, task => task.IsCompleted);
        gate.Open();

        foreach (AcquireResult result in await Task.WhenAll(waiting))
        {
            Assert.True(result.IsSuccess, result.Error?.Message);
            result.Handle.Dispose();
        }

        Assert.Single(gate.Runtime.Instances);
    }

    [Fact]
    public async Task LoadOnDemand_LoadTakesLongerThanARequestMay_IsRefusedAndGoesOn()
    {
        using var gate = new LoadGate();
        using ServingHarness serving = OnDemand(gate.Runtime);
        gate.Close();
        serving.Add("model", 1, [1]);
        serving.Folder.AddConfig("model", "limits: {timeout: 2s}");
        await serving.ScanAsync();
        Task<AcquireResult> waiting = AcquireAsync(serving, "model").AsTask();
        await serving.UntilAsync(() => serving.State("model", 1) == ServableState.Loading);

        serving.Time.Advance(TimeSpan.FromSeconds(3));
        PredictError error = (await waiting).Error!;

        Assert.Equal((PredictErrorKind.NotReady, "'model/1' was not in memory and is being loaded, which takes longer than the 2 s that the request may take."), (error.Kind, error.Message));
        Assert.NotNull(error.RetryAfter);
        gate.Open();
        await serving.UntilAsync(() => serving.State("model", 1) == ServableState.Ready);
        serving.Acquire("model").Dispose();
    }

    [Fact]
    public async Task LoadOnDemand_CallerHasLessTimeThanTheModelGives_IsRefusedThen()
    {
        using var gate = new LoadGate();
        using ServingHarness serving = OnDemand(gate.Runtime);
        gate.Close();
        serving.Add("model", 1, [1]);
        await serving.ScanAsync();
        Task<AcquireResult> waiting = serving.Manager.AcquireAsync(new ModelSpec("model"), null, TimeSpan.FromMilliseconds(300), CancellationToken.None).AsTask();
        Task<AcquireResult> patient = AcquireAsync(serving, "model").AsTask();
        await serving.UntilAsync(() => serving.State("model", 1) == ServableState.Loading);

        serving.Time.Advance(TimeSpan.FromSeconds(1));

        Assert.Contains("longer than the 0.3 s", (await waiting).Error!.Message, StringComparison.Ordinal);
        Assert.False(patient.IsCompleted);
        gate.Open();
        (await patient).Handle!.Dispose();
    }

    [Fact]
    public async Task LoadOnDemand_CallerLeaves_IsToldSoAndTheLoadGoesOn()
    {
        using var gate = new LoadGate();
        using ServingHarness serving = OnDemand(gate.Runtime);
        gate.Close();
        serving.Add("model", 1, [1]);
        await serving.ScanAsync();
        using var caller = new CancellationTokenSource();
        Task<AcquireResult> waiting = serving.Manager.AcquireAsync(new ModelSpec("model"), null, null, caller.Token).AsTask();
        await caller.CancelAsync();

        Assert.Equal(PredictErrorKind.Cancelled, (await waiting).Error!.Kind);
        gate.Open();
        await serving.UntilAsync(() => serving.State("model", 1) == ServableState.Ready);
    }

    [Fact]
    public async Task LoadOnDemand_MoreWaitThanMay_AreRefused()
    {
        using var gate = new LoadGate();
        using ServingHarness serving = OnDemand(gate.Runtime);
        gate.Close();
        serving.Add("model", 1, [1]);
        serving.Folder.AddConfig("model", "limits: {queue_length: 2}");
        await serving.ScanAsync();

        Task<AcquireResult>[] waiting = [.. Enumerable.Range(0, 3).Select(_ => AcquireAsync(serving, "model").AsTask())];
        Assert.Equal(PredictErrorKind.QueueFull, (await waiting[2]).Error!.Kind);
        gate.Open();
        foreach (AcquireResult result in await Task.WhenAll(waiting[..2]))
        {
            result.Handle!.Dispose();
        }

        (await AcquireAsync(serving, "model")).Handle!.Dispose();
    }

    [Fact]
    public async Task LoadOnDemand_NewestCannotBeLoaded_TheOneBeforeAnswers()
    {
        using ServingHarness serving = OnDemand();
        serving.Add("adder", 1, TestModels.AddConstant(1));
        serving.Add("adder", 2, TestModels.Broken());
        await serving.ScanAndSettleAsync();

        Assert.Equal(1, await AskAsync(serving, "adder"));
        Assert.Equal((ServableState.Ready, ServableState.Failed), (serving.State("adder", 1), serving.State("adder", 2)));
    }

    [Fact]
    public async Task LoadOnDemand_NoVersionCanBeLoaded_SaysWhy()
    {
        using ServingHarness serving = OnDemand();
        serving.Add("adder", 1, TestModels.Broken());
        await serving.ScanAndSettleAsync();

        PredictError error = (await AcquireAsync(serving, "adder")).Error!;
        Assert.Equal(PredictErrorKind.NotReady, error.Kind);
        Assert.Contains("Failed", error.Message, StringComparison.Ordinal);
        Assert.Contains("not an ONNX model", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LoadOnDemand_NewVersionOfAModelInUse_IsLoadedByItself()
    {
        using ServingHarness serving = OnDemand();
        serving.Add("adder", 1, TestModels.AddConstant(1));
        serving.Add("other", 1, TestModels.AddConstant(5));
        await serving.ScanAndSettleAsync();
        Assert.Equal(1, await AskAsync(serving, "adder"));

        serving.Add("adder", 2, TestModels.AddConstant(2));
        serving.Add("other", 2, TestModels.AddConstant(6));
        await serving.ScanAsync();

        // The old one answers until the new one is there: nobody has to wait.
        Assert.Contains(await serving.PredictAsync("adder"), new float[] { 1, 2 });
        await serving.SettleAsync();
        Assert.Equal(2, await serving.PredictAsync("adder"));
        Assert.Equal((ServableState.Dormant, 1), (serving.State("other", 2), serving.Manager.ServablesInMemory));
    }

    [Fact]
    public async Task LoadOnDemand_Pinned_IsLoadedAtOnceAndStays()
    {
        using ServingHarness serving = OnDemand(change: options => options with { MemoryBudget = 1 });
        serving.Add("pinned", 1, TestModels.AddConstant(1));
        serving.Folder.AddConfig("pinned", "pinned: true");
        serving.Add("other", 1, TestModels.AddConstant(2));
        await serving.ScanAndSettleAsync();

        Assert.Equal(1, await serving.PredictAsync("pinned"));
        Assert.Equal(2, await AskAsync(serving, "other"));
        Assert.Equal(1, await serving.PredictAsync("pinned"));

        // Live: it goes on answering, and may go from now on.
        serving.Folder.AddConfig("pinned", "pinned: false");
        serving.Add("third", 1, TestModels.AddConstant(3));
        await serving.ScanAndSettleAsync();
        Assert.Equal(3, await AskAsync(serving, "third"));
        await serving.SettleAsync();
        Assert.Equal((ServableState.Dormant, ServableState.Dormant), (serving.State("pinned", 1), serving.State("other", 1)));
    }

    [Fact]
    public async Task LoadOnDemand_LabelToADormantVersion_IsLoaded()
    {
        using ServingHarness serving = OnDemand();
        serving.Add("adder", 1, TestModels.AddConstant(1));
        serving.Add("adder", 2, TestModels.AddConstant(2));
        serving.Folder.AddConfig("adder", "labels: {stable: 1}");
        await serving.ScanAndSettleAsync();
        Assert.Equal(1, await AskAsync(serving, "adder", "stable"));
        Assert.Equal(ServableState.Dormant, serving.State("adder", 2));

        // The label moves to what sleeps: it is loaded, and the label follows.
        serving.Folder.AddConfig("adder", "labels: {stable: 2}");
        await serving.ScanAndSettleAsync();
        Assert.Equal(2, await serving.PredictAsync("adder", "stable"));
    }

    [Fact]
    public async Task Budget_MoreModelsThanFit_TheRestSleepsAndComesForTheOneUsedLongestAgo()
    {
        using ServingHarness serving = Bounded();
        for (int i = 1; i <= 4; i++)
        {
            serving.Add($"m{i}", 1, TestModels.AddConstant(i));
        }

        await serving.ScanAndSettleAsync();
        string[] loaded = [.. serving.Manager.Snapshot().Versions.Where(version => version.State == ServableState.Ready).Select(version => version.Id.Model)];
        string[] dormant = [.. serving.Manager.Snapshot().Versions.Where(version => version.State == ServableState.Dormant).Select(version => version.Id.Model)];
        Assert.Equal((2, 2), (loaded.Length, dormant.Length));
        Assert.True(serving.Manager.IsInitialized);
        serving.Acquire(loaded[1]).Dispose();
        serving.Acquire(loaded[0]).Dispose();

        Assert.Equal(dormant[0][1] - '0', await AskAsync(serving, dormant[0]));
        await serving.SettleAsync();

        Assert.Equal(ServableState.Dormant, serving.State(loaded[1], 1));
        Assert.Equal(ServableState.Ready, serving.State(loaded[0], 1));
        Assert.True(serving.Manager.MemoryInUse <= TwoModels);
        Assert.Contains("modelgateway_model_evictions_total 1", await serving.MetricsAsync("evictions"));
        Assert.Contains($"modelgateway_models_memory_bytes {serving.Manager.MemoryInUse}", await serving.MetricsAsync("models_memory_bytes"));

        Assert.Equal(loaded[1][1] - '0', await AskAsync(serving, loaded[1]));
        await serving.SettleAsync();
        Assert.Equal(ServableState.Dormant, serving.State(loaded[0], 1));
        Assert.Equal(2, serving.Manager.ServablesInMemory);
    }

    [Fact]
    public async Task Budget_AllAreBusy_TheNextWaitsUntilOneIsBack()
    {
        using ServingHarness serving = Bounded(options => options with { LoadOnDemand = true });
        foreach (string name in new[] { "a", "b", "c" })
        {
            serving.Add(name, 1, TestModels.AddConstant(name[0]));
        }

        await serving.ScanAndSettleAsync();
        ServableHandle first = (await AcquireAsync(serving, "a")).Handle!;
        ServableHandle second = (await AcquireAsync(serving, "b")).Handle!;
        Task<AcquireResult> third = AcquireAsync(serving, "c").AsTask();
        await serving.UntilAsync(() => serving.State("a", 1) == ServableState.Draining);

        Assert.False(third.IsCompleted);
        Assert.Equal('a', await serving.PredictAsync(first));
        first.Dispose();
        using ServableHandle held = (await third).Handle!;
        Assert.Equal('c', await serving.PredictAsync(held));
        Assert.Equal('b', await serving.PredictAsync(second));
        second.Dispose();
        Assert.True(serving.Manager.MemoryInUse <= TwoModels);
    }

    [Fact]
    public async Task Budget_TwoAskedForAndRoomForOne_EachAnswersBeforeItGoes()
    {
        using var gate = new LoadGate { MemoryEstimate = 5 << 20 };
        using ServingHarness serving = OnDemand(gate.Runtime, options => options with { MemoryBudget = 5 << 20 });
        gate.Close();
        serving.Add("a", 1, [1]);
        serving.Add("b", 1, [2]);
        await serving.ScanAsync();
        var slow = new HeldContext();
        Task<AcquireResult> first = slow.Run(() => AcquireAsync(serving, "a").AsTask());
        Task<AcquireResult> second = AcquireAsync(serving, "b").AsTask();
        await serving.UntilAsync(() => serving.State("a", 1) == ServableState.Loading);
        Assert.Equal(ServableState.Discovered, serving.State("b", 1));

        // The first request does not come to its model yet: nobody holds it, and a load needs its place.
        gate.Open();
        await serving.UntilAsync(() => gate.Runtime.Instances.Count == 1 && serving.State("a", 1) != ServableState.Loading && !serving.Manager.Find("a")!.IsBusy);
        Assert.Equal(ServableState.Ready, serving.State("a", 1));
        slow.Release();
        (await first).Handle!.Dispose();
        (await second).Handle!.Dispose();

        // One that goes before its request came to it would be loaded again for it, and so on.
        Assert.Equal(2, gate.Runtime.Instances.Count);
    }

    [Fact]
    public async Task Budget_ModelLargerThanAll_IsLoadedAloneAndTheLogSaysSo()
    {
        using ServingHarness serving = Bounded();
        serving.Add("small", 1, TestModels.AddConstant(1));
        await serving.ScanAndSettleAsync();
        serving.Add("large", 1, TestModels.LargeWeights(8 << 20));
        await serving.ScanAndSettleAsync();
        Assert.Equal(ServableState.Dormant, serving.State("large", 1));

        (await AcquireAsync(serving, "large")).Handle!.Dispose();
        await serving.SettleAsync();

        Assert.Equal((ServableState.Ready, ServableState.Dormant), (serving.State("large", 1), serving.State("small", 1)));
        Assert.Contains(serving.Log.All, line => line.Contains("Gateway:Memory:BudgetBytes", StringComparison.Ordinal));
        Assert.Equal(1, await AskAsync(serving, "small"));
        await serving.SettleAsync();
        Assert.Equal(ServableState.Dormant, serving.State("large", 1));
    }

    [Fact]
    public async Task Budget_NewVersionOfTheOnlyModelThatFits_TakesOverWithoutAGap()
    {
        using ServingHarness serving = Bounded(options => options with { MemoryBudget = 5 << 20 });
        serving.Add("adder", 1, TestModels.AddConstant(1));
        await serving.ScanAndSettleAsync();
        using ServableHandle held = serving.Acquire("adder");

        serving.Add("adder", 2, TestModels.AddConstant(2));
        await serving.ScanAsync();
        await serving.UntilAsync(() => serving.State("adder", 2) == ServableState.Ready);

        Assert.Equal(2, await serving.PredictAsync("adder"));
        Assert.Equal(1, await serving.PredictAsync(held));
    }

    [Fact]
    public async Task Budget_NewestOfSeveralVersionsIsEvicted_WhoNamesNoneStillGetsTheNewest()
    {
        using ServingHarness serving = Bounded();
        serving.Add("adder", 1, TestModels.AddConstant(1));
        serving.Add("adder", 2, TestModels.AddConstant(2));
        serving.Folder.AddConfig("adder", "version_policy: all");
        await serving.ScanAndSettleAsync();
        serving.Acquire("adder", "2").Dispose();
        serving.Acquire("adder", "1").Dispose();
        serving.Add("other", 1, TestModels.AddConstant(3));
        await serving.ScanAndSettleAsync();
        Assert.Equal(3, await AskAsync(serving, "other"));
        await serving.SettleAsync();
        Assert.Equal(ServableState.Dormant, serving.State("adder", 2));

        Assert.Equal(2, await AskAsync(serving, "adder"));
    }

    [Fact]
    public async Task Budget_EvictedModel_KeepsItsRememberedAnswers()
    {
        using var serving = new ServingHarness(change: options => options with { MemoryBudget = 5 << 20 }, cache: new CacheOptions());
        serving.Add("a", 1, TestModels.AddConstant(1));
        serving.Add("b", 1, TestModels.AddConstant(2));
        await serving.ScanAndSettleAsync();
        Assert.Equal(CacheUse.Miss, await CacheUseAsync(serving, "a"));
        Assert.Equal(CacheUse.Miss, await CacheUseAsync(serving, "b"));
        await serving.SettleAsync();
        Assert.Equal(ServableState.Dormant, serving.State("a", 1));

        Assert.Equal(CacheUse.Hit, await CacheUseAsync(serving, "a"));
    }

    [Fact]
    public async Task RequestUnload_DormantModel_StaysOutUntilItIsLoadedByRequest()
    {
        using ServingHarness serving = OnDemand();
        serving.Add("adder", 1, TestModels.AddConstant(1));
        await serving.ScanAndSettleAsync();

        await serving.Watcher.UnloadAsync("adder", CancellationToken.None);
        Assert.Equal("It was unloaded by request.", serving.Version("adder", 1).Reason);
        Assert.Equal(PredictErrorKind.NotReady, (await AcquireAsync(serving, "adder")).Error!.Kind);

        Assert.Null(await serving.Watcher.LoadAsync("adder", null, CancellationToken.None));
        Assert.Equal(1, await serving.PredictAsync("adder"));
    }

    [Fact]
    public async Task Remove_DormantModel_IsGone()
    {
        using ServingHarness serving = OnDemand();
        serving.Add("adder", 1, TestModels.AddConstant(1));
        await serving.ScanAndSettleAsync();
        Directory.Delete(serving.Folder.ModelFolder("adder"), recursive: true);
        await serving.ScanAndSettleAsync();

        Assert.Equal(PredictErrorKind.UnknownModel, (await AcquireAsync(serving, "adder")).Error!.Kind);
    }

    [Fact]
    public async Task Dispose_RequestsWait_TheyAreRefused()
    {
        using var gate = new LoadGate();
        ServingHarness serving = OnDemand(gate.Runtime);
        gate.Close();
        serving.Add("model", 1, [1]);
        await serving.ScanAsync();
        Task<AcquireResult> waiting = AcquireAsync(serving, "model").AsTask();
        await serving.UntilAsync(() => serving.State("model", 1) == ServableState.Loading);
        serving.Dispose();

        Assert.Equal(PredictErrorKind.NotReady, (await waiting.WaitAsync(TimeSpan.FromSeconds(60))).Error!.Kind);
    }

    [Fact]
    public async Task Budget_TenModelsAndRoomForTwoUnderLoad_EveryRequestIsAnsweredRight()
    {
        using ServingHarness serving = Bounded(options => options with { LoadOnDemand = true });
        for (int i = 0; i < 10; i++)
        {
            serving.Add($"m{i}", 1, TestModels.AddConstant(i));
        }

        await serving.ScanAndSettleAsync();
        await Task.WhenAll(Enumerable.Range(0, 6).Select(worker => Task.Run(async () =>
        {
            var random = new Random(worker);
            for (int request = 0; request < 40; request++)
            {
                int which = random.Next(10);
                Assert.Equal(which, await AskAsync(serving, $"m{which}"));
            }
        })));
        await serving.SettleAsync();

        Assert.InRange(serving.Manager.MemoryInUse, 1, TwoModels);
        Assert.InRange(serving.Manager.ServablesInMemory, 1, 2);
    }

    private static ServingHarness OnDemand(FakeRuntime? runtime = null, Func<ServingOptions, ServingOptions>? change = null) =>
        new(runtime, options => change is null ? options with { LoadOnDemand = true } : change(options with { LoadOnDemand = true }));

    private static ServingHarness Bounded(Func<ServingOptions, ServingOptions>? change = null) =>
        new(change: options => change is null ? options with { MemoryBudget = TwoModels } : change(options with { MemoryBudget = TwoModels }));

    private static ValueTask<AcquireResult> AcquireAsync(ServingHarness serving, string model, string? version = null) =>
        serving.Manager.AcquireAsync(ModelSpec.Parse(model, version), null, null, CancellationToken.None);

    private static async Task<float> AskAsync(ServingHarness serving, string model, string? version = null)
    {
        AcquireResult result = await AcquireAsync(serving, model, version);
        Assert.True(result.IsSuccess, result.Error?.Message);
        using ServableHandle handle = result.Handle;
        return await serving.PredictAsync(handle);
    }

    private static async Task<CacheUse> CacheUseAsync(ServingHarness serving, string model)
    {
        using ServableHandle handle = (await AcquireAsync(serving, model)).Handle!;
        using var request = new PredictRequest();
        request.Add("x", Tensor.Create<float>(TensorType.Fp32, [1, 1], [0f]));
        PredictResult result = await serving.Predictor.PredictAsync(handle.Servable, request, CancellationToken.None);
        result.Response?.Dispose();
        return result.Cache.Use;
    }

    /// <summary>Keeps what comes after an await until it is released, like a machine that is too busy for it.</summary>
    private sealed class HeldContext : SynchronizationContext
    {
        private readonly Queue<(SendOrPostCallback Callback, object? State)> _held = [];
        private bool _isReleased;

        public override void Post(SendOrPostCallback d, object? state)
        {
            lock (_held)
            {
                if (!_isReleased)
                {
                    _held.Enqueue((d, state));
                    return;
                }
            }

            base.Post(d, state);
        }

        public T Run<T>(Func<T> call)
        {
            SynchronizationContext? before = Current;
            SetSynchronizationContext(this);
            try
            {
                return call();
            }
            finally
            {
                SetSynchronizationContext(before);
            }
        }

        public void Release()
        {
            lock (_held)
            {
                _isReleased = true;
                while (_held.TryDequeue(out (SendOrPostCallback Callback, object? State) work))
                {
                    base.Post(work.Callback, work.State);
                }
            }
        }
    }
}
