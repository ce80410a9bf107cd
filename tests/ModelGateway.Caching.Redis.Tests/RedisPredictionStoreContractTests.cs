using ModelGateway.Serving.Caching;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Hosting;

namespace ModelGateway.Caching.Redis.Tests;

public sealed class RedisPredictionStoreContractTests : PredictionStoreContract
{
    private RedisServer? _server;

    protected override async Task StartServerAsync()
    {
        if (_server is null)
        {
            _server = await RedisServer.StartAsync();
        }
        else
        {
            await _server.RestartAsync();
        }
    }

    protected override Task KillServerAsync() => _server!.KillAsync();

    protected override void PauseServer() => _server!.Pause();

    protected override void ResumeServer() => _server!.Resume();

    protected override Task DisposeServerAsync() => _server!.DisposeAsync().AsTask();

    protected override IPredictionStore CreateStore() => RedisSection.Open($"Configuration={_server!.Address}");
}
