using ModelGateway.TestKit.Hosting;

namespace ModelGateway.Tests.Caching;

/// <summary>Memcached, slow.</summary>
public sealed class SlowMemcachedTests : SlowStoreTests
{
    private MemcachedServer? _server;

    protected override (string Key, string Value)[] Settings => [("Cache__Memcached__Servers", Link.Address)];

    protected override async Task StartServerAsync()
    {
        _server = await MemcachedServer.StartAsync();
        Link = SlowLink.Start(_server.Port);
    }

    protected override async ValueTask StopServerAsync()
    {
        await Link.DisposeAsync();
        await _server!.DisposeAsync();
    }
}
