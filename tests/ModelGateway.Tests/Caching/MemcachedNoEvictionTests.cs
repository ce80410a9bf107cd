using ModelGateway.TestKit.Hosting;
using Xunit;

namespace ModelGateway.Tests.Caching;

/// <summary>Memcached that refuses what it has no room for (<c>-M</c>).</summary>
public sealed class MemcachedNoEvictionTests : StoreFaultTests
{
    private MemcachedServer _server = null!;
    private int _copies;

    protected override (string Key, string Value)[] Settings => [("Cache__Memcached__Servers", _server.Address)];

    [Fact]
    public async Task Predict_MemcachedFull_GoesOnReading()
    {
        await using MemcachedClient client = await MemcachedClient.ConnectAsync(_server.Port);
        StoredItem? prediction = null;
        await FailAsync(
            async () =>
            {
                prediction = await client.ReadPredictionAsync();
                await OpensAsync("write", async () =>
                {
                    while (await client.CopyAsync(prediction, _copies))
                    {
                        _copies++;
                    }
                });
                await HitsAsync(20);
            },
            async () =>
            {
                for (int copy = 0; copy < _copies; copy++)
                {
                    await client.DeleteCopyAsync(prediction!, copy);
                }
            });
    }

    // Room for some thousand predictions.
    protected override async Task StartServerAsync() => _server = await MemcachedServer.StartAsync("-M", "-m", "2");

    protected override ValueTask StopServerAsync() => _server.DisposeAsync();
}
