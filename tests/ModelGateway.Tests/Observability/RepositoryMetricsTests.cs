using System.Diagnostics;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Tests.Observability;

/// <summary>What the alert on a stale repository looks at.</summary>
public sealed class RepositoryMetricsTests
{
    [Fact]
    public async Task Repository_ThatIsAway_IsUnreadableUntilItIsBack()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository => repository.AddVersion("m", 1, TestModels.AddConstant(1)), ("Gateway:PollInterval", "00:00:00.500"));
        string root = host.Repository.Root;
        string repository = $"{{repository=\"file://{root}\"}}";
        await WaitForAsync(host, $"modelgateway_repository_unreadable{repository} 0");
        await WaitForAsync(host, $"modelgateway_repository_poll_interval_seconds{repository} 0.5");

        Directory.Move(root, $"{root}-away");
        await WaitForAsync(host, $"modelgateway_repository_unreadable{repository} 1");

        Directory.Move($"{root}-away", root);
        await WaitForAsync(host, $"modelgateway_repository_unreadable{repository} 0");
    }

    private static async Task WaitForAsync(GatewayHost host, string line)
    {
        for (var waited = Stopwatch.StartNew(); ; await Task.Delay(20))
        {
            string page = await host.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative));
            if (page.Split('\n').Contains(line))
            {
                return;
            }

            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(60), $"{line} is not in {page}");
        }
    }
}
