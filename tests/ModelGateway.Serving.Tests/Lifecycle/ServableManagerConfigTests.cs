using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Lifecycle;

/// <summary>What <c>model.yaml</c> does to a model's versions while they live.</summary>
public sealed class ServableManagerConfigTests
{
    [Theory]
    [InlineData("", "4")]
    [InlineData("version_policy: all", "1 2 3 4")]
    [InlineData("version_policy: {latest: 2}", "3 4")]
    [InlineData("version_policy: {specific: [1, 3]}", "1 3")]
    [InlineData("version_policy: {specific: [1, 9]}", "1")]
    [InlineData("labels: {stable: 2}", "2 4")]
    [InlineData("labels: {stable: 2, old: 1, canary: 4, typo: 9}", "1 2 4")]
    [InlineData("{version_policy: {specific: [3]}, labels: {stable: 1}}", "1 3")]
    public async Task Apply_PolicyAndLabels_LoadTheVersionsTheyName(string config, string loaded)
    {
        using var gate = new LoadGate();
        using var serving = new ServingHarness(gate.Runtime);
        AddVersions(serving, 4);
        serving.Folder.AddConfig("model", config);

        await serving.ScanAndSettleAsync();

        Assert.Equal(loaded, Ready(serving));
        Assert.Equal(gate.Runtime.Instances.Count, serving.Manager.ServablesInMemory);
    }

    [Fact]
    public async Task Apply_PolicyChanges_LoadsAndDrainsWithoutTouchingTheRest()
    {
        using var gate = new LoadGate();
        using var serving = new ServingHarness(gate.Runtime);
        AddVersions(serving, 3);
        serving.Folder.AddConfig("model", "version_policy: all");
        await serving.ScanAndSettleAsync();
        Servable third = serving.Version("model", 3).Servable!;

        await ChangeAsync(serving, "version_policy: {latest: 2}");
        Assert.Equal("2 3", Ready(serving));
        await ChangeAsync(serving, "version_policy: {specific: [1, 3]}");
        Assert.Equal("1 3", Ready(serving));
        serving.Folder.RemoveConfig("model");
        await serving.ScanAndSettleAsync();
        Assert.Equal("3", Ready(serving));

        Assert.Same(third, serving.Version("model", 3).Servable);
        Assert.Equal(1, serving.Manager.ServablesInMemory);
    }

    [Fact]
    public async Task TryAcquire_Label_LeadsToItsVersionAndMovesWithoutAReload()
    {
        using var serving = new ServingHarness();
        for (int version = 1; version <= 3; version++)
        {
            serving.Add("adder", version, TestModels.AddConstant(version));
        }

        serving.Folder.AddConfig("adder", "{version_policy: all, labels: {stable: 1, canary: 3}}");
        await serving.ScanAndSettleAsync();
        Servable[] before = [.. serving.Manager.Find("adder")!.Versions.Select(version => version.Servable!)];
        Assert.Equal((1f, 3f, 2f, 3f), (
            await serving.PredictAsync("adder", "stable"), await serving.PredictAsync("adder", "canary"),
            await serving.PredictAsync("adder", "2"), await serving.PredictAsync("adder")));

        await ChangeAsync(serving, "{version_policy: all, labels: {stable: 2}}", "adder");

        Assert.Equal(2, await serving.PredictAsync("adder", "stable"));
        Assert.Equal(PredictErrorKind.UnknownVersion, serving.Refusal("adder", "canary").Kind);
        Assert.Equal(before, serving.Manager.Find("adder")!.Versions.Select(version => version.Servable!));
    }

    [Fact]
    public async Task TryAcquire_LabelMovesToAVersionNotLoaded_TheOldStaysUntilThatIsReady()
    {
        using var gate = new LoadGate();
        using var serving = new ServingHarness(gate.Runtime);
        AddVersions(serving, 3);
        serving.Folder.AddConfig("model", "labels: {stable: 1}");
        await serving.ScanAndSettleAsync();
        Assert.Equal("1 3", Ready(serving));
        gate.Close();

        serving.Folder.AddConfig("model", "labels: {stable: 2, before: 1}");
        await serving.ScanAsync();
        await serving.UntilAsync(() => serving.State("model", 2) == ServableState.Loading);
        Assert.Equal((1, 1), (Answering(serving, "stable"), Answering(serving, "before")));

        gate.Open();
        await serving.SettleAsync();
        Assert.Equal("1 2 3", Ready(serving));
        Assert.Equal((2, 1), (Answering(serving, "stable"), Answering(serving, "before")));
    }

    [Fact]
    public async Task TryAcquire_LabelMovesToAVersionThatFails_StaysWithTheOldUntilAnotherMove()
    {
        using var serving = new ServingHarness();
        serving.Add("adder", 1, TestModels.AddConstant(1));
        serving.Add("adder", 3, TestModels.AddConstant(3));
        serving.Folder.AddConfig("adder", "labels: {stable: 1}");
        await serving.ScanAndSettleAsync();
        serving.Add("adder", 2, TestModels.Broken());

        await ChangeAsync(serving, "labels: {stable: 2}", "adder");

        Assert.Equal(ServableState.Failed, serving.State("adder", 2));
        Assert.Equal(1, await serving.PredictAsync("adder", "stable"));
        await ChangeAsync(serving, "labels: {stable: 3}", "adder");
        Assert.Equal(3, await serving.PredictAsync("adder", "stable"));
        Assert.Equal(1, serving.Manager.ServablesInMemory);
    }

    [Fact]
    public async Task Apply_SettingOfTheSessionChanges_IsLoadedAnewWhileTheOldAnswers()
    {
        using var gate = new LoadGate();
        using var serving = new ServingHarness(gate.Runtime);
        AddVersions(serving, 1);
        await serving.ScanAndSettleAsync();
        Servable before = serving.Version("model", 1).Servable!;
        gate.Close();

        serving.Folder.AddConfig("model", "instances: 3");
        await serving.ScanAsync();
        await serving.UntilAsync(() => serving.Manager.Find("model")!.IsBusy);
        using (ServableHandle handle = serving.Acquire("model"))
        {
            Assert.Same(before, handle.Servable);
        }

        gate.Open();
        await serving.SettleAsync();
        Assert.Equal(3, serving.Version("model", 1).Servable!.Pool.Concurrency);
        Assert.Equal(3, serving.Version("model", 1).Servable!.Config.Instances);
    }

    [Fact]
    public async Task Apply_FaultyFromTheStart_FailsUntilItIsCorrected()
    {
        using var gate = new LoadGate();
        using var serving = new ServingHarness(gate.Runtime);
        AddVersions(serving, 2);
        serving.Folder.AddConfig("model", "instnces: 3");
        await serving.ScanAndSettleAsync();
        Assert.All(serving.Manager.Find("model")!.Versions, version =>
        {
            Assert.Equal(ServableState.Failed, version.State);
            Assert.Contains("Did you mean 'instances'?", version.Reason, StringComparison.Ordinal);
        });
        Assert.Contains("instnces", serving.Refusal("model").Message, StringComparison.Ordinal);
        Assert.Empty(gate.Runtime.Instances);
        Assert.Equal(1, serving.ServingMetrics.ConfigFailures.Value);

        await ChangeAsync(serving, "instances: 3");

        Assert.Equal("2", Ready(serving));
        Assert.Null(serving.Manager.Find("model")!.Reason);
        Assert.Equal(ServableState.Discovered, serving.State("model", 1));
    }

    [Fact]
    public async Task Apply_BecomesFaulty_TheLastGoodStaysInForceForNewVersionsToo()
    {
        using var gate = new LoadGate();
        using var serving = new ServingHarness(gate.Runtime);
        AddVersions(serving, 1);
        serving.Folder.AddConfig("model", "instances: 3");
        await serving.ScanAndSettleAsync();
        Servable before = serving.Version("model", 1).Servable!;

        await ChangeAsync(serving, "instances: many");
        Assert.Same(before, serving.Version("model", 1).Servable);
        Assert.Contains("instances", serving.Manager.Find("model")!.Reason, StringComparison.Ordinal);

        serving.Add("model", 2, [2]);
        await serving.ScanAndSettleAsync();
        Assert.Equal(3, serving.Version("model", 2).Servable!.Config.Instances);
    }

    [Fact]
    public async Task Apply_BecomesFaultyWhileTheFirstVersionLoads_ThatLoadStillCounts()
    {
        using var gate = new LoadGate();
        using var serving = new ServingHarness(gate.Runtime);
        AddVersions(serving, 1);
        serving.Folder.AddConfig("model", "instances: 3");
        gate.Close();
        await serving.ScanAsync();
        await serving.UntilAsync(() => serving.State("model", 1) == ServableState.Loading);

        serving.Folder.AddConfig("model", "instances: many");
        await serving.ScanAsync();
        gate.Open();
        await serving.SettleAsync();
        serving.Add("model", 2, [2]);
        await serving.ScanAndSettleAsync();

        Assert.Equal("2", Ready(serving));
        Assert.Equal(3, serving.Version("model", 2).Servable!.Config.Instances);
    }

    [Fact]
    public async Task Apply_FirstConfigStillSettles_NothingIsLoadedWithoutItEvenIfItIsFaulty()
    {
        using var gate = new LoadGate();
        using var serving = new ServingHarness(gate.Runtime, settleTime: TimeSpan.FromSeconds(5));
        serving.Folder.AddVersionWithManifest("model", 1, [1]);
        serving.Folder.AddConfig("model", "instances: many");

        await serving.ScanAndSettleAsync();
        Assert.Equal((ServableState.Discovered, "model.yaml is still changing."), (serving.State("model", 1), serving.Version("model", 1).Reason));
        serving.Time.Advance(TimeSpan.FromSeconds(5));
        await serving.ScanAndSettleAsync();

        Assert.Equal(ServableState.Failed, serving.State("model", 1));
        Assert.Empty(gate.Runtime.Instances);
    }

    private static long Answering(ServingHarness serving, string label)
    {
        using ServableHandle handle = serving.Acquire("model", label);
        return handle.Servable.Id.Version;
    }

    private static void AddVersions(ServingHarness serving, int count)
    {
        for (int version = 1; version <= count; version++)
        {
            serving.Add("model", version, [(byte)version]);
        }
    }

    private static async Task ChangeAsync(ServingHarness serving, string config, string model = "model")
    {
        serving.Folder.AddConfig(model, config);
        await serving.ScanAndSettleAsync();
    }

    private static string Ready(ServingHarness serving) => string.Join(
        ' ', serving.Manager.Find("model")!.Versions.Where(version => version.State == ServableState.Ready).Select(version => version.Id.Version));
}
