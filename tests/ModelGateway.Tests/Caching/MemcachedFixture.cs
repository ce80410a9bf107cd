using ModelGateway.TestKit.Hosting;

namespace ModelGateway.Tests.Caching;

/// <summary>Two gateways over one Memcached.</summary>
public sealed class MemcachedFixture : StoreFixture
{
    private MemcachedServer? _server;

    public override string StoreName => "memcached";

    public override string PrefixSetting => "Cache__Memcached__KeyPrefix";

    protected override (string Key, string Value)[] Settings => [("Cache__Memcached__Servers", _server!.Address)];

    public override async Task<IReadOnlyList<StoredItem>> ReadAllAsync()
    {
        await using MemcachedClient client = await MemcachedClient.ConnectAsync(_server!.Port);
        return await client.ReadAllAsync();
    }

    protected override async Task StartServerAsync() => _server = await MemcachedServer.StartAsync();

    protected override ValueTask StopServerAsync() => _server?.DisposeAsync() ?? default;
}
