using System.Runtime.CompilerServices;
using ModelGateway.Serving.Caching;
using ModelGateway.TestKit.Caching;
using Xunit;

namespace ModelGateway.Serving.Tests.Caching;

/// <summary>What callers see of a store that is well, slow, broken, or gives nonsense.</summary>
public sealed class SharedPredictionsTests : IAsyncDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(1);
    private readonly SharedHarness _harness = new();

    private SharedPredictions Shared => _harness.Shared;

    private MemoryPredictionStore Store => _harness.Store;

    public ValueTask DisposeAsync() => _harness.DisposeAsync();

    [Fact]
    public async Task Get_WhatWasSet_ComesBackWithItsTimes()
    {
        await _harness.SetAndWaitAsync(7);

        SharedValue? value = await _harness.GetAsync(7);

        Assert.Equal(BitConverter.GetBytes(7), value?.Payload);
        Assert.Equal(SharedHarness.Made, value?.MadeAt);
        Assert.Equal(TimeSpan.FromMinutes(1), value?.FreshFor);
        Assert.Equal(0, Store.Outstanding);
        Assert.Equal((1, 1), (_harness.Values("hit"), _harness.Requests("get", "success")));
        Assert.Equal(_harness.Metrics.StoreWrittenBytes.Value, _harness.Metrics.StoreReadBytes.Value);
    }

    [Fact]
    public async Task Get_Absent_IsAMiss()
    {
        Assert.Null(await _harness.GetAsync(1));
        Assert.Equal((0, 1), (_harness.Values("hit"), _harness.Values("miss")));
    }

    [Fact]
    public async Task Get_StoreHangs_EndsAtTheTimeoutAndDisposesWhatComesLater()
    {
        await _harness.SetAndWaitAsync(1);
        Store.ObeysCancellation = false;
        Store.Hold();
        Task<SharedValue?> get = _harness.GetAsync(1);
        _harness.Time.Advance(Timeout - Moment);
        Assert.False(get.IsCompleted);
        _harness.Time.Advance(Moment);

        Assert.Null(await get);
        Assert.Equal(1, _harness.Requests("get", "timeout"));

        int handedOut = Store.HandedOut;
        Store.Release();
        await SharedHarness.UntilAsync(() => Store.HandedOut > handedOut && Store.Outstanding == 0);
    }

    [Fact]
    public async Task Get_AtTheTimeout_TellsTheStore()
    {
        CancellationToken seen = default;
        Store.OnCall = (_, token) =>
        {
            seen = token;
            return new ValueTask(Task.Delay(System.Threading.Timeout.Infinite, token));
        };
        Task<SharedValue?> get = _harness.GetAsync(1);
        _harness.Time.Advance(Timeout);
        Assert.Null(await get);
        Assert.True(seen.IsCancellationRequested);
    }

    [Fact]
    public async Task Get_AnswersInTime_IsNotCancelledAfterwards()
    {
        Store.OnCall = static (_, _) => new ValueTask(Task.Run(static () => { }, CancellationToken.None));
        Assert.Null(await _harness.GetAsync(1));
        _harness.Time.Advance(10 * Timeout);
        Assert.Null(await _harness.GetAsync(2));
        Assert.Equal(2, _harness.Values("miss"));
    }

    [Fact]
    public async Task Get_CallerLeaves_ThrowsAndSaysNothingAboutTheStore()
    {
        await _harness.SetAndWaitAsync(1);
        Store.Hold();
        for (int i = 0; i < 20; i++)
        {
            using var caller = new CancellationTokenSource();
            Task<SharedValue?> get = _harness.GetAsync(1, caller.Token);
            Assert.False(get.IsCompleted);
            await caller.CancelAsync();
            OperationCanceledException exception = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => get);
            Assert.Equal(caller.Token, exception.CancellationToken);
        }

        Assert.True(Shared.IsAvailable);
        Assert.Equal(20, _harness.Requests("get", "cancelled"));
    }

    [Fact]
    public async Task Get_CallerHasLeft_DoesNotAsk()
    {
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _harness.GetAsync(1, new CancellationToken(true)));
        Assert.Equal(0, Store.Calls("get"));
    }

    [Fact]
    public async Task Get_CallerStaysAfterAnAnswer_LaterCallsAreNotCancelledWithIt()
    {
        Store.OnCall = static (_, _) => new ValueTask(Task.Run(static () => { }, CancellationToken.None));
        using var first = new CancellationTokenSource();
        Assert.Null(await _harness.GetAsync(1, first.Token));
        Store.OnCall = null;
        Store.Hold();
        Task<SharedValue?> second = _harness.GetAsync(1);
        await first.CancelAsync();
        Store.Release();
        Assert.Null(await second);
        Assert.Equal(2, _harness.Values("miss"));
    }

    [Fact]
    public async Task EveryCall_StoreThrowsAtOnce_AnswersNothing()
    {
        await using var harness = new SharedHarness(store: new ThrowingStore());
        PredictionKey key = StoredPredictionTests.KeyOf(1);
        Assert.Null(await harness.GetAsync(1));
        Assert.Null(await harness.Shared.GetManyAsync([key], default));
        Assert.Null(await harness.Shared.TryClaimAsync(key, Timeout, default));
        Assert.Null(await harness.Shared.GetEpochsAsync(["iris"], 1, default));
        Assert.False(await harness.Shared.SetEpochAsync("iris", 2, default));
        harness.Set(1);
        harness.Shared.ReleaseClaim(key);
        await SharedHarness.UntilAsync(() => harness.Requests("set", "error") + harness.Requests("release", "error") == 2);
        Assert.All(new[] { "get", "get_many", "claim", "epochs", "set_epoch" }, operation => Assert.Equal(1, harness.Requests(operation, "error")));
    }

    /// <summary>Each would wait for the store's timeout in vain, request by request.</summary>
    [Fact]
    public async Task TryClaimAsync_StoreTakesNoWrites_IsNotAskedAnyMore()
    {
        Store.OnCall = static (call, _) => call is "set" or "claim" or "probe" ? throw new IOException("Broken.") : ValueTask.CompletedTask;
        PredictionKey key = StoredPredictionTests.KeyOf(1);
        for (int i = 0; i < 50; i++)
        {
            Assert.Null(await Shared.TryClaimAsync(key, Timeout, default));
        }

        Assert.InRange(Store.Calls("claim"), 1, 49);
        Assert.True(Shared.IsAvailable);
    }

    [Fact]
    public async Task EveryCall_StoreFailsLater_AnswersNothing()
    {
        Store.OnCall = static async (_, _) =>
        {
            await Task.Yield();
            throw new IOException("Broken.");
        };
        PredictionKey key = StoredPredictionTests.KeyOf(1);
        Assert.Null(await _harness.GetAsync(1));
        Assert.Null(await Shared.GetManyAsync([key], default));
        Assert.Null(await Shared.TryClaimAsync(key, Timeout, default));
        Assert.Null(await Shared.GetEpochsAsync(["iris"], 1, default));
        Assert.False(await Shared.SetEpochAsync("iris", 2, default));
        Assert.All(new[] { "get", "get_many", "claim", "epochs", "set_epoch" }, operation => Assert.Equal(1, _harness.Requests(operation, "error")));
    }

    [Theory]
    [InlineData("damaged")]
    [InlineData("foreign")]
    [InlineData("unauthentic")]
    public async Task Get_NotWhatWasWritten_IsACountedMissAndTheStoreStaysIn(string outcome)
    {
        await _harness.SetAndWaitAsync(1, 2);
        byte[] bytes = Store.Peek(StoredPredictionTests.KeyOf(2))!;
        Store.Put(StoredPredictionTests.KeyOf(1), outcome switch
        {
            "damaged" => bytes[..^1],
            "foreign" => bytes,
            _ => Encrypted(),
        });
        for (int i = 0; i < 50; i++)
        {
            Assert.Null(await _harness.GetAsync(1));
        }

        Assert.Equal(50, _harness.Values(outcome));
        Assert.True(Shared.IsAvailable);
        Assert.Equal(0, Store.Outstanding);
    }

    [Fact]
    public async Task Get_EncryptedValues_OpenForThoseWithTheKeyOnly()
    {
        using CacheEncryption keys = StoredPredictionTests.EncryptionOf("a", "a");
        await using var writer = new SharedHarness(new SharedPredictionOptions { Encryption = keys });
        await writer.SetAndWaitAsync(1);
        Assert.NotNull(await writer.GetAsync(1));

        Store.Put(StoredPredictionTests.KeyOf(1), writer.Store.Peek(StoredPredictionTests.KeyOf(1))!);
        Assert.Null(await _harness.GetAsync(1));
        Assert.Equal(1, _harness.Values("unauthentic"));
    }

    [Fact]
    public async Task GetMany_SomeThereSomeNotSomeDamaged_EachAtItsPlace()
    {
        await _harness.SetAndWaitAsync(1, 3);
        Store.Put(StoredPredictionTests.KeyOf(4), [1, 2, 3]);

        SharedValue?[]? values = await Shared.GetManyAsync([.. Enumerable.Range(1, 4).Select(StoredPredictionTests.KeyOf)], default);

        Assert.Equal([1, 0, 3, 0], values!.Select(value => value is null ? 0 : BitConverter.ToInt32(value.Value.Payload)));
        Assert.Equal((2, 1, 1), (_harness.Values("hit"), _harness.Values("miss"), _harness.Values("foreign")));
        Assert.Equal((1, 0), (Store.Calls("get_many"), Store.Outstanding));
    }

    [Fact]
    public async Task GetMany_StoreHangs_DisposesWhatComesLater()
    {
        await _harness.SetAndWaitAsync(1, 2);
        Store.ObeysCancellation = false;
        Store.Hold();
        ValueTask<SharedValue?[]?> get = Shared.GetManyAsync([StoredPredictionTests.KeyOf(1), StoredPredictionTests.KeyOf(2)], default);
        _harness.Time.Advance(Timeout);
        Assert.Null(await get);
        Store.Release();
        await SharedHarness.UntilAsync(() => Store.HandedOut == 2 && Store.Outstanding == 0);
    }

    [Fact]
    public async Task GetMany_MoreThanAPieceHolds_EachAtItsPlace()
    {
        await _harness.SetAndWaitAsync(0, 255, 256, 599);

        SharedValue?[]? values = await Shared.GetManyAsync(Keys(600), default);

        Assert.Equal([0, 255, 256, 599], Found(values!));
        Assert.Equal((3, 0), (Store.Calls("get_many"), Store.Outstanding));
    }

    [Fact]
    public async Task GetMany_APieceFails_GivesWhatCameBeforeAndAsksNoMore()
    {
        await _harness.SetAndWaitAsync(0, 256, 599);
        Store.OnCall = (_, _) => Store.Calls("get_many") == 2 ? throw new IOException("away") : default;

        Assert.Equal([0], Found((await Shared.GetManyAsync(Keys(600), default))!));
        Assert.Equal(2, Store.Calls("get_many"));
    }

    [Fact]
    public async Task GetMany_TimeIsSpentBetweenTwoPieces_GivesWhatCame()
    {
        await _harness.SetAndWaitAsync(0, 256, 599);
        Store.OnCall = (_, _) =>
        {
            _harness.Time.Advance(Timeout * 0.6);
            return default;
        };

        Assert.Equal([0, 256], Found((await Shared.GetManyAsync(Keys(600), default))!));
        Assert.Equal(2, Store.Calls("get_many"));
    }

    [Fact]
    public async Task GetMany_LaterPieceIsCutOffByTheTimeOfTheWhole_GivesWhatCameAndSaysNothingAboutTheStore()
    {
        await _harness.SetAndWaitAsync(0, 256);
        Store.OnCall = (_, _) =>
        {
            _harness.Time.Advance(Store.Calls("get_many") == 1 ? Timeout * 0.6 : TimeSpan.Zero);
            return Store.Calls("get_many") == 1 ? default : new ValueTask(new TaskCompletionSource().Task);
        };
        Task<SharedValue?[]?> get = Shared.GetManyAsync(Keys(600), default).AsTask();
        Assert.False(get.IsCompleted);

        _harness.Time.Advance(Timeout * 0.4);

        Assert.Equal([0], Found((await get)!));
        Assert.Equal((0, 1), (_harness.Requests("get_many", "timeout"), _harness.Requests("get_many", "cancelled")));
    }

    [Fact]
    public async Task GetMany_CallerLeavesDuringALaterPiece_Throws()
    {
        using var leaving = new CancellationTokenSource();
        Store.OnCall = async (_, token) =>
        {
            if (Store.Calls("get_many") == 2)
            {
                await leaving.CancelAsync();
                token.ThrowIfCancellationRequested();
            }
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Shared.GetManyAsync(Keys(600), leaving.Token));
    }

    [Fact]
    public async Task TripTime_ManyGets_FollowsWhatTheyTake()
    {
        Assert.Equal(TimeSpan.Zero, Shared.TripTime);
        Store.OnCall = (_, _) =>
        {
            _harness.Time.Advance(TimeSpan.FromMilliseconds(2));
            return default;
        };
        for (int i = 0; i < 7; i++)
        {
            await _harness.GetAsync(1);
        }

        Assert.Equal(TimeSpan.Zero, Shared.TripTime);
        await _harness.GetAsync(1);
        Assert.Equal(TimeSpan.FromMilliseconds(2), Shared.TripTime);

        Store.OnCall = (_, _) =>
        {
            _harness.Time.Advance(TimeSpan.FromMilliseconds(10));
            return default;
        };
        await _harness.GetAsync(1);
        Assert.Equal(TimeSpan.FromMilliseconds(3), Shared.TripTime);
        for (int i = 0; i < 50; i++)
        {
            await _harness.GetAsync(1);
        }

        Assert.InRange(Shared.TripTime, TimeSpan.FromMilliseconds(9.9), TimeSpan.FromMilliseconds(10));
        Store.OnCall = (_, _) => default;
        for (int i = 0; i < 5; i++)
        {
            await _harness.GetAsync(1);
        }

        Assert.InRange(Shared.TripTime, TimeSpan.Zero, TimeSpan.FromMilliseconds(0.5));
    }

    [Fact]
    public async Task TryClaim_TwoGateways_OneHasItUntilItIsReleased()
    {
        await using var other = new SharedHarness(store: Store.Connect());
        PredictionKey key = StoredPredictionTests.KeyOf(1);
        Assert.True(await Shared.TryClaimAsync(key, TimeSpan.FromSeconds(1), default));
        Assert.False(await other.Shared.TryClaimAsync(key, TimeSpan.FromSeconds(1), default));
        Shared.ReleaseClaim(key);
        await SharedHarness.UntilAsync(() => _harness.Requests("release", "success") == 1);
        Assert.True(await other.Shared.TryClaimAsync(key, TimeSpan.FromSeconds(1), default));
    }

    [Fact]
    public async Task Epochs_SetByOneGateway_AreHeardByTheOther()
    {
        MemoryPredictionStore connection = Store.Connect();
        await using var other = new SharedHarness(store: connection);
        var heard = new List<string?>();
        other.Shared.OnEpochChanged(heard.Add);
        Assert.Equal([10L, 10L], await Shared.GetEpochsAsync(["iris", "iris/3"], 10, default));
        Assert.Equal([10L], await other.Shared.GetEpochsAsync(["iris"], 20, default));

        Assert.True(await Shared.SetEpochAsync("iris", 30, default));

        Assert.Equal(["iris"], heard);
        Assert.Equal([30L], await other.Shared.GetEpochsAsync(["iris"], 40, default));
    }

    [Fact]
    public async Task GetEpochs_StoreIsSlow_AreWaitedForLongerThanARequestWaits()
    {
        Store.Hold();
        Task<IReadOnlyList<long?>?> epochs = Shared.GetEpochsAsync(["iris"], 10, default).AsTask();
        _harness.Time.Advance(_harness.Options.BackgroundTimeout - Moment);
        Assert.False(epochs.IsCompleted);
        Store.Release();
        Assert.Equal([10L], await epochs);
    }

    [Fact]
    public async Task SetEpoch_StoreIsTakenOut_IsTriedAllTheSameWithItsOwnTimeout()
    {
        await _harness.OpenAsync();
        Store.Failure = null;
        Assert.True(await Shared.SetEpochAsync("iris", 2, default));

        Store.Hold();
        Task<bool> set = Shared.SetEpochAsync("iris", 3, default).AsTask();
        _harness.Time.Advance(TimeSpan.FromMilliseconds(200));
        Assert.False(set.IsCompleted);
        _harness.Time.Advance(TimeSpan.FromMilliseconds(800));
        Assert.False(await set);
    }

    [Fact]
    public async Task Calls_FailingLate_LeaveNoUnobservedException()
    {
        string marker = Guid.NewGuid().ToString("N");
        int unobserved = 0;
        EventHandler<UnobservedTaskExceptionEventArgs> handler = (_, e) => Interlocked.Add(ref unobserved, e.Exception.ToString().Contains(marker, StringComparison.Ordinal) ? 1 : 0);
        TaskScheduler.UnobservedTaskException += handler;
        try
        {
            await FailLateAsync(marker);
            for (int i = 0; i < 3; i++)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
        }
        finally
        {
            TaskScheduler.UnobservedTaskException -= handler;
        }

        Assert.Equal(0, unobserved);
    }

    [Fact]
    public async Task Dispose_StoreHangs_EndsAndDisposesIt()
    {
        Store.Hold();
        _harness.Set(1);
        await SharedHarness.UntilAsync(() => Store.Calls("set") == 1);
        await Shared.DisposeAsync();
        Assert.True(Store.IsDisposed);
        _harness.Set(2);
        Assert.Equal(1, Store.Calls("set"));
    }

    [Fact]
    public async Task Dispose_StoreFailsToClose_DoesNotThrow()
    {
        var harness = new SharedHarness(store: new ThrowingStore());
        await harness.DisposeAsync();
    }

    // Real time, real races: whatever the store does, nobody sees an exception and every value is given back.
    [Fact]
    public async Task Calls_StoreWithRandomFaults_NeverThrowAndGiveEverythingBack()
    {
        var store = new MemoryPredictionStore();
        RandomFaults.AddTo(store);
        var options = new SharedPredictionOptions { Timeout = TimeSpan.FromMilliseconds(2), ProbeInterval = TimeSpan.FromMilliseconds(1), LongestProbeInterval = TimeSpan.FromMilliseconds(2) };
        await using (var shared = new SharedPredictions(store, options, _harness.Metrics, TimeProvider.System, _harness.Log))
        {
            // Where the breaker happens to be open all the time, once more.
            do
            {
                await Parallel.ForAsync(0, 20_000, UseAsync);
            }
            while (store.HandedOut == 0 || _harness.Requests("get", "error") == 0);

            async ValueTask UseAsync(int i, CancellationToken token)
            {
                PredictionKey key = StoredPredictionTests.KeyOf(i % 50);
                if (i % 3 == 0)
                {
                    shared.Set(key, BitConverter.GetBytes(i % 50), SharedHarness.Made, TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1));
                }

                SharedValue? value = await shared.GetAsync(key, token);
                Assert.True(value is null || BitConverter.ToInt32(value.Value.Payload) == i % 50);
                await shared.GetManyAsync([key], token);
            }
        }

        await SharedHarness.UntilAsync(() => store.Outstanding == 0);
        Assert.True(store.HandedOut > 0);
        Assert.True(_harness.Requests("get", "error") > 0);
    }

    private static byte[] Encrypted()
    {
        using CacheEncryption keys = StoredPredictionTests.EncryptionOf("a", "a");
        byte[] stored = new byte[StoredPrediction.LongestLength(1, keys)];
        return stored[..StoredPrediction.Seal(StoredPredictionTests.KeyOf(1), [1], SharedHarness.Made, TimeSpan.Zero, keys, null, stored)];
    }

    // A method of its own, so that nothing here keeps the tasks alive.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static PredictionKey[] Keys(int count) => [.. Enumerable.Range(0, count).Select(StoredPredictionTests.KeyOf)];

    private static IEnumerable<int> Found(SharedValue?[] values) => Enumerable.Range(0, values.Length).Where(place => values[place] is { } value && BitConverter.ToInt32(value.Payload) == place);

    private static async Task FailLateAsync(string marker)
    {
        await using var harness = new SharedHarness();
        harness.Store.ObeysCancellation = false;
        harness.Store.Hold();
        Task<SharedValue?> get = harness.GetAsync(1);
        ValueTask<SharedValue?[]?> getMany = harness.Shared.GetManyAsync([StoredPredictionTests.KeyOf(1)], default);
        harness.Time.Advance(Timeout);
        Assert.Null(await get);
        Assert.Null(await getMany);
        int failed = 0;
        harness.Store.OnCall = (_, _) =>
        {
            Interlocked.Increment(ref failed);
            throw new InvalidOperationException(marker);
        };
        harness.Store.Release();
        await SharedHarness.UntilAsync(() => failed == 2);
    }
}
