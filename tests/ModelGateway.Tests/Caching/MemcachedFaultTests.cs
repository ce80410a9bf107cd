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
    public Task Start_MemcachedAway_IsReadyAndUsesItWhenItComes() => StartWithoutAsync(_server.KillAsync, _server.RestartAsync);

    protected override async Task StartServerAsync() => _server = await MemcachedServer.StartAsync();

    protected override ValueTask StopServerAsync() => _server.DisposeAsync();
}
