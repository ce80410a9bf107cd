using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Lifecycle;

/// <summary>Broken models, failing stores and disks, and the end of the manager.</summary>
public sealed class ServableManagerFaultTests
{
    public static TheoryData<string, byte[]> BrokenModels => new()
    {
        { "not an ONNX model", TestModels.Broken() },
        { "NoSuchOperator", TestModels.UnknownOperator() },
        { "sequence", TestModels.SequenceInput() },
        { "empty", [] },
    };

    [Theory]
    [MemberData(nameof(BrokenModels))]
    public async Task Apply_BrokenModel_FailsWithItsReasonAndHarmsNoOther(string reason, byte[] model)
    {
        using var serving = new ServingHarness();
        serving.Add("broken", 1, model);
        serving.Add("good", 1, TestModels.AddConstant(1));

        await serving.ScanAndSettleAsync();

        VersionView broken = serving.Version("broken", 1);
        Assert.Equal(ServableState.Failed, broken.State);
        Assert.Contains(reason, broken.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain(Path.GetTempPath(), broken.Reason, StringComparison.Ordinal);
        PredictError refusal = serving.Refusal("broken");
        Assert.Equal(PredictErrorKind.NotReady, refusal.Kind);
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
        Assert.Equal(1, await serving.PredictAsync("good"));
        Assert.True(serving.Manager.IsInitialized);
        Assert.Equal(1, serving.ServingMetrics.LoadFailures.Value);
        Assert.Single(serving.Artifacts());
    }

    [Fact]
    public async Task Apply_BrokenModelScannedAgain_IsNotLoadedAgainUntilItsFilesChange()
    {
        using var serving = new ServingHarness();
        serving.Add("model", 1, TestModels.Broken());
        await serving.ScanAndSettleAsync();
        int copies = serving.Store.Copies;

        serving.Time.Advance(TimeSpan.FromHours(1));
        await serving.ScanAndSettleAsync();
        Assert.Equal(copies, serving.Store.Copies);

        serving.Add("model", 1, TestModels.AddConstant(3));
        await serving.ScanAndSettleAsync();
        Assert.Equal(3, await serving.PredictAsync("model"));
    }

    [Fact]
    public async Task Apply_BrokenNewVersion_TheOldGoesOnAnswering()
    {
        using var serving = new ServingHarness();
        serving.Add("model", 1, TestModels.AddConstant(1));
        await serving.ScanAndSettleAsync();

        serving.Add("model", 2, TestModels.Broken());
        await serving.ScanAndSettleAsync();

        Assert.Equal(1, await serving.PredictAsync("model"));
        Assert.Equal(ServableState.Failed, serving.State("model", 2));
        Assert.Contains("Failed", serving.Refusal("model", "2").Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Apply_StartWithABrokenNewestVersion_ServesTheNewestThatWorks()
    {
        using var serving = new ServingHarness();
        serving.Add("model", 1, TestModels.AddConstant(1));
        serving.Add("model", 2, TestModels.AddConstant(2));
        serving.Add("model", 3, TestModels.Broken());

        await serving.ScanAndSettleAsync();

        Assert.Equal(2, await serving.PredictAsync("model"));
        Assert.Equal(
            [ServableState.Discovered, ServableState.Ready, ServableState.Failed],
            serving.Manager.Find("model")!.Versions.Select(version => version.State));
    }

    [Fact]
    public async Task Apply_ReloadWithBrokenFiles_KeepsTheOldOnesAnsweringAndSaysWhy()
    {
        using var serving = new ServingHarness();
        serving.Add("model", 1, TestModels.AddConstant(1));
        await serving.ScanAndSettleAsync();

        serving.Add("model", 1, TestModels.Broken());
        await serving.ScanAndSettleAsync();
        Assert.Equal(1, await serving.PredictAsync("model"));
        VersionView version = serving.Version("model", 1);
        Assert.Equal(ServableState.Ready, version.State);
        Assert.Contains("not an ONNX model", version.Reason, StringComparison.Ordinal);

        serving.Add("model", 1, TestModels.AddConstant(2));
        await serving.ScanAndSettleAsync();
        Assert.Equal(2, await serving.PredictAsync("model"));
        Assert.Null(serving.Version("model", 1).Reason);
    }

    [Fact]
    public async Task Apply_StoreOrDiskFails_IsTriedAgainAfterTheRetryDelay()
    {
        using var serving = new ServingHarness();
        serving.Add("model", 1, TestModels.AddConstant(1));
        serving.Store.OnCopy = (_, _) => throw new IOException("No space left on device");
        await serving.ScanAndSettleAsync();
        VersionView failed = serving.Version("model", 1);
        Assert.Equal((ServableState.Failed, "No space left on device"), (failed.State, failed.Reason));

        serving.Store.OnCopy = (_, _) => Task.CompletedTask;
        serving.Time.Advance(serving.Options.RetryDelay / 2);
        await serving.ScanAndSettleAsync();
        failed = serving.Version("model", 1);
        Assert.Equal((ServableState.Failed, "No space left on device"), (failed.State, failed.Reason));

        serving.Time.Advance(serving.Options.RetryDelay / 2);
        await serving.ScanAndSettleAsync();
        Assert.Equal(1, await serving.PredictAsync("model"));
        Assert.Null(serving.Version("model", 1).Reason);
    }

    [Fact]
    public async Task Apply_StoreOrDiskFails_IsTriedAgainWithoutAnotherScan()
    {
        using var serving = new ServingHarness();
        serving.Add("model", 1, TestModels.AddConstant(1));
        serving.Store.OnCopy = (_, _) => throw new IOException("No space left on device");
        await serving.ScanAndSettleAsync();
        serving.Store.OnCopy = (_, _) => Task.CompletedTask;

        serving.Time.Advance(serving.Options.RetryDelay);
        await serving.SettleAsync();

        Assert.Equal(1, await serving.PredictAsync("model"));
    }

    [Fact]
    public async Task Apply_StoreFailsForTheNewestVersion_TheOneBeforeAnswersMeanwhile()
    {
        using var serving = new ServingHarness();
        serving.Add("model", 1, TestModels.AddConstant(1));
        serving.Add("model", 2, TestModels.AddConstant(2));
        serving.Store.OnCopy = (file, _) => file.Key.StartsWith("model/2/", StringComparison.Ordinal) ? throw new IOException("gone") : Task.CompletedTask;
        await serving.ScanAndSettleAsync();
        Assert.Equal(1, await serving.PredictAsync("model"));

        serving.Store.OnCopy = (_, _) => Task.CompletedTask;
        serving.Time.Advance(serving.Options.RetryDelay);
        await serving.ScanAndSettleAsync();

        Assert.Equal(2, await serving.PredictAsync("model"));
        Assert.Equal(1, serving.Manager.ServablesInMemory);
    }

    [Fact]
    public async Task Apply_FileChangesUnderTheCopy_WaitsForTheNextScanInsteadOfSpinning()
    {
        using var serving = new ServingHarness();
        serving.Add("model", 1, TestModels.AddConstant(1));
        await serving.ScanAndSettleAsync();
        int copies = serving.Store.Copies;
        serving.Store.OnCopy = (file, _) =>
        {
            serving.Add("model", 2, TestModels.AddConstant(3));
            return Task.CompletedTask;
        };
        serving.Add("model", 2, TestModels.AddConstant(2));

        await serving.ScanAndSettleAsync();

        Assert.Equal(1, serving.Store.Copies - copies);
        VersionView changed = serving.Version("model", 2);
        Assert.Equal(ServableState.Discovered, changed.State);
        Assert.Contains("changed while it was copied", changed.Reason, StringComparison.Ordinal);
        Assert.Equal(1, await serving.PredictAsync("model"));

        serving.Store.OnCopy = (_, _) => Task.CompletedTask;
        await serving.ScanAndSettleAsync();
        Assert.Equal(3, await serving.PredictAsync("model"));
    }

    [Fact]
    public async Task Apply_ManifestDoesNotFitTheFiles_FailsUntilTheyAreRight()
    {
        using var serving = new ServingHarness();
        byte[] right = TestModels.AddConstant(1);
        byte[] wrong = TestModels.AddConstant(2);
        serving.Folder.WriteFile("model", 1, "model.onnx", wrong);
        serving.Folder.WriteFile("model", 1, "manifest.json", RepositoryFolder.Manifest(("model.onnx", right)));
        await serving.ScanAndSettleAsync();
        Assert.Equal(ServableState.Failed, serving.State("model", 1));
        Assert.Contains("SHA-256", serving.Version("model", 1).Reason, StringComparison.Ordinal);

        serving.Folder.AddVersionWithManifest("model", 1, right);
        await serving.ScanAndSettleAsync();

        Assert.Equal(1, await serving.PredictAsync("model"));
    }

    [Fact]
    public async Task Apply_RuntimeThrowsAnything_IsTheVersionsReason()
    {
        var runtime = new FakeRuntime { OnLoad = (_, _) => throw new NotSupportedException("what now") };
        using var serving = new ServingHarness(runtime);
        serving.Add("model", 1, [1]);

        await serving.ScanAndSettleAsync();

        Assert.Equal("NotSupportedException: what now", serving.Version("model", 1).Reason);
        Assert.Empty(serving.Artifacts());
    }

    [Fact]
    public async Task Apply_WarmUpFails_TheInstanceIsDisposed()
    {
        var instance = new FakeInstance { OnRun = (_, _) => throw new InvalidOperationException("cold") };
        using var serving = new ServingHarness(new FakeRuntime { OnLoad = (_, _) => instance });
        serving.Add("model", 1, [1]);

        await serving.ScanAndSettleAsync();

        Assert.Equal(ServableState.Failed, serving.State("model", 1));
        Assert.True(instance.IsDisposed);
        Assert.Empty(serving.Artifacts());
        Assert.Equal(0, serving.Manager.ServablesInMemory);
    }

    [Fact]
    public async Task Dispose_DuringLoads_CallsThemOffAndLeavesNothing()
    {
        using var gate = new LoadGate();
        using var serving = new ServingHarness(gate.Runtime);
        serving.Add("ready", 1, [1]);
        await serving.ScanAndSettleAsync();
        gate.Close();
        for (int i = 0; i < 6; i++)
        {
            serving.Add($"model-{i}", 1, [1]);
        }

        await serving.ScanAsync();
        await serving.UntilAsync(() => serving.Manager.Snapshot().Versions.Count(version => version.State == ServableState.Loading) == 2);

        serving.Manager.Dispose();
        serving.Manager.Dispose();

        Assert.Single(gate.Runtime.Instances);
        Assert.True(gate.Runtime.Instances[0].IsDisposed);
        Assert.Equal(0, serving.Manager.ServablesInMemory);
        Assert.Empty(serving.Artifacts());
        PredictError refusal = serving.Refusal("ready");
        Assert.Equal(PredictErrorKind.NotReady, refusal.Kind);
        Assert.DoesNotContain("it is Ready", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Dispose_HandleStillHeld_TheLastHandleDisposes()
    {
        using var gate = new LoadGate();
        using var serving = new ServingHarness(gate.Runtime);
        serving.Add("model", 1, [1]);
        await serving.ScanAndSettleAsync();
        ServableHandle handle = serving.Acquire("model");

        serving.Manager.Dispose();
        Assert.False(gate.Runtime.Instances[0].IsDisposed);
        Assert.Equal(1, serving.Manager.ServablesInMemory);
        handle.Dispose();

        Assert.True(gate.Runtime.Instances[0].IsDisposed);
        Assert.Equal(0, serving.Manager.ServablesInMemory);
    }

    [Fact]
    public async Task Dispose_ThenAskedForMore_DoesNothing()
    {
        using var gate = new LoadGate();
        using var serving = new ServingHarness(gate.Runtime);
        serving.Add("model", 1, [1]);
        await serving.ScanAndSettleAsync();
        serving.Manager.Dispose();

        serving.Add("other", 1, [1]);
        await serving.ScanAsync();
        serving.Manager.RequestLoad("model", null);
        serving.Manager.RequestUnload("model");

        Assert.Single(gate.Runtime.Instances);
        Assert.Null(serving.Manager.Find("other"));
    }

    [Fact]
    public async Task Dispose_LoadEndsInSpiteOfIt_TheServableIsNotKept()
    {
        using var loading = new ManualResetEventSlim();
        using var end = new ManualResetEventSlim();
        var runtime = new FakeRuntime
        {
            OnLoad = (_, _) =>
            {
                loading.Set();
                end.Wait(CancellationToken.None);
                return new FakeInstance();
            },
        };
        using var serving = new ServingHarness(runtime);
        serving.Add("model", 1, [1]);
        await serving.ScanAsync();
        loading.Wait();

        Task disposed = Task.Run(serving.Manager.Dispose);
        await serving.UntilAsync(() => serving.Manager.Find("model")!.IsBusy);
        end.Set();
        await disposed;

        Assert.True(runtime.Instances[0].IsDisposed);
        Assert.Equal(0, serving.Manager.ServablesInMemory);
        Assert.Empty(serving.Artifacts());
    }
}
