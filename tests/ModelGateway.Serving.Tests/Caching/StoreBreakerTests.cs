using ModelGateway.Serving.Caching;
using ModelGateway.TestKit.Caching;
using Xunit;

namespace ModelGateway.Serving.Tests.Caching;

/// <summary>When a store is taken out, and how it comes back.</summary>
public sealed class StoreBreakerTests : IAsyncDisposable
{
    private readonly SharedHarness _harness = new();

    private SharedPredictions Shared => _harness.Shared;

    private MemoryPredictionStore Store => _harness.Store;

    public ValueTask DisposeAsync() => _harness.DisposeAsync();

    [Fact]
    public async Task Get_FiveFailuresInARow_OpenAndTheStoreIsAskedNoMore()
    {
        Store.Failure = new IOException();
        for (int i = 0; i < 5; i++)
        {
            Assert.True(Shared.IsAvailable);
            await _harness.GetAsync(1);
        }

        Assert.Equal(BreakerState.Open, Shared.State);
        Assert.Equal(1, _harness.BreakerOpen("read"));
        Assert.Null(await _harness.GetAsync(1));
        Assert.Null(await Shared.GetManyAsync([StoredPredictionTests.KeyOf(1)], default));
        Assert.Null(await Shared.TryClaimAsync(StoredPredictionTests.KeyOf(1), TimeSpan.FromSeconds(1), default));
        Assert.Null(await Shared.GetEpochsAsync(["iris"], 1, default));
        _harness.Set(1);
        Assert.Equal(1, _harness.Dropped("unavailable"));
        Assert.Equal((5, 0, 0, 0), (Store.Calls("get"), Store.Calls("get_many"), Store.Calls("claim"), Store.Calls("epochs")));
    }

    [Fact]
    public async Task Get_WhileOpen_AllocatesNothing()
    {
        await _harness.OpenAsync();
        PredictionKey key = StoredPredictionTests.KeyOf(1);
        Assert.True(Ask(key));
        long before = GC.GetAllocatedBytesForCurrentThread();
        bool completed = Ask(key);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.True(completed);

        bool Ask(PredictionKey wanted)
        {
            ValueTask<SharedValue?> get = Shared.GetAsync(wanted, default);
            return get.IsCompletedSuccessfully && get.Result is null;
        }
    }

    [Theory]
    [InlineData(10, false)]
    [InlineData(3, true)]
    public async Task Get_EveryNthCallFails_OpensWhereThatIsMoreThanAFifth(int every, bool opens)
    {
        int calls = 0;
        Store.OnCall = (_, _) => ++calls % every == 0 ? throw new IOException() : default;
        for (int i = 0; i < 200; i++)
        {
            await _harness.GetAsync(1);
        }

        Assert.Equal(opens, !Shared.IsAvailable);
    }

    [Fact]
    public async Task Get_ManyAtOnceTimeOut_OpensOnceAndAllEnd()
    {
        Store.Hold();
        Task<SharedValue?>[] gets = [.. Enumerable.Range(0, 64).Select(i => _harness.GetAsync(i))];
        _harness.Time.Advance(_harness.Options.Timeout);
        Assert.All(await Task.WhenAll(gets), value => Assert.Null(value));
        Assert.False(Shared.IsAvailable);
        Assert.Equal(1, _harness.Metrics.StoreBreakerOpenings.WithLabels("read").Value);
    }

    [Fact]
    public async Task Open_ProbesFail_ComeAtDoublingIntervalsUpToTheLongest()
    {
        await _harness.OpenAsync();
        for (int probes = 1; probes <= 4; probes++)
        {
            TimeSpan pause = _harness.Time.Pauses.Last();
            _harness.Time.Advance(pause - TimeSpan.FromMilliseconds(1));
            Assert.Equal(probes - 1, Store.Calls("probe"));
            _harness.Time.Advance(TimeSpan.FromMilliseconds(1));
            await SharedHarness.UntilAsync(() => _harness.Time.Pauses.Count == probes + 1);
            Assert.Equal(probes, Store.Calls("probe"));
        }

        Assert.Equal([250, 500, 1000, 1000, 1000], _harness.Time.Pauses.Select(pause => pause.TotalMilliseconds));
        Assert.False(Shared.IsAvailable);
    }

    [Fact]
    public async Task Open_ProbeHangs_NoOtherBeginsUntilItTimedOut()
    {
        await _harness.OpenAsync();
        Store.Failure = null;
        Store.Hold();
        _harness.Time.Advance(TimeSpan.FromMilliseconds(250));
        await SharedHarness.UntilAsync(() => Store.Calls("probe") == 1);
        _harness.Time.Advance(TimeSpan.FromMilliseconds(19));
        Assert.Equal((1, 0), (Store.Calls("probe"), _harness.Requests("probe", "timeout")));
        _harness.Time.Advance(TimeSpan.FromMilliseconds(1));
        await SharedHarness.UntilAsync(() => _harness.Requests("probe", "timeout") == 1);
        Assert.False(Shared.IsAvailable);
    }

    [Fact]
    public async Task Open_ProbeIsGood_ClosesAndTellsThatAnnouncementsMayBeMissed()
    {
        var heard = new List<string?>();
        Shared.OnEpochChanged(heard.Add);
        await _harness.SetAndWaitAsync(1);
        await _harness.OpenAsync();
        Assert.Equal("get failed with TimeoutException", Shared.Problem);

        await _harness.RecoverAsync(TimeSpan.FromMilliseconds(250));

        Assert.Null(Shared.Problem);
        Assert.Equal([null], heard);
        Assert.NotNull(await _harness.GetAsync(1));
        Assert.Equal(0, _harness.BreakerOpen("read"));
        _harness.Set(2);
        await SharedHarness.UntilAsync(() => Store.Count == 2);
    }

    [Fact]
    public async Task OpenAndClose_AreLoggedOnceWithoutAddresses()
    {
        await _harness.OpenAsync();
        for (int i = 0; i < 100; i++)
        {
            await _harness.GetAsync(i);
        }

        await _harness.RecoverAsync(TimeSpan.FromMilliseconds(250));

        Assert.Equal(
            [
                "Warning: The shared cache memory is left alone (read) until a probe finds it well, predictions go on without it: get failed with TimeoutException",
                "Information: The shared cache memory is used again (read)",
            ],
            _harness.Log.All);
    }

    [Fact]
    public async Task Open_AgainSoonAfterClosing_GoesOnWithLongIntervalsAndAQuietLog()
    {
        await _harness.OpenAsync();
        await _harness.RecoverAsync(TimeSpan.FromMilliseconds(250));
        await _harness.OpenAsync();
        Store.Failure = null;
        _harness.Time.Advance(TimeSpan.FromMilliseconds(499));
        Assert.Equal(1, Store.Calls("probe"));
        await _harness.RecoverAsync(TimeSpan.FromMilliseconds(1));
        Assert.Equal(2, _harness.Log.All.Count(line => !line.StartsWith("Debug", StringComparison.Ordinal)));

        _harness.Time.Advance(TimeSpan.FromSeconds(11));
        await _harness.OpenAsync();
        Assert.Equal(3, _harness.Log.All.Count(line => !line.StartsWith("Debug", StringComparison.Ordinal)));
        await _harness.RecoverAsync(TimeSpan.FromMilliseconds(250));
    }

    [Fact]
    public async Task Writes_StoreIsReadOnly_AreSuspendedAloneUntilAProbeIsGood()
    {
        await _harness.SetAndWaitAsync(1);
        Store.OnCall = static (operation, _) => operation is "set" or "probe" ? throw new InvalidOperationException("READONLY") : default;
        for (int i = 2; i < 7; i++)
        {
            _harness.Set(i);
        }

        await SharedHarness.UntilAsync(() => _harness.BreakerOpen("write") == 1);
        Assert.True(Shared.IsAvailable);
        Assert.Equal("set failed with InvalidOperationException", Shared.Problem);
        Assert.NotNull(await _harness.GetAsync(1));
        _harness.Set(8);
        Assert.Equal((5, 1), (_harness.Requests("set", "error"), _harness.Dropped("unavailable")));

        await _harness.RecoverAsync(TimeSpan.FromMilliseconds(250));
        Assert.Equal(0, _harness.BreakerOpen("write"));
        await _harness.SetAndWaitAsync(9);
    }

    [Fact]
    public async Task Reads_StoreIsReadOnly_AreTakenUpAgain()
    {
        await _harness.SetAndWaitAsync(1);
        await _harness.OpenAsync();
        Store.Failure = null;
        Store.OnCall = static (operation, _) => operation is "set" or "probe" ? throw new InvalidOperationException("READONLY") : default;
        _harness.Time.Advance(TimeSpan.FromMilliseconds(250));

        await SharedHarness.UntilAsync(() => Shared.IsAvailable);

        Assert.NotNull(await _harness.GetAsync(1));
    }

    [Fact]
    public async Task Dispose_WhileOpen_EndsTheProbing()
    {
        await _harness.OpenAsync();
        await Shared.DisposeAsync();
        Store.Failure = null;
        _harness.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(0, Store.Calls("probe"));
        Assert.False(Shared.IsAvailable);
    }
}
