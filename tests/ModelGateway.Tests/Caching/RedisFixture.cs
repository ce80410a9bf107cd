using ModelGateway.TestKit.Hosting;
using StackExchange.Redis;

namespace ModelGateway.Tests.Caching;

/// <summary>Two gateways over one Redis.</summary>
public sealed class RedisFixture : StoreFixture
{
    private RedisServer? _server;

    public override string StoreName => "redis";

    public override string PrefixSetting => "Cache__Redis__KeyPrefix";

    protected override (string Key, string Value)[] Settings => [("Cache__Redis__Configuration", _server!.Address)];

    public override Task<IReadOnlyList<StoredItem>> ReadAllAsync() => ReadAllAsync(_server!.Address);

    /// <summary>What is in a server.</summary>
    /// <param name="configuration">As the client wants it.</param>
    public static async Task<IReadOnlyList<StoredItem>> ReadAllAsync(string configuration)
    {
        await using ConnectionMultiplexer client = await ConnectionMultiplexer.ConnectAsync(configuration);
        List<StoredItem> items = [];
        foreach (RedisKey key in client.GetServers().SelectMany(server => server.Keys()))
        {
            // Gone meanwhile, perhaps.
            RedisValueWithExpiry found = await client.GetDatabase().StringGetWithExpiryAsync(key);
            if (found.Value.HasValue)
            {
                items.Add(new StoredItem(key.ToString(), (byte[])found.Value!, found.Expiry is not null));
            }
        }

        return items;
    }

    protected override async Task StartServerAsync() => _server = await RedisServer.StartAsync();

    protected override ValueTask StopServerAsync() => _server?.DisposeAsync() ?? default;
}
