using ModelGateway.Serving.Lifecycle;
using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Serving.Tests.Lifecycle;

/// <summary>Handles keep what they hold alive, and nothing else does.</summary>
public sealed class ServableTests
{
    [Fact]
    public async Task Dispose_OfHandles_TheLastOneDisposesTheSession()
    {
        var runtime = new FakeRuntime();
        using var serving = new ServingHarness(runtime);
        serving.Add("model", 1, [1]);
        await serving.ScanAndSettleAsync();
        ServableHandle first = serving.Acquire("model");
        ServableHandle second = serving.Acquire("model");
        string? source = serving.Version("model", 1).Source;
        serving.Folder.RemoveModel("model");
        await serving.ScanAsync();
        FakeInstance instance = runtime.Instances[0];

        first.Dispose();
        first.Dispose();
        Assert.False(instance.IsDisposed);
        Assert.Equal(ServableState.Draining, serving.State("model", 1));
        Assert.Equal((source, first.Servable.Digest), (serving.Version("model", 1).Source, serving.Version("model", 1).Digest));
        Assert.Single(serving.Artifacts());
        second.Dispose();

        // The manager's own reference goes on a thread of the pool.
        await serving.UntilAsync(() => serving.Manager.Find("model") is null);
        Assert.True(instance.IsDisposed);
        Assert.False(instance.DisposedDuringRun);
        Assert.Equal(0, serving.Manager.ServablesInMemory);
        Assert.Empty(serving.Artifacts());
    }

    [Fact]
    public async Task TryAcquire_AfterTheLastHolder_IsRefused()
    {
        using var serving = new ServingHarness(new FakeRuntime());
        serving.Add("model", 1, [1]);
        await serving.ScanAndSettleAsync();
        Servable servable = serving.Version("model", 1).Servable!;
        serving.Manager.RequestUnload("model");
        await serving.SettleAsync();

        Assert.Null(servable.TryAcquire());
    }

    [Fact]
    public async Task Dispose_OfAReplacedServable_DoesNotSpeakForItsSuccessor()
    {
        var runtime = new FakeRuntime();
        using var serving = new ServingHarness(runtime);
        serving.Add("model", 1, [1]);
        await serving.ScanAndSettleAsync();
        ServableHandle old = serving.Acquire("model");
        serving.Add("model", 1, [2]);
        await serving.ScanAndSettleAsync();
        ServableHandle current = serving.Acquire("model");
        Assert.NotSame(old.Servable, current.Servable);
        serving.Folder.RemoveModel("model");
        await serving.ScanAsync();

        old.Dispose();
        await serving.UntilAsync(() => serving.Manager.ServablesInMemory == 1);

        // The successor is still in memory, so the version still drains.
        Assert.Equal(ServableState.Draining, serving.State("model", 1));
        current.Dispose();
        await serving.UntilAsync(() => serving.Manager.Find("model") is null);
        Assert.Equal(0, serving.Manager.ServablesInMemory);
    }

    [Fact]
    public async Task TryAcquire_FromManyThreadsDuringSwaps_NeverHoldsADisposedSession()
    {
        var runtime = new FakeRuntime();
        using var serving = new ServingHarness(runtime);
        serving.Add("model", 1, [1]);
        await serving.ScanAndSettleAsync();
        using var stop = new CancellationTokenSource();
        Task[] callers = [.. Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                using ServableHandle handle = serving.Acquire("model");
                Assert.NotEmpty(handle.Servable.Digest);
                Assert.Empty(handle.Servable.Signature.Inputs);
            }
        }))];

        for (int i = 0; i < 50; i++)
        {
            serving.Manager.RequestLoad("model", null);
            await serving.SettleAsync();
        }

        await stop.CancelAsync();
        await Task.WhenAll(callers);
        await serving.UntilAsync(() => serving.Manager.ServablesInMemory == 1);
        Assert.Equal(1, runtime.Instances.Count(instance => !instance.IsDisposed));
    }
}
