using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Serving.Tests.Inference;

/// <summary>What is remembered, for whom, for how long; and that equal requests share one run.</summary>
public sealed class CachedPredictorTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task PredictAsync_TheSameTwice_RunsOnce()
    {
        using CacheHarness gateway = await CacheHarness.StartAsync();

        PredictResult first = await gateway.PredictAsync(1);
        gateway.Serving.Time.Advance(TimeSpan.FromSeconds(7));
        PredictResult second = await gateway.PredictAsync(1);
        await gateway.PredictAsync(2);

        Assert.Equal([[1f], [2f]], gateway.Runs);
        Assert.Equal((CacheUse.Miss, true), (first.Cache.Use, first.Cache.Stored));
        Assert.Equal((CacheUse.Hit, "memory", TimeSpan.FromSeconds(7)), (second.Cache.Use, second.Cache.Detail, second.Cache.Age));
        Assert.Equal(TimeSpan.FromHours(1) - TimeSpan.FromSeconds(7), second.Cache.TimeToLive);
        Assert.Contains("outcome=\"hit\"} 1", Assert.Single(await gateway.Serving.MetricsAsync("cache_lookups_total{model=\"model\",version=\"1\",level=\"memory\",outcome=\"hit\"")));
    }

    [Fact]
    public async Task PredictAsync_PastItsTime_RunsAgain()
    {
        using CacheHarness gateway = await CacheHarness.StartAsync("{warmup: off, cache: {ttl: 10s}}");
        await gateway.PredictAsync(1);

        gateway.Serving.Time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(CacheUse.Hit, (await gateway.PredictAsync(1)).Cache.Use);
        gateway.Serving.Time.Advance(TimeSpan.FromMilliseconds(1));
        PredictResult late = await gateway.PredictAsync(1);

        Assert.Equal((CacheUse.Stale, true), (late.Cache.Use, late.Cache.Stored));
        Assert.Equal(2, gateway.Runs.Count);
    }

    [Fact]
    public async Task PredictAsync_StaleWhileRevalidate_AnswersAtOnceAndRunsOnceBehind()
    {
        using CacheHarness gateway = await CacheHarness.StartAsync("{warmup: off, cache: {ttl: 10s, stale_while_revalidate: 20s}}");
        await gateway.PredictAsync(1);
        using var ran = new SemaphoreSlim(0);
        using var mayEnd = new ManualResetEventSlim();
        gateway.OnRun = _ =>
        {
            ran.Release();
            mayEnd.Wait(Patience, CancellationToken.None);
        };
        gateway.Serving.Time.Advance(TimeSpan.FromSeconds(15));

        PredictResult stale = await gateway.PredictAsync(1);
        Assert.True(await ran.WaitAsync(Patience));
        PredictResult alsoStale = await gateway.PredictAsync(1);
        mayEnd.Set();
        await UntilAsync(async () => (await gateway.PredictAsync(1)).Cache.Age == TimeSpan.Zero);

        Assert.Equal((CacheUse.Hit, TimeSpan.FromSeconds(-5)), (stale.Cache.Use, stale.Cache.TimeToLive));
        Assert.Equal(CacheUse.Hit, alsoStale.Cache.Use);
        Assert.Equal(2, gateway.Runs.Count);
    }

    [Fact]
    public async Task PredictAsync_BeyondTheStaleTime_Waits()
    {
        using CacheHarness gateway = await CacheHarness.StartAsync("{warmup: off, cache: {ttl: 10s, stale_while_revalidate: 20s}}");
        await gateway.PredictAsync(1);

        gateway.Serving.Time.Advance(TimeSpan.FromSeconds(31));

        Assert.Equal(CacheUse.Stale, (await gateway.PredictAsync(1)).Cache.Use);
    }

    [Theory]
    [InlineData("{warmup: off, cache: {enabled: false}}", "off")]
    [InlineData("{warmup: off}", null)]
    public async Task PredictAsync_ModelsRule_DecidesWhetherItIsRemembered(string config, string? reason)
    {
        using CacheHarness gateway = await CacheHarness.StartAsync(config);

        await gateway.PredictAsync(1);
        PredictResult second = await gateway.PredictAsync(1);

        Assert.Equal(reason is null ? CacheUse.Hit : CacheUse.Bypass, second.Cache.Use);
        Assert.Equal(reason ?? "memory", second.Cache.Detail);
    }

    [Fact]
    public async Task PredictAsync_NothingIsKeptInMemory_DoesNotSayThatItIsStored()
    {
        using CacheHarness gateway = await CacheHarness.StartAsync(options: new CacheOptions { MaxBytes = 0 });

        PredictResult first = await gateway.PredictAsync(1);

        Assert.Equal((CacheUse.Miss, false), (first.Cache.Use, first.Cache.Stored));
        Assert.Equal(CacheUse.Miss, (await gateway.PredictAsync(1)).Cache.Use);
    }

    [Fact]
    public async Task PredictAsync_LargerThanAllowed_IsAnsweredAndNotRemembered()
    {
        using CacheHarness gateway = await CacheHarness.StartAsync("{warmup: off, cache: {max_value_bytes: 1KiB}}");
        float[] large = [.. Enumerable.Range(0, 300).Select(value => (float)value)];

        PredictResult first = await gateway.PredictAsync(large);
        await gateway.PredictAsync(large);

        Assert.Equal((CacheUse.Miss, false), (first.Cache.Use, first.Cache.Stored));
        Assert.Equal(2, gateway.Runs.Count);
    }

    [Fact]
    public async Task PredictAsync_NoStore_NeitherReadsNorRemembers()
    {
        using CacheHarness gateway = await CacheHarness.StartAsync();
        var noStore = new CacheDirectives { NoStore = true };

        await gateway.PredictAsync(1, noStore);
        Assert.Equal(CacheUse.Miss, (await gateway.PredictAsync(1)).Cache.Use);
        PredictResult third = await gateway.PredictAsync(1, noStore);

        Assert.Equal((CacheUse.Bypass, "no_store"), (third.Cache.Use, third.Cache.Detail));
        Assert.Equal(3, gateway.Runs.Count);
    }

    [Fact]
    public async Task PredictAsync_NoCache_RunsAndRemembers()
    {
        using CacheHarness gateway = await CacheHarness.StartAsync();
        await gateway.PredictAsync(1);
        gateway.Serving.Time.Advance(TimeSpan.FromMinutes(1));

        PredictResult fresh = await gateway.PredictAsync(1, new CacheDirectives { NoCache = true });

        Assert.Equal((CacheUse.Request, true), (fresh.Cache.Use, fresh.Cache.Stored));
        Assert.Equal(TimeSpan.Zero, (await gateway.PredictAsync(1)).Cache.Age);
        Assert.Equal(2, gateway.Runs.Count);
    }

    [Fact]
    public async Task PredictAsync_MaxAge_TakesOnlyWhatIsYoungEnough()
    {
        using CacheHarness gateway = await CacheHarness.StartAsync();
        await gateway.PredictAsync(1);
        gateway.Serving.Time.Advance(TimeSpan.FromMinutes(1));

        Assert.Equal(CacheUse.Hit, (await gateway.PredictAsync(1, new CacheDirectives { MaxAge = TimeSpan.FromMinutes(1) })).Cache.Use);
        Assert.Equal(CacheUse.Request, (await gateway.PredictAsync(1, new CacheDirectives { MaxAge = TimeSpan.FromSeconds(59) })).Cache.Use);
    }

    [Fact]
    public async Task PredictAsync_OnlyIfCached_NeverRuns()
    {
        using CacheHarness gateway = await CacheHarness.StartAsync();
        var onlyIfCached = new CacheDirectives { OnlyIfCached = true };

        PredictResult nothing = await gateway.PredictAsync(1, onlyIfCached);
        Assert.Empty(gateway.Runs);
        await gateway.PredictAsync(1);

        Assert.Equal(PredictErrorKind.NotCached, nothing.Error!.Kind);
        Assert.Equal(CacheUse.Hit, (await gateway.PredictAsync(1, onlyIfCached)).Cache.Use);
    }

    [Fact]
    public async Task PredictAsync_OtherTenant_SharesNothing()
    {
        using CacheHarness gateway = await CacheHarness.StartAsync();

        await gateway.PredictAsync(1, new CacheDirectives { Tenant = "anna" });

        Assert.Equal(CacheUse.Miss, (await gateway.PredictAsync(1, new CacheDirectives { Tenant = "berta" })).Cache.Use);
        Assert.Equal(CacheUse.Miss, (await gateway.PredictAsync(1)).Cache.Use);
        Assert.Equal(CacheUse.Hit, (await gateway.PredictAsync(1, new CacheDirectives { Tenant = "anna" })).Cache.Use);
    }

    [Fact]
    public async Task PredictAsync_NewArtifactUnderTheSameNumber_DoesNotSeeTheOldAnswers()
    {
        using CacheHarness gateway = await CacheHarness.StartAsync();
        await gateway.PredictAsync(1);

        await gateway.LoadAsync("{warmup: off}", marker: 1);

        Assert.Equal(CacheUse.Miss, (await gateway.PredictAsync(1)).Cache.Use);
        Assert.Equal(1, gateway.Cache.Count);
    }

    [Fact]
    public async Task PurgeAsync_OfTheModelOrTheVersion_Forgets()
    {
        using CacheHarness gateway = await CacheHarness.StartAsync();
        await gateway.PredictAsync(1);

        Assert.True(await gateway.Cache.PurgeAsync("other", null));
        Assert.Equal(CacheUse.Hit, (await gateway.PredictAsync(1)).Cache.Use);
        Assert.True(await gateway.Cache.PurgeAsync("model", null));
        Assert.Equal(0, gateway.Cache.Count);
        Assert.Equal(CacheUse.Miss, (await gateway.PredictAsync(1)).Cache.Use);
        Assert.True(await gateway.Cache.PurgeAsync("model", 1));

        Assert.Equal(CacheUse.Miss, (await gateway.PredictAsync(1)).Cache.Use);
    }

    [Fact]
    public async Task PredictAsync_RunThatAPurgeOvertakes_IsNotRemembered()
    {
        using CacheHarness gateway = await CacheHarness.StartAsync();
        gateway.OnRun = _ => gateway.Cache.PurgeAsync("model", null).AsTask().Wait(Patience, CancellationToken.None);

        await gateway.PredictAsync(1);

        Assert.Equal(0, gateway.Cache.Count);
    }

    [Fact]
    public async Task PredictAsync_ManyEqualAtOnce_RunOnce()
    {
        using CacheHarness gateway = await CacheHarness.StartAsync();
        using var entered = new ManualResetEventSlim();
        using var mayEnd = new ManualResetEventSlim();
        gateway.OnRun = _ =>
        {
            entered.Set();
            mayEnd.Wait(Patience, CancellationToken.None);
        };

        Task<PredictResult> leader = Task.Run(() => gateway.PredictAsync(1));
        Assert.True(entered.Wait(Patience));
        Task<PredictResult>[] others = [.. Enumerable.Range(0, 63).Select(_ => gateway.PredictAsync(1))];
        mayEnd.Set();
        PredictResult[] results = await Task.WhenAll([leader, .. others]).WaitAsync(Patience);

        Assert.All(results, result => Assert.True(result.IsSuccess));
        Assert.Single(gateway.Runs);
        Assert.Equal(63, results.Count(result => result.Cache.Use == CacheUse.Collapsed));
    }

    [Fact]
    public async Task PredictAsync_FirstCallerLeaves_OthersGetTheAnswer()
    {
        using CacheHarness gateway = await CacheHarness.StartAsync();
        using var entered = new ManualResetEventSlim();
        using var mayEnd = new ManualResetEventSlim();
        gateway.OnRun = _ =>
        {
            entered.Set();
            mayEnd.Wait(Patience, CancellationToken.None);
        };
        using var leaving = new CancellationTokenSource();

        Task<PredictResult> leader = Task.Run(() => gateway.PredictAsync(1, cancellationToken: leaving.Token));
        Assert.True(entered.Wait(Patience));
        Task<PredictResult> other = gateway.PredictAsync(1);
        await leaving.CancelAsync();
        mayEnd.Set();

        Assert.True((await other.WaitAsync(Patience)).IsSuccess);
        await leader.WaitAsync(Patience);
        Assert.Single(gateway.Runs);
        Assert.Equal(CacheUse.Hit, (await gateway.PredictAsync(1)).Cache.Use);
    }

    [Fact]
    public async Task PredictAsync_AllCallersLeave_StopsTheRunAndRemembersNothing()
    {
        using CacheHarness gateway = await CacheHarness.StartAsync();
        using var entered = new ManualResetEventSlim();
        using var leaving = new CancellationTokenSource();
        gateway.OnRun = stop =>
        {
            entered.Set();
            stop.WaitHandle.WaitOne(Patience);
        };

        Task<PredictResult> leader = Task.Run(() => gateway.PredictAsync(1, cancellationToken: leaving.Token));
        Assert.True(entered.Wait(Patience));
        Task<PredictResult> other = gateway.PredictAsync(1, cancellationToken: leaving.Token);
        await leaving.CancelAsync();

        Assert.Equal(PredictErrorKind.Cancelled, (await leader.WaitAsync(Patience)).Error!.Kind);
        Assert.Equal(PredictErrorKind.Cancelled, (await other.WaitAsync(Patience)).Error!.Kind);
        Assert.Equal(0, gateway.Cache.Count);
    }

    [Fact]
    public async Task PredictAsync_OneIsImpatient_GetsItsDeadlineAndTheOthersTheAnswer()
    {
        using CacheHarness gateway = await CacheHarness.StartAsync();
        using var entered = new ManualResetEventSlim();
        using var mayEnd = new ManualResetEventSlim();
        gateway.OnRun = _ =>
        {
            entered.Set();
            mayEnd.Wait(Patience, CancellationToken.None);
        };

        Task<PredictResult> leader = Task.Run(() => gateway.PredictAsync(1));
        Assert.True(entered.Wait(Patience));
        PredictResult impatient = await gateway.PredictAsync(1, timeout: TimeSpan.FromMilliseconds(20)).WaitAsync(Patience);
        mayEnd.Set();

        Assert.Equal(PredictErrorKind.DeadlineExceeded, impatient.Error!.Kind);
        Assert.True((await leader.WaitAsync(Patience)).IsSuccess);
    }

    [Fact]
    public async Task PredictAsync_RunFails_AllWaitersGetTheSameErrorAndNothingIsRemembered()
    {
        using CacheHarness gateway = await CacheHarness.StartAsync();
        using var entered = new ManualResetEventSlim();
        using var mayEnd = new ManualResetEventSlim();
        gateway.OnRun = _ =>
        {
            entered.Set();
            mayEnd.Wait(Patience, CancellationToken.None);
            throw new ModelRunException("no such row", inputAtFault: true);
        };

        Task<PredictResult> leader = Task.Run(() => gateway.PredictAsync(1));
        Assert.True(entered.Wait(Patience));
        Task<PredictResult>[] others = [.. Enumerable.Range(0, 5).Select(_ => gateway.PredictAsync(1))];
        mayEnd.Set();
        PredictResult[] results = await Task.WhenAll([leader, .. others]).WaitAsync(Patience);
        gateway.OnRun = static _ => { };

        Assert.All(results, result => Assert.Equal((PredictErrorKind.ModelRefused, "The model cannot run on this input: no such row"), (result.Error!.Kind, result.Error.Message)));
        Assert.Equal(CacheUse.Miss, (await gateway.PredictAsync(1)).Cache.Use);
        Assert.Equal(2, gateway.Runs.Count);
    }

    [Fact]
    public async Task PredictAsync_RunThrowsWhatNobodyForesaw_AllWaitersGetIt()
    {
        using CacheHarness gateway = await CacheHarness.StartAsync();
        gateway.OnRun = static _ => throw new InvalidOperationException("a bug");

        await Assert.ThrowsAsync<InvalidOperationException>(() => gateway.PredictAsync(1));
        gateway.OnRun = static _ => { };

        Assert.True((await gateway.PredictAsync(1)).IsSuccess);
    }

    [Fact]
    public async Task PredictAsync_VersionIsReplacedBeforeItsFlightBegins_RunsOnWhatTheCallerHolds()
    {
        using CacheHarness gateway = await CacheHarness.StartAsync();
        using ServableHandle handle = gateway.Serving.Acquire("model");
        await gateway.LoadAsync("{warmup: off}", marker: 1);
        using (ServableHandle now = gateway.Serving.Acquire("model"))
        {
            Assert.NotSame(handle.Servable, now.Servable);
        }

        for (int round = 0; round < 2; round++)
        {
            using var request = new PredictRequest();
            request.Add("x", Tensor.Create<float>(TensorType.Fp32, [1], [7f]));
            PredictResult result = await gateway.Serving.Predictor.PredictAsync(handle.Servable, request, CancellationToken.None).AsTask().WaitAsync(Patience);

            Assert.True(result.IsSuccess);
            result.Response.Dispose();
        }
    }

    // The pooled outputs of an answer that is not remembered belong to one caller: the one that is still there.
    [Fact]
    public async Task PredictAsync_LeaderIsTooLateForAnAnswerThatIsNotRemembered_TheFollowerAloneGetsIt()
    {
        using CacheHarness gateway = await CacheHarness.StartAsync("{warmup: off, cache: {max_value_bytes: 1KiB}}");
        using var entered = new ManualResetEventSlim();
        using var mayEnd = new ManualResetEventSlim();
        gateway.OnRun = _ =>
        {
            entered.Set();
            mayEnd.Wait(Patience, CancellationToken.None);
        };
        float[] large = [.. Enumerable.Range(0, 300).Select(value => (float)value)];
        using var leaving = new CancellationTokenSource();

        Task<PredictResult> leader = Task.Run(() => gateway.PredictAsync(large, cancellationToken: leaving.Token));
        Assert.True(entered.Wait(Patience));
        Task<PredictResult> follower = gateway.PredictAsync(large);
        await leaving.CancelAsync();
        mayEnd.Set();

        Assert.Equal(PredictErrorKind.Cancelled, (await leader.WaitAsync(Patience)).Error!.Kind);
        Assert.True((await follower.WaitAsync(Patience)).IsSuccess);
    }

    [Fact]
    public async Task PredictAsync_MaxAge_DoesNotJoinAFlightThatMayEndWithAnOlderAnswer()
    {
        using CacheHarness gateway = await CacheHarness.StartAsync();
        using var entered = new SemaphoreSlim(0);
        using var mayEnd = new ManualResetEventSlim();
        gateway.OnRun = _ =>
        {
            entered.Release();
            mayEnd.Wait(Patience, CancellationToken.None);
        };

        Task<PredictResult> first = Task.Run(() => gateway.PredictAsync(1));
        Assert.True(await entered.WaitAsync(Patience));
        Task<PredictResult> second = Task.Run(() => gateway.PredictAsync(1, new CacheDirectives { MaxAge = TimeSpan.FromSeconds(1) }));
        Assert.True(await entered.WaitAsync(Patience));
        mayEnd.Set();

        Assert.All(await Task.WhenAll(first, second).WaitAsync(Patience), result => Assert.Equal(CacheUse.Miss, result.Cache.Use));
    }

    /// <summary>The rows that one of them took from memory were young enough then, and may not be now.</summary>
    [Fact]
    public async Task PredictAsync_EqualBatchesWithTheSameMaxAge_GoAlone()
    {
        using CacheHarness gateway = await CacheHarness.StartAsync("{rows_independent: true, warmup: off}");
        using var entered = new SemaphoreSlim(0);
        using var mayEnd = new ManualResetEventSlim();
        gateway.OnRun = _ =>
        {
            entered.Release();
            mayEnd.Wait(Patience, CancellationToken.None);
        };
        var wish = new CacheDirectives { MaxAge = TimeSpan.FromSeconds(1) };

        Task<PredictResult> first = Task.Run(() => gateway.PredictAsync([1, 2], wish));
        Assert.True(await entered.WaitAsync(Patience));
        Task<PredictResult> second = Task.Run(() => gateway.PredictAsync([1, 2], wish));
        Assert.True(await entered.WaitAsync(Patience));
        mayEnd.Set();

        Assert.All(await Task.WhenAll(first, second).WaitAsync(Patience), result => Assert.True(result.IsSuccess));
    }

    [Fact]
    public async Task PredictAsync_EqualWithTheSameMaxAge_ShareARun()
    {
        using CacheHarness gateway = await CacheHarness.StartAsync();
        using var entered = new ManualResetEventSlim();
        using var mayEnd = new ManualResetEventSlim();
        gateway.OnRun = _ =>
        {
            entered.Set();
            mayEnd.Wait(Patience, CancellationToken.None);
        };
        var wish = new CacheDirectives { MaxAge = TimeSpan.FromMinutes(1) };

        Task<PredictResult> leader = Task.Run(() => gateway.PredictAsync(1, wish));
        Assert.True(entered.Wait(Patience));
        Task<PredictResult> follower = gateway.PredictAsync(1, wish);
        mayEnd.Set();

        Assert.Equal(CacheUse.Miss, (await leader.WaitAsync(Patience)).Cache.Use);
        Assert.Equal(CacheUse.Collapsed, (await follower.WaitAsync(Patience)).Cache.Use);
        Assert.Single(gateway.Runs);
    }

    // The caller's buffers go back to the pool when it has left; the run must still see its own.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task PredictAsync_LeaderLeavesInTheQueue_TheRunStillHasItsInputs(bool areViews)
    {
        using CacheHarness gateway = await CacheHarness.StartAsync("{warmup: off, instances: 1}");
        gateway.HasViews = areViews;
        using var entered = new ManualResetEventSlim();
        using var mayEnd = new ManualResetEventSlim();
        using var leaving = new CancellationTokenSource();
        gateway.OnRun = _ =>
        {
            entered.Set();
            mayEnd.Wait(Patience, CancellationToken.None);
        };
        Task<PredictResult> busy = Task.Run(() => gateway.PredictAsync(1));
        Assert.True(entered.Wait(Patience));

        Task<PredictResult> leader = gateway.PredictAsync(2, cancellationToken: leaving.Token);
        Task<PredictResult> follower = gateway.PredictAsync(2);
        await leaving.CancelAsync();
        Assert.Equal(PredictErrorKind.Cancelled, (await leader.WaitAsync(Patience)).Error!.Kind);
        Task<PredictResult> overwriter = gateway.PredictAsync(3);
        mayEnd.Set();

        Assert.True((await follower.WaitAsync(Patience)).IsSuccess);
        await Task.WhenAll(busy, overwriter).WaitAsync(Patience);
        Assert.Contains(gateway.Runs, run => run is [2f]);
    }

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!await condition())
        {
            patience.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }
}
