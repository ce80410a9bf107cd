using ModelGateway.Serving.Lifecycle;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Lifecycle;

public sealed class RepositoryWatcherTests
{
    [Fact]
    public async Task ScanAsync_RepositoryUnreadable_KeepsWhatIsLoadedAndRecovers()
    {
        using var serving = new ServingHarness();
        serving.Add("adder", 1, TestModels.AddConstant(1));
        await serving.ScanAndSettleAsync();
        string away = serving.Folder.Root + "-away";
        Directory.Move(serving.Folder.Root, away);

        await serving.ScanAndSettleAsync();
        Assert.Contains(serving.Folder.Root, serving.Watcher.Problem, StringComparison.Ordinal);
        Assert.Equal(1, await serving.PredictAsync("adder"));

        Directory.Move(away, serving.Folder.Root);
        serving.Add("adder", 2, TestModels.AddConstant(2));
        await serving.ScanAndSettleAsync();
        Assert.Null(serving.Watcher.Problem);
        Assert.Equal(2, await serving.PredictAsync("adder"));
    }

    [Fact]
    public async Task ScanAsync_RepositoryUnreadableAtTheStart_IsNotInitialized()
    {
        using var serving = new ServingHarness();
        serving.Store.OnList = _ => throw new UnauthorizedAccessException("no");

        await serving.ScanAsync();
        Assert.Equal((false, "no"), (serving.Manager.IsInitialized, serving.Watcher.Problem));

        serving.Store.OnList = _ => Task.CompletedTask;
        await serving.ScanAsync();
        Assert.True(serving.Manager.IsInitialized);
    }

    [Fact]
    public async Task ScanAsync_TwoAtATime_RunOneAfterTheOther()
    {
        using var serving = new ServingHarness();
        int running = 0;
        int most = 0;
        serving.Store.OnList = async _ =>
        {
            most = Math.Max(most, Interlocked.Increment(ref running));
            await Task.Yield();
            Interlocked.Decrement(ref running);
        };

        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(serving.ScanAsync)));

        Assert.Equal(1, most);
    }

    [Fact]
    public async Task StartAsync_AtEveryInterval_Scans()
    {
        using var serving = new ServingHarness();
        using var scanned = new SemaphoreSlim(0);
        serving.Store.OnList = _ =>
        {
            scanned.Release();
            return Task.CompletedTask;
        };
        await serving.Watcher.StartAsync(CancellationToken.None);
        await NextAsync();

        serving.Add("adder", 1, TestModels.AddConstant(1));
        await NextAsync();
        await serving.UntilAsync(() => serving.Manager.Find("adder")?.Default is not null);

        serving.Store.OnList = _ =>
        {
            scanned.Release();
            throw new InvalidOperationException("a fault of the store that nobody foresaw");
        };
        await NextAsync();
        await NextAsync();
        await serving.Watcher.StopAsync(CancellationToken.None);

        Assert.NotEmpty(await serving.MetricsAsync($"modelgateway_repository_scans_total{{repository=\"{serving.Store.Location}\",outcome=\"error\"}}"));
        Assert.Equal(1, await serving.PredictAsync("adder"));

        // The watcher may not wait for the clock yet: it is moved until the scan comes.
        async Task NextAsync()
        {
            while (!await scanned.WaitAsync(TimeSpan.FromMilliseconds(5)))
            {
                serving.Time.Advance(ServingHarness.PollInterval);
            }
        }
    }

    [Fact]
    public async Task LoadAsync_FilesNotSettled_LoadsThemAtOnce()
    {
        using var serving = new ServingHarness(settleTime: TimeSpan.FromHours(1));
        serving.Folder.AddVersion("adder", 1, TestModels.AddConstant(1));
        serving.Folder.AddConfig("adder", "instances: 3");
        serving.Folder.AddVersion("other", 1, TestModels.AddConstant(1));

        Assert.Null(await LoadAsync(serving, "adder"));

        Assert.Equal(1, await serving.PredictAsync("adder"));
        Assert.Equal(3, serving.Version("adder", 1).Servable!.Config.Instances);
        Assert.Equal(ServableState.Discovered, serving.State("other", 1));
    }

    [Fact]
    public async Task LoadAsync_AfterTheNextScan_WhatItLoadedStays()
    {
        using var serving = new ServingHarness(settleTime: TimeSpan.FromHours(1));
        serving.Folder.AddVersion("adder", 1, TestModels.AddConstant(1));
        await LoadAsync(serving, "adder");
        Servable loaded = serving.Version("adder", 1).Servable!;

        await serving.ScanAndSettleAsync();

        Assert.Same(loaded, serving.Version("adder", 1).Servable);
        Assert.Equal(ServableState.Ready, serving.State("adder", 1));
    }

    [Fact]
    public async Task LoadAsync_UnknownModel_SaysSo()
    {
        using var serving = new ServingHarness();

        Assert.Equal("There is no model 'nothing' in the repository.", await LoadAsync(serving, "nothing"));
    }

    [Fact]
    public async Task LoadAsync_RepositoryUnreadable_SaysWhyForAModelItDoesNotKnow()
    {
        using var serving = new ServingHarness();
        serving.Add("adder", 1, TestModels.AddConstant(1));
        await serving.ScanAndSettleAsync();
        serving.Store.OnList = _ => throw new IOException("the store is away");

        Assert.Equal("the store is away", await LoadAsync(serving, "nothing"));
        Assert.Null(await LoadAsync(serving, "adder"));
    }

    [Fact]
    public async Task LoadAsync_BrokenModel_SaysWhy()
    {
        using var serving = new ServingHarness();
        serving.Add("model", 1, TestModels.UnknownOperator());

        Assert.Contains("NoSuchOperator", await LoadAsync(serving, "model"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task LoadAsync_BrokenNewestVersion_SaysWhyThoughAnOlderOneAnswers()
    {
        using var serving = new ServingHarness();
        serving.Add("model", 1, TestModels.AddConstant(1));
        serving.Add("model", 2, TestModels.UnknownOperator());

        Assert.Contains("NoSuchOperator", await LoadAsync(serving, "model"), StringComparison.Ordinal);
        Assert.Equal(1, await serving.PredictAsync("model"));
    }

    [Fact]
    public async Task LoadAsync_BrokenVersionThatIsNotWanted_IsNoReason()
    {
        using var serving = new ServingHarness();
        serving.Add("model", 1, TestModels.UnknownOperator());
        await LoadAsync(serving, "model");
        serving.Add("model", 2, TestModels.AddConstant(2));

        Assert.Null(await LoadAsync(serving, "model"));
    }

    [Fact]
    public async Task LoadAsync_TheWantedVersionIsNotTheNewest_ItsReasonIsTheOneGiven()
    {
        using var serving = new ServingHarness();
        serving.Add("model", 1, TestModels.UnknownOperator());
        serving.Add("model", 2, TestModels.AddConstant(2));
        serving.Folder.AddConfig("model", "version_policy: {specific: [1]}");

        Assert.Contains("NoSuchOperator", await LoadAsync(serving, "model"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task LoadAsync_BrokenNewFilesOfAReadyVersion_SaysWhy()
    {
        using var serving = new ServingHarness();
        serving.Add("model", 1, TestModels.AddConstant(1));
        await serving.ScanAndSettleAsync();
        serving.Add("model", 1, TestModels.UnknownOperator());

        Assert.Contains("NoSuchOperator", await LoadAsync(serving, "model"), StringComparison.Ordinal);
        Assert.Equal(1, await serving.PredictAsync("model"));
    }

    [Theory]
    [InlineData("instances: many", "The configuration is faulty: line 1: instances")]
    [InlineData("version_policy: {specific: [7]}", "The version policy does not select it.")]
    public async Task LoadAsync_ConfigurationThatCannotBeMet_SaysWhy(string config, string reason)
    {
        using var serving = new ServingHarness();
        serving.Add("model", 1, TestModels.AddConstant(1));
        await serving.ScanAndSettleAsync();
        await serving.Watcher.UnloadAsync("model", CancellationToken.None);

        Assert.StartsWith(reason, await LoadAsync(serving, "model", config), StringComparison.Ordinal);
    }

    [Fact]
    public async Task LoadAsync_FileIsFaulty_SaysSoThoughTheLastGoodOneAnswers()
    {
        using var serving = new ServingHarness();
        serving.Add("model", 1, TestModels.AddConstant(1));
        await serving.ScanAndSettleAsync();
        serving.Folder.AddConfig("model", "instances: many");

        Assert.StartsWith("model.yaml is faulty", await LoadAsync(serving, "model"), StringComparison.Ordinal);
        Assert.Null(await LoadAsync(serving, "model", "instances: 2"));
    }

    [Fact]
    public async Task LoadAsync_ModelNotSeenBefore_LoadsItOnce()
    {
        using var gate = new LoadGate();
        using var serving = new ServingHarness(gate.Runtime, settleTime: TimeSpan.FromHours(1));
        serving.Folder.AddVersion("model", 1, [1]);
        gate.Close();

        Task<string?> loading = LoadAsync(serving, "model");
        await serving.UntilAsync(() => serving.Manager.Find("model")?.IsBusy == true);
        gate.Open();

        Assert.Null(await loading);
        Assert.Single(gate.Runtime.Instances);
    }

    [Fact]
    public async Task LoadAsync_NoCompleteVersion_SaysWhatIsMissing()
    {
        using var serving = new ServingHarness();
        serving.Folder.WriteFile("model", 1, "labels.txt", [1]);
        serving.Folder.AddConfig("empty", "instances: 1");

        Assert.Equal("The version has no model.onnx yet.", await LoadAsync(serving, "model"));
        Assert.Equal("The model has no version that can be loaded.", await LoadAsync(serving, "empty"));
    }

    [Fact]
    public async Task LoadAsync_GivenUp_TheLoadGoesOn()
    {
        using var gate = new LoadGate();
        using var serving = new ServingHarness(gate.Runtime);
        gate.Close();
        serving.Add("model", 1, [1]);
        using var caller = new CancellationTokenSource();
        Task<string?> loading = serving.Watcher.LoadAsync("model", null, caller.Token);
        await serving.UntilAsync(() => serving.Manager.Find("model")?.IsBusy == true);

        await caller.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => loading);
        gate.Open();
        await serving.UntilAsync(() => serving.Manager.Find("model")!.Default is not null);
    }

    [Fact]
    public async Task UnloadAsync_HandlesHeld_WaitsUntilTheMemoryIsFree()
    {
        using var gate = new LoadGate();
        using var serving = new ServingHarness(gate.Runtime);
        serving.Add("model", 1, [1]);
        await serving.ScanAndSettleAsync();
        ServableHandle old = serving.Acquire("model");
        serving.Add("model", 1, [2]);
        await serving.ScanAndSettleAsync();
        ServableHandle current = serving.Acquire("model");

        Task unloaded = serving.Watcher.UnloadAsync("model", CancellationToken.None);
        current.Dispose();
        await serving.UntilAsync(() => serving.Manager.ServablesInMemory == 1);
        Assert.False(unloaded.IsCompleted);
        old.Dispose();
        await unloaded;

        Assert.Equal(0, serving.Manager.ServablesInMemory);
        Assert.All(gate.Runtime.Instances, instance => Assert.True(instance.IsDisposed));
    }

    [Fact]
    public async Task UnloadAsync_WhileItLoads_DoesNotWaitForTheLoad()
    {
        using var gate = new LoadGate();
        using var serving = new ServingHarness(gate.Runtime);
        gate.Close();
        serving.Add("model", 1, [1]);
        await serving.ScanAsync();

        await serving.Watcher.UnloadAsync("model", CancellationToken.None);

        Assert.Empty(gate.Runtime.Instances);
    }

    [Fact]
    public async Task UnloadAsync_UnknownModel_EndsAtOnce()
    {
        using var serving = new ServingHarness();

        await serving.Watcher.UnloadAsync("nothing", CancellationToken.None);

        Assert.Null(serving.Manager.Find("nothing"));
    }

    private static Task<string?> LoadAsync(ServingHarness serving, string model, string? config = null) =>
        serving.Watcher.LoadAsync(model, config, CancellationToken.None);
}
