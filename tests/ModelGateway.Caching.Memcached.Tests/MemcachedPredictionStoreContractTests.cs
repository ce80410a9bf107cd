using ModelGateway.Serving.Caching;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Hosting;

namespace ModelGateway.Caching.Memcached.Tests;

public sealed class MemcachedPredictionStoreContractTests : PredictionStoreContract
{
    private MemcachedServer? _server;

    protected override bool Announces => false;

    protected override async Task StartServerAsync()
    {
        if (_server is null)
        {
            _server = await MemcachedServer.StartAsync();
        }
        else
        {
            await _server.RestartAsync();
        }
    }

    protected override Task KillServerAsync() => _server!.KillAsync();

    protected override void PauseServer() => _server!.Pause();

    protected override void ResumeServer() => _server!.Resume();

    protected override async Task DisposeServerAsync() => await _server!.DisposeAsync();

    protected override IPredictionStore CreateStore() => StoreSettings.Open($"Servers={_server!.Address}");
}
