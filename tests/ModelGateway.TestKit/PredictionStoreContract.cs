using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Threading.Channels;
using ModelGateway.Serving.Caching;
using Xunit;

namespace ModelGateway.TestKit;

/// <summary>
/// What every shared store of predictions must do, whatever lies behind it; each backend's tests inherit these. Each test has a real server of its
/// own, which it may pause, kill and start again. Deadlines are those of a slow machine: nothing is said about how fast a call is.
/// </summary>
public abstract class PredictionStoreContract : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(10);
    private readonly ConcurrentBag<IPredictionStore> _opened = [];

    /// <summary>A store that has answered once.</summary>
    protected IPredictionStore Store { get; private set; } = null!;

    /// <summary>Whether a new epoch is told to every gateway at once.</summary>
    protected virtual bool Announces => true;

    public async Task InitializeAsync()
    {
        await StartServerAsync();
        Store = await OpenAnsweringAsync();
    }

    public async Task DisposeAsync()
    {
        foreach (IPredictionStore store in _opened)
        {
            await store.DisposeAsync();
        }

        await DisposeServerAsync();
    }

    [Fact]
    public void Store_Always_HasANameAndALimit()
    {
        Assert.Matches("^[a-z]+$", Store.Name);
        Assert.InRange(Store.MaxValueBytes, 256 * 1024, int.MaxValue);
    }

    [Fact]
    public async Task GetAsync_NeverSet_IsNull()
    {
        Assert.Null(await GetAsync(Store, NewKey()));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(1000)]
    [InlineData(200_000)]
    [InlineData(int.MaxValue)]
    public async Task GetAsync_SetByAnotherGateway_GivesTheBytes(int size)
    {
        PredictionKey key = NewKey();
        byte[] value = RandomNumberGenerator.GetBytes(Math.Min(size, Math.Min(Store.MaxValueBytes, 16 * 1024 * 1024)));
        IPredictionStore other = await OpenAnsweringAsync();

        await SetAsync(other, key, value);

        Assert.Equal(value, await GetAsync(Store, key));
    }

    [Fact]
    public async Task GetAsync_ValueThatLooksLikeTheProtocol_GivesTheBytes()
    {
        PredictionKey key = NewKey();
        byte[] value = "\r\n$-1\r\nEN\r\nEND\r\nVA 2 s2\r\n*1\r\n+OK\r\n\0\r\n"u8.ToArray();

        await SetAsync(Store, key, value);

        Assert.Equal(value, await GetAsync(Store, key));
    }

    [Fact]
    public async Task SetAsync_Twice_KeepsTheLast()
    {
        PredictionKey key = NewKey();

        await SetAsync(Store, key, [1, 2, 3]);
        await SetAsync(Store, key, [4]);

        Assert.Equal([4], await GetAsync(Store, key));
    }

    [Fact]
    public async Task SetAsync_LifetimeOver_IsNull()
    {
        PredictionKey brief = NewKey();
        PredictionKey kept = NewKey();
        using CancellationTokenSource deadline = Deadline();

        await Store.SetAsync(brief, new byte[] { 1 }, TimeSpan.FromSeconds(1), deadline.Token);
        await Store.SetAsync(kept, new byte[] { 2 }, Long, deadline.Token);

        await EventuallyAsync(async () => await GetAsync(Store, brief) is null);
        Assert.Equal([2], await GetAsync(Store, kept));
    }

    [Fact]
    public async Task SetAsync_LifetimeOfMonths_IsKept()
    {
        PredictionKey key = NewKey();
        using CancellationTokenSource deadline = Deadline();

        await Store.SetAsync(key, new byte[] { 1 }, TimeSpan.FromDays(90), deadline.Token);

        Assert.Equal([1], await GetAsync(Store, key));
    }

    [Fact]
    public async Task SetAsync_BufferUsedAgainAfterTheCall_KeepsWhatWasGiven()
    {
        PredictionKey key = NewKey();
        byte[] value = RandomNumberGenerator.GetBytes(100_000);
        byte[] buffer = [.. value];

        await SetAsync(Store, key, buffer);
        Array.Clear(buffer);

        Assert.Equal(value, await GetAsync(Store, key));
    }

    [Fact]
    public async Task SetAsync_CancelledAndItsBufferUsedAgain_NeverKeepsOtherBytes()
    {
        // Large ones from many sides at once, so that some wait in a queue of the client while their callers leave.
        int size = Math.Min(Store.MaxValueBytes, 1_000_000);
        (PredictionKey Key, byte[] Value)[] entries = [.. Enumerable.Range(0, 64).Select(_ => (NewKey(), RandomNumberGenerator.GetBytes(size)))];

        await Task.WhenAll(entries.Select(entry => Task.Run(async () =>
        {
            byte[] buffer = [.. entry.Value];
            using var leaving = new CancellationTokenSource();
            Task call = Store.SetAsync(entry.Key, buffer, Long, leaving.Token).AsTask();
            await leaving.CancelAsync();
            await call.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Array.Clear(buffer);
        })));

        await AnswersAsync(Store);
        foreach ((PredictionKey key, byte[] value) in entries)
        {
            byte[]? kept = await GetAsync(Store, key);
            Assert.True(kept is null || kept.AsSpan().SequenceEqual(value), "The store holds bytes that nobody gave it.");
        }
    }

    [Fact]
    public async Task GetManyAsync_SomeThere_GivesEachAtItsPlace()
    {
        PredictionKey[] keys = [.. Enumerable.Range(0, 100).Select(_ => NewKey())];
        foreach (int index in Enumerable.Range(0, keys.Length).Where(index => index % 3 != 1))
        {
            await SetAsync(Store, keys[index], [.. Enumerable.Repeat((byte)index, index)]);
        }

        using CancellationTokenSource deadline = Deadline();
        IReadOnlyList<IMemoryOwner<byte>?> values = await Store.GetManyAsync(keys, deadline.Token);

        Assert.Equal(keys.Length, values.Count);
        for (int index = 0; index < keys.Length; index++)
        {
            using IMemoryOwner<byte>? value = values[index];
            Assert.Equal(index % 3 == 1 ? null : Enumerable.Repeat((byte)index, index), value?.Memory.ToArray());
        }
    }

    [Fact]
    public async Task GetManyAsync_NoKeysOrTheSameTwice_GivesAsMany()
    {
        PredictionKey key = NewKey();
        await SetAsync(Store, key, [7]);
        using CancellationTokenSource deadline = Deadline();

        Assert.Empty(await Store.GetManyAsync([], deadline.Token));
        foreach (IMemoryOwner<byte>? value in await Store.GetManyAsync([key, key], deadline.Token))
        {
            Assert.Equal([7], value!.Memory.ToArray());
            value.Dispose();
        }
    }

    [Fact]
    public async Task GetAsync_ManyAtOnce_EachGetsItsOwn()
    {
        (PredictionKey Key, byte[] Value)[] entries = [.. Enumerable.Range(1, 300).Select(size => (NewKey(), RandomNumberGenerator.GetBytes(size * 40)))];

        await Task.WhenAll(entries.Select(entry => Task.Run(() => SetAsync(Store, entry.Key, entry.Value))));
        byte[]?[] values = await Task.WhenAll(entries.Select(entry => Task.Run(() => GetAsync(Store, entry.Key))));

        Assert.Equal(entries.Select(entry => entry.Value), values!);
    }

    [Fact]
    public async Task TryClaimAsync_ManyGatewaysAtOnce_GrantsOne()
    {
        PredictionKey key = NewKey();
        IPredictionStore[] stores = [Store, await OpenAnsweringAsync(), await OpenAnsweringAsync()];

        bool[] granted = await Task.WhenAll(Enumerable.Range(0, 60).Select(index => Task.Run(() => ClaimAsync(stores[index % stores.Length], key))));

        Assert.Single(granted, true);
    }

    [Fact]
    public async Task TryClaimAsync_AValueIsThere_DoesNotTouchIt()
    {
        PredictionKey key = NewKey();
        await SetAsync(Store, key, [1, 2]);

        Assert.True(await ClaimAsync(Store, key));
        Assert.Equal([1, 2], await GetAsync(Store, key));
        await ReleaseAsync(Store, key);

        Assert.Equal([1, 2], await GetAsync(Store, key));
    }

    [Fact]
    public async Task TryClaimAsync_OtherKey_IsGranted()
    {
        Assert.True(await ClaimAsync(Store, NewKey()));
        Assert.True(await ClaimAsync(Store, NewKey()));
    }

    [Theory]
    [InlineData(10)]
    [InlineData(1500)]
    public async Task TryClaimAsync_ClaimIsOver_IsGrantedToAnother(int milliseconds)
    {
        PredictionKey key = NewKey();
        IPredictionStore other = await OpenAnsweringAsync();
        using CancellationTokenSource deadline = Deadline();

        Assert.True(await Store.TryClaimAsync(key, TimeSpan.FromMilliseconds(milliseconds), deadline.Token));

        await EventuallyAsync(() => ClaimAsync(other, key));
    }

    [Fact]
    public async Task ReleaseClaimAsync_Granted_MakesWayForAnother()
    {
        PredictionKey key = NewKey();
        IPredictionStore other = await OpenAnsweringAsync();
        Assert.True(await ClaimAsync(Store, key));
        Assert.False(await ClaimAsync(other, key));

        await ReleaseAsync(Store, key);

        Assert.True(await ClaimAsync(other, key));
    }

    [Fact]
    public async Task ReleaseClaimAsync_ByAnother_ChangesNothing()
    {
        PredictionKey key = NewKey();
        IPredictionStore other = await OpenAnsweringAsync();
        IPredictionStore third = await OpenAnsweringAsync();
        Assert.True(await ClaimAsync(Store, key));

        await ReleaseAsync(other, key);

        Assert.False(await ClaimAsync(third, key));
    }

    [Fact]
    public async Task ReleaseClaimAsync_OwnIsOverAndAnotherHasIt_ChangesNothing()
    {
        PredictionKey key = NewKey();
        IPredictionStore other = await OpenAnsweringAsync();
        IPredictionStore third = await OpenAnsweringAsync();
        using CancellationTokenSource deadline = Deadline();
        Assert.True(await Store.TryClaimAsync(key, TimeSpan.FromMilliseconds(10), deadline.Token));
        await EventuallyAsync(() => ClaimAsync(other, key));

        await ReleaseAsync(Store, key);

        Assert.False(await ClaimAsync(third, key));
    }

    [Fact]
    public async Task ReleaseClaimAsync_NobodyHasIt_IsQuiet()
    {
        await ReleaseAsync(Store, NewKey());
    }

    [Fact]
    public async Task GetEpochsAsync_Absent_IsSetOnce()
    {
        IPredictionStore[] stores = [Store, await OpenAnsweringAsync(), await OpenAnsweringAsync()];

        long[][] answers = await Task.WhenAll(Enumerable.Range(1, 60).Select(index => Task.Run(() => EpochsAsync(stores[index % stores.Length], index, "iris", "iris/1"))));

        Assert.InRange(answers[0][0], 1, 60);
        Assert.InRange(answers[0][1], 1, 60);
        Assert.All(answers, answer => Assert.Equal(answers[0], answer));
        Assert.Equal(answers[0], await EpochsAsync(Store, 1000, "iris", "iris/1"));
    }

    [Fact]
    public async Task GetEpochsAsync_SomeAbsent_GivesEachAtItsPlace()
    {
        await SetEpochAsync(Store, "b", 2);
        await SetEpochAsync(Store, "d", long.MaxValue);

        Assert.Equal(new long[] { 7, 2, 7, long.MaxValue }, await EpochsAsync(Store, 7, "a", "b", "c", "d"));
        Assert.Empty(await EpochsAsync(Store, 7));
    }

    [Fact]
    public async Task GetEpochsAsync_LongestScope_IsItsOwn()
    {
        string scope = new string('m', 139) + "/" + new string('1', 19) + "A";
        string neighbour = scope[..^1] + "B";

        await SetEpochAsync(Store, scope, 5);

        Assert.Equal(new long[] { 5, 9 }, await EpochsAsync(Store, 9, scope, neighbour));
    }

    [Fact]
    public async Task SetEpochAsync_ByAnother_StandsForAll()
    {
        IPredictionStore other = await OpenAnsweringAsync();
        long first = (await EpochsAsync(Store, 10, "iris"))[0];

        await SetEpochAsync(other, "iris", 20);

        Assert.Equal(10, first);
        Assert.Equal(new long[] { 20 }, await EpochsAsync(Store, 30, "iris"));
    }

    [Fact]
    public async Task OnEpochChanged_EpochSetByOneGateway_IsToldToAll()
    {
        IPredictionStore setting = OpenStore();
        ChannelReader<string?> own = Listen(setting);
        IPredictionStore listening = OpenStore();
        ChannelReader<string?> another = Listen(listening);
        await AnswersAsync(setting);
        await AnswersAsync(listening);

        if (Announces)
        {
            await HearsAsync(own, "iris/3", () => SetEpochAsync(setting, "iris/3", 1));
            await HearsAsync(another, "iris/3", () => SetEpochAsync(setting, "iris/3", 2));
        }
        else
        {
            await SetEpochAsync(setting, "iris/3", 1);
            Assert.False(own.TryRead(out _) || another.TryRead(out _));
        }
    }

    [Fact]
    public async Task OnEpochChanged_ServerWasAway_SaysThatSomethingMayBeMissed()
    {
        if (!Announces)
        {
            return;
        }

        IPredictionStore store = OpenStore();
        ChannelReader<string?> heard = Listen(store);
        await AnswersAsync(store);
        await HearsAsync(heard, "iris", () => SetEpochAsync(store, "iris", 1));
        while (heard.TryRead(out _))
        {
            // What came before the server went.
        }

        await KillServerAsync();
        await FailsAsync(token => store.ProbeAsync(token).AsTask());
        await StartServerAsync();

        await HearsAsync(heard, null, () => Task.CompletedTask);
        await AnswersAsync(store);
        await HearsAsync(heard, "iris", () => SetEpochAsync(store, "iris", 2));
    }

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task AnyCall_ServerDoesNotAnswer_EndsWithItsToken(string call)
    {
        PauseServer();
        using var leaving = new CancellationTokenSource();

        Task pending = CallAsync(Store, call, leaving.Token);
        await leaving.CancelAsync();

        // A client's own timeout would be another exception.
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pending.WaitAsync(Patience));
    }

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task AnyCall_CancelledBefore_DoesNotAsk(string call)
    {
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => CallAsync(Store, call, new CancellationToken(canceled: true)));
    }

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task AnyCall_ServerGone_FailsByItself(string call)
    {
        await KillServerAsync();

        await FailsAsync(token => CallAsync(Store, call, token));
        await FailsAsync(token => CallAsync(Store, call, token));
    }

    [Fact]
    public async Task AnyCall_ServerBackAfterAKill_Works()
    {
        PredictionKey key = NewKey();
        await SetAsync(Store, key, [1]);
        await SetEpochAsync(Store, "iris", 1);
        await KillServerAsync();
        await FailsAsync(token => Store.ProbeAsync(token).AsTask());

        await StartServerAsync();
        await AnswersAsync(Store);

        Assert.Null(await GetAsync(Store, key));
        Assert.Equal(new long[] { 2 }, await EpochsAsync(Store, 2, "iris"));
        await SetAsync(Store, key, [3]);
        Assert.Equal([3], await GetAsync(Store, key));
        Assert.True(await ClaimAsync(Store, key));
        await ReleaseAsync(Store, key);
    }

    [Fact]
    public async Task GetAsync_AfterCallsThatWereLeft_GetsItsOwnValue()
    {
        PredictionKey left = NewKey();
        PredictionKey asked = NewKey();
        await SetAsync(Store, left, [1]);
        await SetAsync(Store, asked, [2]);
        PauseServer();
        using (var leaving = new CancellationTokenSource())
        {
            Task[] calls = [.. Enumerable.Range(0, 20).Select(_ => Store.GetAsync(left, leaving.Token).AsTask())];
            await leaving.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.WhenAll(calls));
        }

        ResumeServer();
        await AnswersAsync(Store);

        Assert.Equal([2], await GetAsync(Store, asked));
        Assert.Equal([1], await GetAsync(Store, left));
    }

    [Fact]
    public async Task OpenStore_ServerNotThereYet_WorksOnceItIs()
    {
        await KillServerAsync();
        IPredictionStore store = OpenStore();
        ChannelReader<string?> heard = Listen(store);
        await FailsAsync(token => store.GetAsync(NewKey(), token).AsTask());

        await StartServerAsync();
        await AnswersAsync(store);

        PredictionKey key = NewKey();
        await SetAsync(store, key, [1]);
        Assert.Equal([1], await GetAsync(store, key));
        if (Announces)
        {
            await HearsAsync(heard, "iris", () => SetEpochAsync(store, "iris", 1));
        }
    }

    [Fact]
    public async Task DisposeAsync_ServerDoesNotAnswer_Ends()
    {
        IPredictionStore store = await OpenAnsweringAsync();
        PauseServer();
        using var leaving = new CancellationTokenSource();
        Task pending = store.GetAsync(NewKey(), leaving.Token).AsTask();

        await store.DisposeAsync().AsTask().WaitAsync(Patience);
        await store.DisposeAsync().AsTask().WaitAsync(Patience);
        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<Exception>(() => pending.WaitAsync(Patience));
    }

    public static TheoryData<string> Calls() => ["get", "get many", "set", "claim", "release", "get epochs", "set epoch", "probe"];

    /// <summary>Starts the server, empty; again on the port it had when it was killed.</summary>
    protected abstract Task StartServerAsync();

    /// <summary>Ends the server without a goodbye, paused or not; returns when it is gone.</summary>
    protected abstract Task KillServerAsync();

    /// <summary>Has the server answer nothing while its connections stay open (SIGSTOP).</summary>
    protected abstract void PauseServer();

    /// <summary>Has a paused server go on (SIGCONT).</summary>
    protected abstract void ResumeServer();

    /// <summary>Ends the server for good, in whatever state a test left it.</summary>
    protected abstract Task DisposeServerAsync();

    /// <summary>A store on the server, as another gateway opens it; it may be away.</summary>
    protected abstract IPredictionStore CreateStore();

    /// <summary>A new store on the server, which is disposed after the test.</summary>
    protected IPredictionStore OpenStore()
    {
        IPredictionStore store = CreateStore();
        _opened.Add(store);
        return store;
    }

    /// <summary>A new store that has answered once: it connects in the background.</summary>
    protected async Task<IPredictionStore> OpenAnsweringAsync()
    {
        IPredictionStore store = OpenStore();
        await AnswersAsync(store);
        return store;
    }

    /// <summary>Waits until a probe succeeds.</summary>
    protected static Task AnswersAsync(IPredictionStore store) => EventuallyAsync(async () =>
    {
        using CancellationTokenSource deadline = Deadline();
        try
        {
            await store.ProbeAsync(deadline.Token);
            return true;
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            return false;
        }
    });

    /// <summary>Asserts that a call fails, and not because its token ended it.</summary>
    protected static async Task<Exception> FailsAsync(Func<CancellationToken, Task> call)
    {
        using CancellationTokenSource deadline = Deadline();
        Exception exception = await Assert.ThrowsAnyAsync<Exception>(() => call(deadline.Token));
        Assert.False(exception is OperationCanceledException, "The call waited until its token ended it.");
        return exception;
    }

    /// <summary>Waits until something holds.</summary>
    protected static async Task EventuallyAsync(Func<Task<bool>> holds)
    {
        for (var waited = Stopwatch.StartNew(); !await holds(); await Task.Delay(10))
        {
            Assert.True(waited.Elapsed < Patience, "It does not come to hold.");
        }
    }

    /// <summary>A key that no other test has.</summary>
    protected static PredictionKey NewKey() => new(RandomNumberGenerator.GetBytes(PredictionKey.Size));

    /// <summary>The bytes behind a key; null where there are none.</summary>
    protected static async Task<byte[]?> GetAsync(IPredictionStore store, PredictionKey key)
    {
        using CancellationTokenSource deadline = Deadline();
        using IMemoryOwner<byte>? value = await store.GetAsync(key, deadline.Token);
        return value?.Memory.ToArray();
    }

    /// <summary>Keeps a value for the length of a test.</summary>
    protected static async Task SetAsync(IPredictionStore store, PredictionKey key, byte[] value)
    {
        using CancellationTokenSource deadline = Deadline();
        await store.SetAsync(key, value, Long, deadline.Token);
    }

    private static async Task<bool> ClaimAsync(IPredictionStore store, PredictionKey key)
    {
        using CancellationTokenSource deadline = Deadline();
        return await store.TryClaimAsync(key, Long, deadline.Token);
    }

    private static async Task ReleaseAsync(IPredictionStore store, PredictionKey key)
    {
        using CancellationTokenSource deadline = Deadline();
        await store.ReleaseClaimAsync(key, deadline.Token);
    }

    private static async Task<long[]> EpochsAsync(IPredictionStore store, long ifAbsent, params string[] scopes)
    {
        using CancellationTokenSource deadline = Deadline();
        return [.. (await store.GetEpochsAsync(scopes, ifAbsent, deadline.Token)).Select(epoch => Assert.NotNull(epoch))];
    }

    private static async Task SetEpochAsync(IPredictionStore store, string scope, long epoch)
    {
        using CancellationTokenSource deadline = Deadline();
        await store.SetEpochAsync(scope, epoch, deadline.Token);
    }

    private static ChannelReader<string?> Listen(IPredictionStore store)
    {
        var heard = Channel.CreateUnbounded<string?>();
        store.OnEpochChanged(scope => heard.Writer.TryWrite(scope));
        return heard.Reader;
    }

    // Again and again: what is said before a subscription stands is not heard.
    private static Task HearsAsync(ChannelReader<string?> heard, string? scope, Func<Task> sayAsync) => EventuallyAsync(async () =>
    {
        await sayAsync();
        while (heard.TryRead(out string? said))
        {
            if (said == scope)
            {
                return true;
            }
        }

        return false;
    });

    private static Task CallAsync(IPredictionStore store, string call, CancellationToken token) => call switch
    {
        "get" => store.GetAsync(NewKey(), token).AsTask(),
        "get many" => store.GetManyAsync([NewKey(), NewKey()], token).AsTask(),
        "set" => store.SetAsync(NewKey(), new byte[] { 1 }, Long, token).AsTask(),
        "claim" => store.TryClaimAsync(NewKey(), Long, token).AsTask(),
        "release" => store.ReleaseClaimAsync(NewKey(), token).AsTask(),
        "get epochs" => store.GetEpochsAsync(["iris", "iris/1"], 1, token).AsTask(),
        "set epoch" => store.SetEpochAsync("iris", 1, token).AsTask(),
        "probe" => store.ProbeAsync(token).AsTask(),
        _ => throw new ArgumentOutOfRangeException(nameof(call), call, null),
    };

    private static CancellationTokenSource Deadline() => new(Patience);
}
