using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Lifecycle;

/// <summary>Loads and unloads that an operator asks for.</summary>
public sealed class ServableManagerRequestTests
{
    [Fact]
    public async Task RequestUnload_ModelInUse_DrainsAndStaysOut()
    {
        using var serving = new ServingHarness();
        serving.Add("adder", 1, TestModels.AddConstant(1));
        await serving.ScanAndSettleAsync();
        ServableHandle held = serving.Acquire("adder");

        serving.Manager.RequestUnload("adder");
        Assert.Equal(ServableState.Draining, serving.State("adder", 1));
        Assert.Equal(held.Servable.Digest, serving.Version("adder", 1).Digest);
        Assert.Contains("Draining", serving.Refusal("adder").Message, StringComparison.Ordinal);
        Assert.Equal(1, await serving.PredictAsync(held));
        held.Dispose();
        await serving.SettleAsync();

        Assert.Equal((ServableState.Unloaded, "It was unloaded by request."), (serving.State("adder", 1), serving.Version("adder", 1).Reason));
        Assert.Equal(held.Servable.Digest, serving.Version("adder", 1).Digest);
        serving.Add("adder", 2, TestModels.AddConstant(2));
        serving.Add("adder", 1, TestModels.AddConstant(3));
        await serving.ScanAndSettleAsync();
        Assert.Equal(PredictErrorKind.NotReady, serving.Refusal("adder").Kind);
        Assert.Equal(0, serving.Manager.ServablesInMemory);
        Assert.Empty(serving.Artifacts());
    }

    [Fact]
    public async Task RequestUnload_WhileItLoads_CallsTheLoadOff()
    {
        using var gate = new LoadGate();
        using var serving = new ServingHarness(gate.Runtime);
        gate.Close();
        serving.Add("model", 1, [1]);
        await serving.ScanAsync();
        await serving.UntilAsync(() => serving.State("model", 1) == ServableState.Loading);

        serving.Manager.RequestUnload("model");
        await serving.SettleAsync();

        Assert.Empty(gate.Runtime.Instances);
        Assert.Equal("It was unloaded by request.", serving.Version("model", 1).Reason);
    }

    [Fact]
    public async Task RequestLoad_AfterUnload_AnswersAgain()
    {
        using var serving = new ServingHarness();
        serving.Add("adder", 1, TestModels.AddConstant(1));
        await serving.ScanAndSettleAsync();
        serving.Manager.RequestUnload("adder");
        await serving.SettleAsync();

        Assert.Null(serving.Manager.RequestLoad("adder", null));
        await serving.SettleAsync();

        Assert.Equal(1, await serving.PredictAsync("adder"));
        Assert.Null(serving.Version("adder", 1).Reason);
    }

    [Fact]
    public async Task RequestLoad_WhileTheOldStillDrains_DoesNotWaitForIt()
    {
        using var serving = new ServingHarness();
        serving.Add("adder", 1, TestModels.AddConstant(1));
        await serving.ScanAndSettleAsync();
        using ServableHandle held = serving.Acquire("adder");
        serving.Manager.RequestUnload("adder");

        serving.Manager.RequestLoad("adder", null);
        await serving.UntilAsync(() => serving.State("adder", 1) == ServableState.Ready);

        Assert.Equal(1, await serving.PredictAsync("adder"));
        Assert.Equal(2, serving.Manager.ServablesInMemory);
        Assert.Equal(1, await serving.PredictAsync(held));
    }

    [Fact]
    public async Task RequestLoad_NothingChanged_LoadsAnewWithoutAGap()
    {
        using var gate = new LoadGate();
        using var serving = new ServingHarness(gate.Runtime);
        serving.Add("model", 1, [1]);
        await serving.ScanAndSettleAsync();
        Servable before = serving.Version("model", 1).Servable!;
        gate.Close();

        serving.Manager.RequestLoad("model", null);
        Assert.True(serving.Manager.Find("model")!.IsBusy);
        Assert.Same(before, serving.Version("model", 1).Servable);
        gate.Open();
        await serving.SettleAsync();

        Assert.NotSame(before, serving.Version("model", 1).Servable);
        await serving.UntilAsync(() => serving.Manager.ServablesInMemory == 1);
    }

    [Theory]
    [InlineData(null, 1)]
    [InlineData("instances: 7", 2)]
    public async Task RequestLoad_DuringALoad_LoadsOnceMoreOnlyIfThatIsADifferentOne(string? config, int loads)
    {
        using var gate = new LoadGate();
        using var serving = new ServingHarness(gate.Runtime);
        gate.Close();
        serving.Add("model", 1, [1]);
        await serving.ScanAsync();
        await serving.UntilAsync(() => serving.State("model", 1) == ServableState.Loading);

        serving.Manager.RequestLoad("model", config);
        serving.Manager.RequestLoad("model", config);
        gate.Open();
        await serving.SettleAsync();

        Assert.Equal(loads, gate.Runtime.Instances.Count);
        await serving.UntilAsync(() => serving.Manager.ServablesInMemory == 1);
    }

    [Fact]
    public async Task RequestLoad_AfterTheLoadWasCalledOff_LoadsAnew()
    {
        using var gate = new LoadGate();
        using var serving = new ServingHarness(gate.Runtime);
        gate.Close();
        serving.Add("model", 1, [1]);
        await serving.ScanAsync();
        await serving.UntilAsync(() => serving.State("model", 1) == ServableState.Loading);

        serving.Manager.RequestUnload("model");
        serving.Manager.RequestLoad("model", null);
        gate.Open();
        await serving.SettleAsync();

        Assert.Equal(ServableState.Ready, serving.State("model", 1));
    }

    [Fact]
    public async Task RequestLoad_FailedVersion_IsTriedAgain()
    {
        using var serving = new ServingHarness();
        serving.Add("model", 1, TestModels.Broken());
        await serving.ScanAndSettleAsync();
        Assert.EndsWith(" 1", Assert.Single(await serving.MetricsAsync("load_failures_total")), StringComparison.Ordinal);

        serving.Manager.RequestLoad("model", null);
        await serving.SettleAsync();

        Assert.EndsWith(" 2", Assert.Single(await serving.MetricsAsync("load_failures_total")), StringComparison.Ordinal);
        Assert.Equal(ServableState.Failed, serving.State("model", 1));
    }

    [Fact]
    public async Task RequestLoad_AfterAStoreFailed_DoesNotWaitForTheRetryDelay()
    {
        using var serving = new ServingHarness();
        serving.Add("adder", 1, TestModels.AddConstant(1));
        serving.Store.OnCopy = (_, _) => throw new IOException("gone");
        await serving.ScanAndSettleAsync();
        serving.Store.OnCopy = (_, _) => Task.CompletedTask;

        serving.Manager.RequestLoad("adder", null);
        await serving.SettleAsync();

        Assert.Equal(1, await serving.PredictAsync("adder"));
    }

    [Fact]
    public async Task RequestLoad_WithAConfiguration_HoldsUntilTheNextRequestOrTheFileChanges()
    {
        using var gate = new LoadGate();
        using var serving = new ServingHarness(gate.Runtime);
        serving.Add("model", 1, [1]);
        serving.Folder.AddConfig("model", "instances: 1");
        await serving.ScanAndSettleAsync();

        Assert.Null(serving.Manager.RequestLoad("model", "instances: 2"));
        await serving.SettleAsync();
        await serving.ScanAndSettleAsync();
        Assert.Equal(2, serving.Version("model", 1).Servable!.Config.Instances);

        Assert.Null(serving.Manager.RequestLoad("model", null));
        await serving.SettleAsync();
        Assert.Equal(1, serving.Version("model", 1).Servable!.Config.Instances);

        serving.Manager.RequestLoad("model", "instances: 2");
        serving.Folder.AddConfig("model", "instances: 30");
        await serving.ScanAndSettleAsync();
        Assert.Equal(30, serving.Version("model", 1).Servable!.Config.Instances);
    }

    [Fact]
    public async Task RequestLoad_WithAFaultyConfiguration_SaysSoAndChangesNothing()
    {
        using var gate = new LoadGate();
        using var serving = new ServingHarness(gate.Runtime);
        serving.Add("model", 1, [1]);
        await serving.ScanAndSettleAsync();
        serving.Manager.RequestUnload("model");
        await serving.SettleAsync();

        Assert.Contains("instances", serving.Manager.RequestLoad("model", "instances: many"), StringComparison.Ordinal);
        await serving.ScanAndSettleAsync();

        Assert.Single(gate.Runtime.Instances);
        Assert.Equal(ServableState.Unloaded, serving.State("model", 1));
        Assert.Null(serving.Manager.Find("model")!.Reason);
    }

    [Fact]
    public async Task RequestLoad_UnknownModel_DoesNothing()
    {
        using var serving = new ServingHarness();
        await serving.ScanAsync();

        Assert.Null(serving.Manager.RequestLoad("nothing", null));
        serving.Manager.RequestUnload("nothing");

        Assert.Null(serving.Manager.Find("nothing"));
    }
}
