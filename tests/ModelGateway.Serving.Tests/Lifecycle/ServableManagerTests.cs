using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Lifecycle;

/// <summary>What follows from changes of the repository; with real models where their answers tell which version gave them.</summary>
public sealed class ServableManagerTests
{
    [Fact]
    public async Task Apply_ModelAppears_BecomesReadyAndAnswers()
    {
        using var serving = new ServingHarness();
        serving.Add("adder", 1, TestModels.AddConstant(5));

        await serving.ScanAndSettleAsync();

        VersionView version = serving.Version("adder", 1);
        Assert.Equal((ServableState.Ready, null), (version.State, version.Reason));
        Assert.Equal(5, await serving.PredictAsync("adder"));
        Assert.Equal(1, serving.Manager.ServablesInMemory);
        Assert.Same(version.Servable, serving.Manager.Find("adder")!.Default!.Servable);
        Assert.Equal([new ServableId("adder", 1)], serving.Manager.Snapshot().Versions.Select(view => view.Id));
    }

    [Fact]
    public async Task Apply_NothingChanged_ChangesNothing()
    {
        using var serving = new ServingHarness();
        serving.Add("adder", 1, TestModels.AddConstant(5));
        await serving.ScanAndSettleAsync();
        Servable? before = serving.Version("adder", 1).Servable;

        await serving.ScanAndSettleAsync();
        await serving.ScanAndSettleAsync();

        Assert.Same(before, serving.Version("adder", 1).Servable);
    }

    [Fact]
    public async Task Apply_NewVersion_TheOldAnswersUntilTheNewIsReady()
    {
        using var gate = new LoadGate();
        using var serving = new ServingHarness(gate.Runtime);
        serving.Add("model", 1, [1]);
        await serving.ScanAndSettleAsync();
        gate.Close();

        serving.Add("model", 2, [2]);
        await serving.ScanAsync();
        await serving.UntilAsync(() => serving.State("model", 2) == ServableState.Loading);
        using (ServableHandle handle = serving.Acquire("model"))
        {
            Assert.Equal(1, handle.Servable.Id.Version);
            Assert.Contains("Loading", serving.Refusal("model", "2").Message, StringComparison.Ordinal);
        }

        gate.LetOne();
        await serving.SettleAsync();

        using ServableHandle after = serving.Acquire("model");
        Assert.Equal(2, after.Servable.Id.Version);
        Assert.Equal(ServableState.Unloaded, serving.State("model", 1));
        Assert.True(gate.Runtime.Instances[0].IsDisposed);
        Assert.Equal(1, serving.Manager.ServablesInMemory);
        Assert.Single(serving.Artifacts());
    }

    [Fact]
    public async Task Apply_SameVersionWithNewFiles_IsReplacedWithoutAGap()
    {
        using var gate = new LoadGate();
        using var serving = new ServingHarness(gate.Runtime);
        serving.Add("model", 1, [1]);
        await serving.ScanAndSettleAsync();
        Servable before = serving.Version("model", 1).Servable!;
        gate.Close();

        serving.Add("model", 1, [2]);
        await serving.ScanAsync();
        await serving.UntilAsync(() => serving.Manager.Find("model")!.IsBusy);
        Assert.Same(before, serving.Version("model", 1).Servable);
        Assert.Equal(ServableState.Ready, serving.State("model", 1));

        gate.LetOne();
        await serving.UntilAsync(() => serving.Version("model", 1).Servable != before && serving.Manager.ServablesInMemory == 1);

        Assert.NotEqual(before.Digest, serving.Version("model", 1).Servable!.Digest);
        Assert.Single(serving.Artifacts());
    }

    [Fact]
    public async Task Apply_FilesTouchedButTheSame_AreLoadedAnewWithTheSameDigest()
    {
        using var serving = new ServingHarness();
        serving.Add("adder", 1, TestModels.AddConstant(5));
        await serving.ScanAndSettleAsync();
        Servable before = serving.Version("adder", 1).Servable!;

        serving.Add("adder", 1, TestModels.AddConstant(5));
        await serving.ScanAndSettleAsync();

        Assert.NotSame(before, serving.Version("adder", 1).Servable);
        Assert.Equal(before.Digest, serving.Version("adder", 1).Servable!.Digest);
    }

    [Fact]
    public async Task Apply_ModelRemoved_IsGoneWithEverythingOfIt()
    {
        using var serving = new ServingHarness();
        serving.Add("adder", 1, TestModels.AddConstant(5));
        serving.Add("other", 1, TestModels.AddConstant(6));
        await serving.ScanAndSettleAsync();

        serving.Folder.RemoveModel("adder");
        await serving.ScanAndSettleAsync();

        Assert.Null(serving.Manager.Find("adder"));
        Assert.Equal(PredictErrorKind.UnknownModel, serving.Refusal("adder").Kind);
        Assert.Equal(1, serving.Manager.ServablesInMemory);
        Assert.Single(serving.Artifacts());
        Assert.Equal(6, await serving.PredictAsync("other"));
    }

    [Fact]
    public async Task Apply_ModelRemovedAndBack_AnswersAgain()
    {
        using var serving = new ServingHarness();
        serving.Add("adder", 1, TestModels.AddConstant(5));
        await serving.ScanAndSettleAsync();
        serving.Folder.RemoveModel("adder");
        await serving.ScanAsync();

        // Not waited for: it may come back while the old one drains.
        serving.Add("adder", 1, TestModels.AddConstant(7));
        await serving.ScanAndSettleAsync();

        Assert.Equal(7, await serving.PredictAsync("adder"));
        await serving.UntilAsync(() => serving.Manager.ServablesInMemory == 1);
    }

    [Fact]
    public async Task Apply_NewestVersionRemoved_TheOneBeforeComesBackFirst()
    {
        using var gate = new LoadGate();
        using var serving = new ServingHarness(gate.Runtime);
        serving.Add("model", 1, [1]);
        serving.Add("model", 2, [2]);
        await serving.ScanAndSettleAsync();
        Assert.Equal((ServableState.Discovered, "The version policy does not select it."), (serving.State("model", 1), serving.Version("model", 1).Reason));
        gate.Close();

        serving.Folder.RemoveVersion("model", 2);
        await serving.ScanAsync();
        await serving.UntilAsync(() => serving.State("model", 1) == ServableState.Loading);
        using (ServableHandle handle = serving.Acquire("model"))
        {
            Assert.Equal(2, handle.Servable.Id.Version);
        }

        gate.LetOne();
        await serving.SettleAsync();

        Assert.Equal([1], serving.Manager.Find("model")!.Versions.Select(version => version.Id.Version));
    }

    [Fact]
    public async Task Apply_VersionRemovedWhileItLoads_TheLoadIsCalledOff()
    {
        using var gate = new LoadGate();
        using var serving = new ServingHarness(gate.Runtime);
        gate.Close();
        serving.Add("model", 1, [1]);
        await serving.ScanAsync();
        await serving.UntilAsync(() => serving.State("model", 1) == ServableState.Loading);

        serving.Folder.RemoveModel("model");
        await serving.ScanAsync();
        await serving.UntilAsync(() => serving.Manager.Find("model") is null);

        Assert.Empty(gate.Runtime.Instances);
        Assert.Empty(serving.Artifacts());
    }

    [Fact]
    public async Task Apply_HalfCopiedVersion_IsNeverLoaded()
    {
        byte[] model = TestModels.AddConstant(2);
        using var serving = new ServingHarness(settleTime: TimeSpan.FromSeconds(5));
        serving.Folder.AddVersionWithManifest("adder", 1, TestModels.AddConstant(1));
        await serving.ScanAndSettleAsync();

        for (int length = 0; length < model.Length; length += model.Length / 5)
        {
            serving.Folder.WriteFile("adder", 2, "model.onnx", model[..length]);
            await serving.ScanAndSettleAsync();
            serving.Time.Advance(TimeSpan.FromSeconds(4));
            await serving.ScanAndSettleAsync();
            VersionView half = serving.Version("adder", 2);
            Assert.Equal((ServableState.Discovered, "Its files are still changing."), (half.State, half.Reason));
        }

        serving.Folder.WriteFile("adder", 2, "model.onnx", model);
        await serving.ScanAndSettleAsync();
        Assert.Equal(1, await serving.PredictAsync("adder"));
        serving.Time.Advance(TimeSpan.FromSeconds(5));
        await serving.ScanAndSettleAsync();

        Assert.Equal(2, await serving.PredictAsync("adder"));
        Assert.Equal(0, serving.ServingMetrics.LoadFailures.Value);
    }

    [Fact]
    public async Task IsInitialized_UntilEveryVersionOfTheStartIsDone_IsFalse()
    {
        using var gate = new LoadGate();
        using var serving = new ServingHarness(gate.Runtime);
        gate.Close();
        serving.Add("one", 1, [1]);
        serving.Add("two", 1, [1]);
        Assert.False(serving.Manager.IsInitialized);

        await serving.ScanAsync();
        Assert.False(serving.Manager.IsInitialized);
        gate.LetOne();
        await serving.UntilAsync(() => gate.Runtime.Instances.Count == 1);
        Assert.False(serving.Manager.IsInitialized);
        gate.LetOne();
        await serving.UntilAsync(() => serving.Manager.IsInitialized);

        serving.Add("three", 1, [1]);
        await serving.ScanAsync();
        Assert.True(serving.Manager.IsInitialized);
        gate.Open();
    }

    [Fact]
    public async Task IsInitialized_FilesStillSettleAtTheStart_IsFalseUntilTheyAreLoaded()
    {
        using var serving = new ServingHarness(settleTime: TimeSpan.FromSeconds(5));
        serving.Folder.AddVersion("adder", 1, TestModels.AddConstant(1));
        await serving.ScanAsync();
        Assert.False(serving.Manager.IsInitialized);

        serving.Time.Advance(TimeSpan.FromSeconds(5));
        await serving.ScanAndSettleAsync();

        Assert.True(serving.Manager.IsInitialized);
        Assert.Equal(1, await serving.PredictAsync("adder"));
    }

    [Fact]
    public async Task IsInitialized_EmptyRepository_IsTrueAfterTheFirstScan()
    {
        using var serving = new ServingHarness();

        await serving.ScanAsync();

        Assert.True(serving.Manager.IsInitialized);
    }
}
