using System.Diagnostics;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Tests.Observability;

/// <summary>A process with nothing to do gives its free memory back.</summary>
public sealed class IdleMemoryTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task Process_IdleAfterItsStart_GivesMemoryBack()
    {
        using var repository = new RepositoryFolder();
        repository.AddVersion("m", 1, TestModels.AddConstant(1));
        await using GatewayProcess gateway = GatewayProcess.Start(new Dictionary<string, string?>
        {
            ["Gateway__Repository"] = repository.Root,
            ["Gateway__PollInterval"] = "01:00:00",
            ["Gateway__Auth__Enabled"] = "false",
            ["Gateway__Logging__Level"] = "Debug",
        });
        await gateway.WaitUntilReadyAsync();

        for (var waited = Stopwatch.StartNew(); !gateway.Output.Contains("Free memory was given back", StringComparison.Ordinal); await Task.Delay(100))
        {
            Assert.True(waited.Elapsed < Patience, gateway.Output);
        }
    }
}
