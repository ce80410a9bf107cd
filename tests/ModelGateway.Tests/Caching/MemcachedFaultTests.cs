using System.Globalization;
using ModelGateway.TestKit.Hosting;
using Xunit;

namespace ModelGateway.Tests.Caching;

/// <summary>Memcached under fault.</summary>
public sealed class MemcachedFaultTests : StoreFaultTests
{
    private MemcachedServer _server = null!;

    protected override (string Key, string Value)[] Settings => [("Cache__Memcached__Servers", _server.Address)];

    [Fact]
    public Task Predict_MemcachedKilled_GoesOnWithoutIt() => FailAsync(() => OpensAsync("read", _server.KillAsync), _server.RestartAsync);

    [Fact]
    public Task Predict_MemcachedPaused_GoesOnWithoutIt() => FailAsync(
        () => OpensAsync("read", () =>
        {
            _server.Pause();
            return Task.CompletedTask;
        }),
        () =>
        {
            _server.Resume();
            return Task.CompletedTask;
        });

    [Fact]
    public Task Predict_MemcachedRestarted_GoesOnWithoutIt() => FailAsync(_server.KillAsync, _server.RestartAsync);

    [Fact]
    public Task Predict_MemcachedFull_DropsOthersAndGoesOn() => FailAsync(
        async () =>
        {
            await using MemcachedClient client = await MemcachedClient.ConnectAsync(_server.Port);
            StoredItem prediction = await client.ReadPredictionAsync();
            for (int copy = 0; copy % 100 != 0 || await client.StatisticAsync("evictions") == 0; copy++)
            {
                await client.CopyAsync(prediction, copy);
            }

            // From here on every prediction that is stored drops something.
            long full = await client.StatisticAsync("evictions");
            await Replica.UntilAsync(async () => await client.StatisticAsync("evictions") >= full + 50, "predictions take the place of others");
            await HitsAsync(20);
        },
        () => Task.CompletedTask);

    [Fact]
    public Task Predict_ValuesForged_AreNeverAnswers() => FailAsync(
        async () =>
        {
            await using MemcachedClient client = await MemcachedClient.ConnectAsync(_server.Port);
            foreach (StoredForgery forgery in StoredForgery.All)
            {
                await NoticesAsync(forgery, () => ForgeAsync(client, item => item.IsPrediction, forgery));
            }

            // The last, for with new epochs nothing of the old is asked for.
            IReadOnlyList<StoredItem> epochs = await ForgeAsync(client, IsEpoch, StoredForgery.All[0]);
            foreach (string key in epochs.Select(epoch => epoch.Key))
            {
                await Replica.UntilAsync(async () => long.TryParse(await client.ReadAsync(key), CultureInfo.InvariantCulture, out _), $"{key} is a number again");
            }
        },
        () => Task.CompletedTask);

    [Fact]
    public Task Start_MemcachedAway_IsReadyAndUsesItWhenItComes() => StartWithoutAsync(_server.KillAsync, _server.RestartAsync);

    // Room for some thousand predictions, so that a test can fill it.
    protected override async Task StartServerAsync() => _server = await MemcachedServer.StartAsync("-m", "2");

    protected override ValueTask StopServerAsync() => _server.DisposeAsync();

    private static bool IsEpoch(StoredItem item) => item.Key.Contains(":1:e:", StringComparison.Ordinal);

    // Gives what was there.
    private static async Task<IReadOnlyList<StoredItem>> ForgeAsync(MemcachedClient client, Func<StoredItem, bool> isForged, StoredForgery forgery)
    {
        StoredItem[] items = [.. (await client.ReadAllAsync()).Where(item => isForged(item) && item.Value.Length > 0)];
        Assert.NotEmpty(items);
        for (int place = 0; place < items.Length; place++)
        {
            await client.WriteAsync(items[place].Key, forgery.Make(items[place].Value, items[(place + 1) % items.Length].Value));
        }

        return items;
    }
}
