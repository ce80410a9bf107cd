using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Lifecycle;

public sealed class SeveralRepositoriesTests
{
    private readonly MemoryObjectStore _first = new("s3://first/models");
    private readonly MemoryObjectStore _second = new("gs://second");

    [Fact]
    public async Task ScanAsync_DifferentNames_ShareOneNameSpace()
    {
        _first.Put("a/1/model.onnx", [1]);
        _second.Put("b/1/model.onnx", [2]);
        using var watch = new WatchHarness(_first, _second);

        await watch.ScanAndSettleAsync();

        Assert.Equal(("s3://first/models/a/1", "gs://second/b/1"), (watch.Answering("a"), watch.Answering("b")));
        Assert.True(watch.Manager.IsInitialized);
    }

    [Fact]
    public async Task ScanAsync_NamePrefix_KeepsEqualFoldersApart()
    {
        _first.Put("m/1/model.onnx", [1]);
        _second.Put("m/1/model.onnx", [2]);
        _second.Put("m/model.yaml", "description: the second"u8.ToArray());
        using var watch = new WatchHarness(new WatchSetup { Prefixes = ["", "team-b."] }, _first, _second);

        await watch.ScanAndSettleAsync();

        Assert.Equal(("s3://first/models/m/1", "gs://second/m/1"), (watch.Answering("m"), watch.Answering("team-b.m")));
        Assert.Equal("the second", watch.Manager.Find("team-b.m")!.Config.Description);
    }

    [Fact]
    public async Task ScanAsync_SameName_LoadsNeitherSaysWhyAndLeavesOthersAlone()
    {
        _first.Put("m/1/model.onnx", [1]);
        _second.Put("m/2/model.onnx", [2]);
        _second.Put("other/1/model.onnx", [3]);
        using var watch = new WatchHarness(_first, _second);

        await watch.ScanAndSettleAsync();
        await watch.ScanAndSettleAsync();

        ModelView model = watch.Manager.Find("m")!;
        Assert.Null(model.Default);
        Assert.StartsWith("'m' is offered by gs://second and s3://first/models: nothing new of it is loaded", model.Reason, StringComparison.Ordinal);
        Assert.NotNull(watch.Answering("other"));
        Assert.Equal(1, await watch.MetricAsync("repository_conflicts"));
        Assert.Single(watch.Log.All, line => line.StartsWith("Error: m has two sources.", StringComparison.Ordinal));
        Assert.False(watch.Manager.TryAcquire(new ModelSpec("m"), null, out _, out PredictError? error));
        Assert.Contains("gs://second and s3://first/models", error.Message, StringComparison.Ordinal);
        Assert.Equal(model.Reason, await watch.Watcher.LoadAsync("m", null, CancellationToken.None));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Start_SameNameAndOneIsSlow_LoadsNeither(bool firstIsSlow)
    {
        _first.Put("m/1/model.onnx", [1]);
        _second.Put("m/1/model.onnx", [2]);
        var slow = new TaskCompletionSource();
        (firstIsSlow ? _first : _second).OnList = _ => slow.Task;
        using var watch = new WatchHarness(_first, _second);
        await watch.Watcher.StartAsync(CancellationToken.None);
        await watch.Time.NextPauseAsync();

        slow.SetResult();
        await watch.UntilAsync(() => watch.Manager.IsInitialized);

        Assert.Null(watch.Answering("m"));
        Assert.Empty(watch.Runtime.Instances);
        await watch.Watcher.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task ScanAsync_SameNameLater_WhatAnswersGoesOnAndNothingNewIsLoaded()
    {
        _first.Put("m/1/model.onnx", [1]);
        using var watch = new WatchHarness(_first, _second);
        await watch.ScanAndSettleAsync();

        _second.Put("m/7/model.onnx", [7]);
        await watch.ScanAndSettleAsync();
        _first.Put("m/2/model.onnx", [2]);
        await watch.ScanAndSettleAsync();

        Assert.Equal("s3://first/models/m/1", watch.Answering("m"));
        Assert.Contains("is offered by", watch.Manager.Find("m")!.Reason, StringComparison.Ordinal);

        // The second gives up: what was held back of the first is loaded.
        _second.Remove("m/7/model.onnx");
        await watch.ScanAndSettleAsync();
        watch.Time.Advance(watch.Options.SettleTime);
        await watch.ScanAndSettleAsync();

        Assert.Equal("s3://first/models/m/2", watch.Answering("m"));
        Assert.Null(watch.Manager.Find("m")!.Reason);
        Assert.Equal(0, await watch.MetricAsync("repository_conflicts"));
        Assert.Contains("Information: m has one source again", watch.Log.All);
    }

    [Fact]
    public async Task ScanAsync_TheOneThatAnsweredGivesUp_TheOtherTakesItsPlace()
    {
        _first.Put("m/1/model.onnx", [1]);
        using var watch = new WatchHarness(_first, _second);
        await watch.ScanAndSettleAsync();
        _second.Put("m/1/model.onnx", [1]);
        await watch.ScanAndSettleAsync();
        Assert.Equal("s3://first/models/m/1", watch.Answering("m"));

        _first.Remove("m/1/model.onnx");
        watch.Time.Advance(watch.Options.SettleTime);
        await watch.ScanAndSettleAsync();

        Assert.Equal("gs://second/m/1", watch.Answering("m"));
    }

    [Fact]
    public async Task ScanAsync_ConflictWhileItLoads_CallsTheLoadOff()
    {
        using var gate = new LoadGate();
        _first.Put("m/1/model.onnx", [1]);
        using var watch = new WatchHarness(_first, _second);
        gate.Close();
        watch.Runtime.OnLoad = gate.Runtime.OnLoad;
        await watch.ScanAsync();
        await watch.UntilAsync(() => watch.Manager.Find("m")?.Find(1)?.State == ServableState.Loading);

        _second.Put("m/1/model.onnx", [1]);
        await watch.ScanAndSettleAsync();

        Assert.Null(watch.Answering("m"));
        Assert.Equal(ServableState.Discovered, watch.Manager.Find("m")!.Find(1)!.State);
        Assert.Contains("is offered by", watch.Manager.Find("m")!.Find(1)!.Reason, StringComparison.Ordinal);
        Assert.True(watch.Manager.IsInitialized);
    }

    [Fact]
    public async Task ScanAsync_OneUnreadableAtTheStart_TheOthersAnswerAndTheServerIsNotReady()
    {
        _first.Put("a/1/model.onnx", [1]);
        _second.Put("b/1/model.onnx", [2]);
        _second.Failure = new IOException("no such bucket");
        using var watch = new WatchHarness(_first, _second);

        await watch.ScanAndSettleAsync();

        Assert.NotNull(watch.Answering("a"));
        Assert.False(watch.Manager.IsInitialized);
        Assert.Equal("gs://second: no such bucket", watch.Watcher.Problem);
        Assert.Equal(PredictErrorKind.NotReady, watch.Manager.Check(new ModelSpec("b"), null)!.Kind);

        _second.Failure = null;
        await watch.ScanAndSettleAsync();

        Assert.True(watch.Manager.IsInitialized);
        Assert.NotNull(watch.Answering("b"));
        Assert.Equal(PredictErrorKind.UnknownModel, watch.Manager.Check(new ModelSpec("c"), null)!.Kind);
    }

    [Fact]
    public async Task ScanAsync_OneFailsLater_UnloadsNothing()
    {
        _first.Put("a/1/model.onnx", [1]);
        _second.Put("b/1/model.onnx", [2]);
        using var watch = new WatchHarness(_first, _second);
        await watch.ScanAndSettleAsync();

        _second.Failure = new IOException("away");
        _first.Remove("a/1/model.onnx");
        await watch.ScanAndSettleAsync();

        Assert.Null(watch.Manager.Find("a"));
        Assert.NotNull(watch.Answering("b"));
    }

    [Fact]
    public async Task ScanAsync_OneHangs_TheOtherIsReadAndLoaded()
    {
        var hangs = new TaskCompletionSource();
        _first.OnList = _ => hangs.Task;
        _second.Put("b/1/model.onnx", [2]);
        using var watch = new WatchHarness(_first, _second);

        // The first look at each is waited for, so that the order of their answers decides nothing, but not for longer than an interval.
        await watch.Watcher.StartAsync(CancellationToken.None);
        await watch.Time.StepAsync();
        await watch.UntilAsync(() => watch.Answering("b") is not null);
        Assert.Null(await watch.Watcher.LoadAsync("b", null, CancellationToken.None));

        hangs.SetResult();
        await watch.UntilAsync(() => watch.Manager.IsInitialized);
        await watch.Watcher.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task ScanAsync_StoreThrowsWhatItMustNot_CountsAndGoesOn()
    {
        _first.Failure = new TaskCanceledException("a time-out of the client's own");
        _second.Put("b/1/model.onnx", [2]);
        using var watch = new WatchHarness(_first, _second);

        await watch.Watcher.StartAsync(CancellationToken.None);
        await watch.UntilAsync(() => watch.Answering("b") is not null);
        await watch.Time.NextPauseAsync();
        await watch.Time.NextPauseAsync();
        Assert.Equal("s3://first/models: TaskCanceledException: a time-out of the client's own", watch.Watcher.Problem);
        _first.Failure = null;
        watch.Time.Advance(WatchHarness.Interval);

        await watch.UntilAsync(() => watch.Manager.IsInitialized);
        await watch.Watcher.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task LoadAsync_Model_LooksOnlyWhereItMayBe()
    {
        _first.Put("a/1/model.onnx", [1]);
        _second.Put("b/1/model.onnx", [1]);
        using var watch = new WatchHarness(new WatchSetup { Prefixes = ["one.", "two."] }, _first, _second);
        await watch.ScanAndSettleAsync();

        await watch.Watcher.LoadAsync("two.new", null, CancellationToken.None);
        await watch.Watcher.LoadAsync("one.a", null, CancellationToken.None);
        await watch.Watcher.LoadAsync("one.a", null, CancellationToken.None);

        Assert.Equal((3, 2), (_first.Lists, _second.Lists));
    }

    [Fact]
    public async Task LoadAsync_NotSettled_LoadsTheTrustedModelOfItsRepository()
    {
        using var watch = new WatchHarness(new WatchSetup { Prefixes = ["", "two."] }, _first, _second);
        await watch.ScanAndSettleAsync();
        _second.Put("m/1/model.onnx", [1], watch.Time.GetUtcNow());
        _second.Put("n/1/model.onnx", [1], watch.Time.GetUtcNow());

        Assert.Null(await watch.Watcher.LoadAsync("two.m", null, CancellationToken.None));

        Assert.Equal("gs://second/m/1", watch.Answering("two.m"));
        Assert.Null(watch.Answering("two.n"));
    }

    [Fact]
    public async Task ScanAsync_FileChangedUnderALoad_WaitsForTheNextLookAtItsOwnRepository()
    {
        _first.Put("m/1/model.onnx", [1]);
        using var watch = new WatchHarness(_first, _second);
        int fetches = 0;

        // The listing is of before the change, and stays so: another repository's looks must not set off fetch after fetch.
        _first.OnList = _ =>
        {
            if (fetches++ > 0)
            {
                throw new IOException("away");
            }

            return Task.CompletedTask;
        };
        watch.Runtime.OnLoad = (_, _) => throw new ModelGateway.Serving.Repository.ObjectChangedException("m/1/model.onnx");
        await watch.ScanAndSettleAsync();
        int copies = _first.Copies;

        await watch.ScanAndSettleAsync();
        await watch.ScanAndSettleAsync();

        Assert.Equal(copies, _first.Copies);
        Assert.Contains("changed", watch.Manager.Find("m")!.Find(1)!.Reason, StringComparison.Ordinal);
    }
}
