using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Models;
using ModelGateway.TestKit.Caching;
using Xunit;

namespace ModelGateway.Serving.Tests.Inference;

/// <summary>Gateways that share a store: what one ran the other answers, purges reach both, and a store that fails is no matter.</summary>
public sealed class SharedCacheTests : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly MemoryPredictionStore _store = new() { Name = "store" };

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Fact]
    public async Task PredictAsync_RanOnAnotherGateway_IsAnsweredFromTheStore()
    {
        MemoryPredictionStore connection = _store.Connect();
        connection.Name = "store";
        using CacheHarness first = await CacheHarness.StartAsync(store: _store);
        using CacheHarness second = await CacheHarness.StartAsync(store: connection);
        await first.PredictAsync(1);
        await UntilAsync(() => _store.Count == 1);

        PredictResult hit = await second.PredictAsync(1);
        PredictResult again = await second.PredictAsync(1);

        Assert.Empty(second.Runs);
        Assert.Equal((CacheUse.Hit, "store"), (hit.Cache.Use, hit.Cache.Detail));
        Assert.Equal(CacheUse.Hit, again.Cache.Use);
        Assert.Equal(0, connection.Outstanding);
    }

    [Fact]
    public async Task PurgeAsync_OnOneGateway_ReachesTheOther()
    {
        MemoryPredictionStore connection = _store.Connect();
        using CacheHarness first = await CacheHarness.StartAsync(store: _store);
        using CacheHarness second = await CacheHarness.StartAsync(store: connection);
        await first.PredictAsync(1);
        await UntilAsync(() => _store.Count == 1);
        await second.PredictAsync(1);

        Assert.True(await first.Cache.PurgeAsync("model", null));
        await UntilAsync(() => second.Cache.Count == 0);
        await second.UntilSharedAsync();

        Assert.Equal(CacheUse.Miss, (await second.PredictAsync(1)).Cache.Use);
        await UntilAsync(() => _store.Count == 2);
        Assert.Equal(CacheUse.Hit, (await first.PredictAsync(1)).Cache.Use);
    }

    [Fact]
    public async Task PredictAsync_StoreHasAStaleAnswer_GivesItAndRenewsIt()
    {
        const string Config = "{warmup: off, cache: {ttl: 10s, stale_while_revalidate: 1h}}";
        using CacheHarness first = await CacheHarness.StartAsync(Config, store: _store);
        using CacheHarness second = await CacheHarness.StartAsync(Config, store: _store.Connect());
        await first.PredictAsync(1);
        await UntilAsync(() => _store.Count == 1);
        second.Serving.Time.Advance(TimeSpan.FromMinutes(1));

        PredictResult young = await second.PredictAsync(1, new CacheDirectives { MaxAge = TimeSpan.FromSeconds(5) });
        Assert.Equal(CacheUse.Miss, young.Cache.Use);
        second.Serving.Time.Advance(TimeSpan.FromMinutes(1));
        using CacheHarness third = await CacheHarness.StartAsync(Config, store: _store.Connect());
        third.Serving.Time.Advance(TimeSpan.FromMinutes(3));
        PredictResult stale = await third.PredictAsync(1);
        await UntilAsync(() => third.Runs.Count == 1);

        Assert.Equal((CacheUse.Hit, true), (stale.Cache.Use, stale.Cache.TimeToLive < TimeSpan.Zero));
        await UntilAsync(() => third.PredictAsync(1).Result.Cache is { Use: CacheUse.Hit } report && report.TimeToLive > TimeSpan.Zero);
        Assert.Single(third.Runs);
    }

    [Theory]
    [InlineData("model", "model/1")]
    [InlineData("model/1", "model")]
    public async Task PurgeAsync_OneOfTheStoresServersIsAway_IsHeardOfWhatLiesOnTheOthers(string purged, string away)
    {
        MemoryPredictionStore connection = _store.Connect();
        using CacheHarness first = await CacheHarness.StartAsync(store: _store);
        using CacheHarness second = await CacheHarness.StartAsync(store: connection);
        await second.PredictAsync(1);
        connection.IsAway = scope => scope == away;

        Assert.True(await first.Cache.PurgeAsync("model", purged == "model" ? null : 1));

        await UntilAsync(() => second.Cache.Count == 0);
    }

    /// <summary>Nobody reads the epochs of what is not loaded: those that were known before say nothing of a purge since.</summary>
    [Fact]
    public async Task Open_PurgedByAnotherWhileItWasNotLoaded_IsNotSharedBeforeItsEpochsAreRead()
    {
        MemoryPredictionStore connection = _store.Connect();
        using CacheHarness first = await CacheHarness.StartAsync(store: _store);
        using CacheHarness second = await CacheHarness.StartAsync(store: connection);
        ServableCache before = OpenOther(second.Cache);
        await UntilAsync(() => before.Scope.IsShared);
        before.Dispose();
        connection.OnCall = static (call, _) => call == "epochs" ? throw new IOException("away") : ValueTask.CompletedTask;
        Assert.True(await first.Cache.PurgeAsync("other", null));

        using ServableCache again = OpenOther(second.Cache);

        Assert.False(again.Scope.IsShared);
    }

    [Fact]
    public async Task PurgeAsync_LoadedWhileTheStoreIsTold_IsToldLaterAllTheSame()
    {
        var options = new CacheOptions { EpochInterval = TimeSpan.FromMilliseconds(20) };
        MemoryPredictionStore connection = _store.Connect();
        using CacheHarness first = await CacheHarness.StartAsync(store: _store, options: options);
        using CacheHarness second = await CacheHarness.StartAsync(store: connection, options: options);
        using ServableCache others = OpenOther(second.Cache);
        await UntilAsync(() => others.Scope.IsShared);
        CacheScope before = others.Scope;
        var mayFail = new TaskCompletionSource();
        _store.OnCall = async (call, _) =>
        {
            if (call == "set_epoch")
            {
                await mayFail.Task;
                throw new IOException("away");
            }
        };

        Task<bool> purge = first.Cache.PurgeAsync("other", null).AsTask();
        using ServableCache own = OpenOther(first.Cache);
        mayFail.SetResult();
        Assert.False(await purge.WaitAsync(Patience));
        _store.OnCall = null;

        await UntilAsync(() => !ReferenceEquals(others.Scope, before));
    }

    [Fact]
    public async Task Forget_VersionIsGoneForGood_ReachesTheOther()
    {
        MemoryPredictionStore connection = _store.Connect();
        using CacheHarness first = await CacheHarness.StartAsync(store: _store);
        using CacheHarness second = await CacheHarness.StartAsync(store: connection);
        await second.PredictAsync(1);

        first.Serving.Folder.RemoveModel("model");
        await first.Serving.ScanAndSettleAsync();

        await UntilAsync(() => second.Cache.Count == 0);
    }

    [Fact]
    public async Task PurgeAsync_StoreDoesNotAnswer_ForgetsHereAndTellsItLater()
    {
        using CacheHarness first = await CacheHarness.StartAsync(store: _store, options: new CacheOptions { EpochInterval = TimeSpan.FromMilliseconds(20) });
        MemoryPredictionStore connection = _store.Connect();
        using CacheHarness second = await CacheHarness.StartAsync(store: connection, options: new CacheOptions { EpochInterval = TimeSpan.FromMilliseconds(20) });
        await first.PredictAsync(1);
        await UntilAsync(() => _store.Count == 1);
        await second.PredictAsync(1);
        _store.Failure = new IOException("away");

        Assert.False(await first.Cache.PurgeAsync("model", null));
        Assert.Equal(0, first.Cache.Count);
        Assert.Equal(1, second.Cache.Count);
        _store.Failure = null;

        await UntilAsync(() => second.Cache.Count == 0);
    }

    [Fact]
    public async Task PredictAsync_StoreLostItsEpochs_NeverGivesWhatWasPurged()
    {
        using CacheHarness first = await CacheHarness.StartAsync(store: _store);
        await first.PredictAsync(1);
        await UntilAsync(() => _store.Count == 1);
        await first.Cache.PurgeAsync("model", null);
        _store.ForgetEpochs();

        using CacheHarness later = await CacheHarness.StartAsync(store: _store.Connect());

        Assert.Equal(CacheUse.Miss, (await later.PredictAsync(1)).Cache.Use);
    }

    [Fact]
    public async Task PredictAsync_StoreFails_RunsAndAnswers()
    {
        using CacheHarness gateway = await CacheHarness.StartAsync(store: _store);
        _store.Failure = new IOException("away");

        for (int i = 0; i < 20; i++)
        {
            Assert.True((await gateway.PredictAsync(i)).IsSuccess);
        }

        Assert.Equal(20, gateway.Runs.Count);
        Assert.InRange(_store.Calls("get"), 1, 19);
    }

    [Fact]
    public async Task PredictAsync_StoreHoldsForeignBytes_Runs()
    {
        using CacheHarness first = await CacheHarness.StartAsync(store: _store);
        await first.PredictAsync(1);
        await UntilAsync(() => _store.Count == 1);
        _store.Put(Assert.Single(_store.Keys), "not one of ours"u8.ToArray());

        using CacheHarness second = await CacheHarness.StartAsync(store: _store.Connect());

        Assert.Equal(CacheUse.Miss, (await second.PredictAsync(1)).Cache.Use);
        Assert.Single(second.Runs);
    }

    [Fact]
    public async Task PredictAsync_CoalescesAcrossReplicas_OneOfThemRuns()
    {
        var options = new CacheOptions { CoalesceAcrossReplicas = true };
        using CacheHarness first = await CacheHarness.StartAsync(store: _store, options: options);
        using CacheHarness second = await CacheHarness.StartAsync(store: _store.Connect(), options: options);
        using var entered = new ManualResetEventSlim();
        using var mayEnd = new ManualResetEventSlim();
        first.OnRun = _ =>
        {
            entered.Set();
            mayEnd.Wait(Patience, CancellationToken.None);
        };

        Task<PredictResult> leader = Task.Run(() => first.PredictAsync(1));
        Assert.True(entered.Wait(Patience));
        Task<PredictResult> other = second.PredictAsync(1);
        await UntilAsync(() => _store.Calls("claim") >= 1);
        mayEnd.Set();
        await leader.WaitAsync(Patience);
        await UntilAsync(() => _store.Count == 1);
        await AdvanceUntilDoneAsync(second, other);

        Assert.Empty(second.Runs);
        Assert.Equal(CacheUse.Hit, (await other).Cache.Use);
    }

    [Fact]
    public async Task PredictAsync_OtherReplicaEndsBetweenALookAndTheNextClaim_DoesNotRunAgain()
    {
        var options = new CacheOptions { CoalesceAcrossReplicas = true };
        MemoryPredictionStore other = _store.Connect();
        using CacheHarness first = await CacheHarness.StartAsync(store: other);
        await first.PredictAsync(1);
        await UntilAsync(() => _store.Count == 1);
        PredictionKey key = Assert.Single(_store.Keys);
        byte[] answer = _store.Peek(key)!;

        // As if the other one were still at it.
        _store.Put(key, []);
        Assert.True(await other.TryClaimAsync(key, Patience, CancellationToken.None));
        using CacheHarness second = await CacheHarness.StartAsync(store: _store, options: options);
        _store.OnCall = async (call, _) =>
        {
            if (call == "claim" && _store.Calls("claim") == 2)
            {
                _store.Put(key, answer);
                await other.ReleaseClaimAsync(key, CancellationToken.None);
            }
        };

        Task<PredictResult> waiting = second.PredictAsync(1);
        second.Serving.Time.Advance(TimeSpan.FromMilliseconds(5));

        Assert.Equal(CacheUse.Hit, (await waiting.WaitAsync(Patience)).Cache.Use);
        Assert.Empty(second.Runs);
    }

    private static ServableCache OpenOther(PredictionCache cache) =>
        cache.Open(new ServableId("other", 1), "digest", new ModelConfig(), new ModelSignature([], []), null, answersRowsAlone: false);

    // What waits for the other replica looks again by the fake clock.
    private static async Task AdvanceUntilDoneAsync(CacheHarness gateway, Task task)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!task.IsCompleted)
        {
            patience.Token.ThrowIfCancellationRequested();
            gateway.Serving.Time.Advance(TimeSpan.FromMilliseconds(5));
            await Task.Yield();
        }
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!condition())
        {
            patience.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }
}
