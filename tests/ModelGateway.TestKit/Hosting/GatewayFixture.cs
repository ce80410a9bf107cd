using Xunit;

namespace ModelGateway.TestKit.Hosting;

/// <summary>One gateway process for all tests of a class, open and with a repository of its choice. Derive to choose.</summary>
/// <param name="repository">The repository's path.</param>
public abstract class GatewayFixture(string repository) : IAsyncLifetime
{
    private GatewayProcess? _gateway;

    /// <summary>The running gateway.</summary>
    public GatewayProcess Gateway => _gateway ?? throw new InvalidOperationException("The fixture is not initialized.");

    /// <inheritdoc/>
    public Task InitializeAsync()
    {
        _gateway = GatewayProcess.Start(new Dictionary<string, string?>
        {
            ["Gateway__Repository"] = repository,
            ["Gateway__Auth__Enabled"] = "false",
            ["Gateway__Logging__Level"] = "Fatal",
        });
        return _gateway.WaitUntilReadyAsync();
    }

    /// <inheritdoc/>
    public Task DisposeAsync() => Gateway.DisposeAsync().AsTask();
}
