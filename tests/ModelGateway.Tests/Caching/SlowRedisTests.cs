using ModelGateway.TestKit.Hosting;

namespace ModelGateway.Tests.Caching;

/// <summary>Redis, slow.</summary>
public sealed class SlowRedisTests : SlowStoreTests
{
    private RedisServer? _server;

    protected override (string Key, string Value)[] Settings => [("Cache__Redis__Configuration", Link.Address)];

    protected override async Task StartServerAsync()
    {
        _server = await RedisServer.StartAsync();
        Link = SlowLink.Start(_server.Port);
    }

    protected override async ValueTask StopServerAsync()
    {
        await Link.DisposeAsync();
        await _server!.DisposeAsync();
    }
}
