using System.Globalization;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Lifecycle;

/// <summary>What watching costs, and when the watcher looks: on a clock of the test's.</summary>
public sealed class IdleWatchTests
{
    [Fact]
    public async Task IdleHour_StoreWithMarker_CostsOneRequestAnInterval()
    {
        MemoryObjectStore store = Filled(hasMarker: true, models: 200, versions: 3);
        using var watch = new WatchHarness(store);
        await watch.Watcher.StartAsync(CancellationToken.None);
        await watch.Time.NextPauseAsync();
        watch.Time.Advance(WatchHarness.Interval);
        await watch.SettleAsync();
        await watch.Time.NextPauseAsync();
        int copies = store.Copies;
        string before = await watch.RequestsAsync(store);
        Assert.Equal((2, 1), (store.Lists, store.Unchanged));

        await PassAsync(watch, TimeSpan.FromHours(1), waiting: true);

        // Of each file that was read the store was asked once what its checksum is. Then 120 intervals of 30 seconds, each with one request, whatever the number of models.
        Assert.Equal((122, 121, copies), (store.Lists, store.Unchanged, store.Copies));
        Assert.Equal($"get success {copies}, head success 400, head unchanged 1, list success 1", before);
        Assert.Equal($"get success {copies}, head success 400, head unchanged 121, list success 1", await watch.RequestsAsync(store));
        Assert.Equal(121, await watch.MetricAsync("repository_scans_total{repository=\"s3://models\",outcome=\"unchanged\"}"));
        await watch.Watcher.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task IdleHour_StoreWithoutMarker_CostsOneListingAnInterval()
    {
        MemoryObjectStore store = Filled(hasMarker: false, models: 20, versions: 3);
        using var watch = new WatchHarness(store);
        await watch.Watcher.StartAsync(CancellationToken.None);

        await PassAsync(watch, TimeSpan.FromHours(1));
        await watch.SettleAsync();

        Assert.Equal(121, store.Lists);
        Assert.Equal($"get success {store.Copies}, head success 40, list success 121", await watch.RequestsAsync(store));
        await watch.Watcher.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task IdleHour_LastCheck_IsKeptThoughNothingChanges()
    {
        MemoryObjectStore store = Filled(hasMarker: true, models: 1, versions: 1);
        using var watch = new WatchHarness(store);
        DateTimeOffset start = watch.Time.GetUtcNow();
        await watch.Watcher.StartAsync(CancellationToken.None);

        await PassAsync(watch, TimeSpan.FromHours(1));

        double seconds = (await watch.MetricAsync("repository_last_scan_timestamp_seconds{repository=\"s3://models\"}"))!.Value;
        Assert.Equal((start + TimeSpan.FromHours(1)).ToUnixTimeMilliseconds() / 1000.0, seconds, precision: 2);
        await watch.Watcher.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Pauses_JitterGiven_LieAroundTheInterval()
    {
        var numbers = new Queue<double>([0, 1, 0.25, 0.75]);
        using var watch = new WatchHarness(new WatchSetup { Random = numbers.Dequeue }, Filled(hasMarker: true, models: 1, versions: 1));
        await watch.Watcher.StartAsync(CancellationToken.None);

        List<double> pauses = [];
        for (int i = 0; i < 3; i++)
        {
            pauses.Add((await watch.Time.StepAsync()).TotalSeconds);
        }

        pauses.Add((await watch.Time.NextPauseAsync()).TotalSeconds);
        await watch.Watcher.StopAsync(CancellationToken.None);
        Assert.Equal([29.5, 30.5, 29.75, 30.25], pauses);
    }

    [Fact]
    public async Task Watch_TextCannotBeRead_IsReadAgainBeforeTheIntervalIsOver()
    {
        MemoryObjectStore store = Filled(hasMarker: true, models: 1, versions: 1);
        store.UnreadableKey = "model-0/model.yaml";
        using var watch = new WatchHarness(new WatchSetup { Interval = TimeSpan.FromHours(1) }, store);
        await watch.Watcher.StartAsync(CancellationToken.None);

        Assert.Equal(watch.Options.RetryDelay, await watch.Time.NextPauseAsync());
        Assert.Null(watch.Answering("model-0"));
        store.UnreadableKey = null;
        watch.Time.Advance(watch.Options.RetryDelay);
        Assert.True(await watch.Time.NextPauseAsync() > TimeSpan.FromMinutes(50));
        await watch.SettleAsync();

        Assert.NotNull(watch.Answering("model-0"));
        await watch.Watcher.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task StoreAwayForAnHour_BacksOffKeepsAnsweringAndRecovers()
    {
        MemoryObjectStore store = Filled(hasMarker: true, models: 2, versions: 1);
        using var watch = new WatchHarness(new WatchSetup { Interval = TimeSpan.FromSeconds(2) }, store);
        await watch.ScanAndSettleAsync();
        await watch.Watcher.StartAsync(CancellationToken.None);
        await watch.Time.NextPauseAsync();
        store.Failure = new IOException("the store is away");
        int before = store.Lists;
        watch.Time.Advance(TimeSpan.FromSeconds(2));

        List<double> pauses = [];
        TimeSpan passed = TimeSpan.Zero;
        while (passed < TimeSpan.FromHours(1))
        {
            TimeSpan pause = await watch.Time.NextPauseAsync();
            pauses.Add(pause.TotalSeconds);
            passed += pause;
            Assert.Equal("the store is away", watch.Watcher.Problem);
            if (passed >= TimeSpan.FromHours(1))
            {
                store.Failure = null;
                store.Put("model-0/2/model.onnx", [2], watch.Time.GetUtcNow() + pause);
            }

            watch.Time.Advance(pause);
        }

        // 2 + 4 + 8 + 16 + 32 seconds, then a minute each.
        Assert.Equal([2, 4, 8, 16, 32, 60, 60], pauses[..7]);
        Assert.All(pauses[5..], pause => Assert.Equal(60, pause));
        Assert.Equal("s3://models/model-0/1", watch.Answering("model-0"));

        // It settles, and is loaded; from now on the interval holds again.
        Assert.Equal(watch.Options.SettleTime, await watch.Time.NextPauseAsync());
        Assert.Equal(1 + pauses.Count, store.Lists - before);
        watch.Time.Advance(watch.Options.SettleTime);
        await watch.UntilAsync(() => watch.Answering("model-0") == "s3://models/model-0/2");
        Assert.Equal(2, (await watch.Time.NextPauseAsync()).TotalSeconds);
        Assert.Null(watch.Watcher.Problem);
        Assert.Equal(1, watch.Log.All.Count(line => line.Contains("cannot be read", StringComparison.Ordinal)));
        Assert.Equal(1, watch.Log.All.Count(line => line.Contains("can be read again", StringComparison.Ordinal)));
        await watch.Watcher.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task StoreAway_FailedLoads_AreTriedAgainAtEveryTick()
    {
        MemoryObjectStore store = Filled(hasMarker: true, models: 1, versions: 1);
        int loads = 0;
        using var watch = new WatchHarness(store);
        watch.Runtime.OnLoad = (_, _) => Interlocked.Increment(ref loads) == 1 ? throw new IOException("the disk is full") : new FakeInstance();
        await watch.Watcher.StartAsync(CancellationToken.None);
        await watch.Time.NextPauseAsync();
        await watch.UntilAsync(() => watch.Manager.Find("model-0")?.Find(1)?.State == ServableState.Failed);

        // The listing fails, and yet the load, whose files are there, is tried again.
        store.OnList = static _ => throw new IOException("the listing is refused");
        watch.Time.Advance(WatchHarness.Interval);

        await watch.UntilAsync(() => watch.Answering("model-0") is not null);
        await watch.Watcher.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Settling_StoreWithMarker_LooksAgainAfterTheSettleTimeWithoutAListing()
    {
        var store = new MemoryObjectStore("s3://models", hasMarker: true);
        using var watch = new WatchHarness(store);
        store.Put("m/1/model.onnx", [1], watch.Time.GetUtcNow());
        await watch.Watcher.StartAsync(CancellationToken.None);

        Assert.Equal(watch.Options.SettleTime, await watch.Time.StepAsync());
        await watch.UntilAsync(() => watch.Answering("m") is not null);

        Assert.Equal(WatchHarness.Interval, await watch.Time.NextPauseAsync());
        Assert.Equal((2, 1), (store.Lists, store.Unchanged));
        await watch.Watcher.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Wake_DuringAPause_LooksAtOnce()
    {
        MemoryObjectStore store = Filled(hasMarker: true, models: 1, versions: 1);
        using var watch = new WatchHarness(store);
        await watch.Watcher.StartAsync(CancellationToken.None);
        await watch.Time.NextPauseAsync();
        watch.Time.Advance(TimeSpan.FromSeconds(1));

        watch.Watcher.Repositories[0].Wake();
        await watch.Time.NextPauseAsync();

        // Without any more time passing; and once.
        Assert.Equal(2, store.Lists);
        await watch.Watcher.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Wake_DuringABackOff_LooksAtOnceAndEndsIt()
    {
        MemoryObjectStore store = Filled(hasMarker: true, models: 1, versions: 1);
        store.Failure = new IOException("away");
        using var watch = new WatchHarness(store);
        await watch.Watcher.StartAsync(CancellationToken.None);
        await watch.Time.StepAsync();
        Assert.Equal(60, (await watch.Time.NextPauseAsync()).TotalSeconds);

        store.Failure = null;
        watch.Time.Advance(TimeSpan.FromSeconds(1));
        watch.Watcher.Repositories[0].Wake();

        Assert.Equal(WatchHarness.Interval, await watch.Time.NextPauseAsync());
        await watch.UntilAsync(() => watch.Answering("model-0") is not null);
        await watch.Watcher.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Wake_ManyTimesDuringALook_LooksOnceMore()
    {
        MemoryObjectStore store = Filled(hasMarker: true, models: 1, versions: 1);
        using var watch = new WatchHarness(store);
        WatchedRepository repository = watch.Watcher.Repositories[0];
        int looks = 0;
        store.OnList = async _ =>
        {
            await Task.Yield();
            if (Interlocked.Increment(ref looks) == 1)
            {
                Parallel.For(0, 1000, _ => repository.Wake());
            }
        };
        await watch.Watcher.StartAsync(CancellationToken.None);

        // The pause after the first look is over before it began, but for the shortest that lies between two looks.
        await watch.Time.NextPauseAsync();
        Assert.Equal(TimeSpan.FromMilliseconds(500), await watch.Time.NextPauseAsync());
        Assert.Equal(1, store.Lists);
        watch.Time.Advance(TimeSpan.FromMilliseconds(500));
        await watch.Time.NextPauseAsync();

        Assert.Equal(2, store.Lists);
        await watch.Watcher.StopAsync(CancellationToken.None);
    }

    private static async Task PassAsync(WatchHarness watch, TimeSpan time, bool waiting = false)
    {
        TimeSpan passed = TimeSpan.Zero;
        while (passed < time)
        {
            // A caller that took the pause already knows how long it is.
            TimeSpan pause = waiting ? WatchHarness.Interval : await watch.Time.NextPauseAsync();
            waiting = false;
            passed += pause;
            watch.Time.Advance(pause);
        }

        await watch.Time.NextPauseAsync();
    }

    private static MemoryObjectStore Filled(bool hasMarker, int models, int versions)
    {
        var store = new MemoryObjectStore("s3://models", hasMarker);
        for (int model = 0; model < models; model++)
        {
            store.Put(string.Create(CultureInfo.InvariantCulture, $"model-{model}/model.yaml"), "description: idle"u8.ToArray());
            for (int version = 1; version <= versions; version++)
            {
                store.Put(string.Create(CultureInfo.InvariantCulture, $"model-{model}/{version}/model.onnx"), [(byte)version]);
            }
        }

        return store;
    }
}
