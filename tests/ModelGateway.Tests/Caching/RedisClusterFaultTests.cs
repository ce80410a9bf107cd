using System.Globalization;
using ModelGateway.TestKit.Hosting;
using Xunit;

namespace ModelGateway.Tests.Caching;

/// <summary>One of three nodes under fault. Its share of the keys is enough to open the breaker; after a while the others refuse theirs too, as Redis does by default.</summary>
public sealed class RedisClusterFaultTests : StoreFaultTests
{
    private RedisCluster _cluster = null!;

    protected override (string Key, string Value)[] Settings =>
        [("Cache__Redis__Configuration", string.Join(',', _cluster.Nodes.Select(node => node.Address)))];

    // Not the first, which a client asks for the others.
    private RedisServer Node => _cluster.Nodes[1];

    [Fact]
    public Task Predict_NodeKilled_GoesOnWithoutIt() => FailAsync(
        () => OpensAsync("read", Node.KillAsync),
        async () =>
        {
            await Node.RestartAsync();
            await AnswersAgainAsync();
        });

    [Fact]
    public Task Predict_NodePaused_GoesOnWithoutIt() => FailAsync(
        () => OpensAsync("read", () =>
        {
            Node.Pause();
            return Task.CompletedTask;
        }),
        async () =>
        {
            Node.Resume();
            await AnswersAgainAsync();
        });

    [Fact]
    public Task Predict_NodeKilledUntilTheClusterIsDown_GoesOnWithoutIt() => FailAsync(
        async () =>
        {
            await OpensAsync("read", Node.KillAsync);
            await Replica.UntilAsync(async () => (await _cluster.Nodes[0].RunAsync("CLUSTER", "INFO")).Contains("cluster_state:fail", StringComparison.Ordinal), "the cluster is down");
            await Replica.UntilAsync(async () => await Replica.MetricAsync("modelgateway_cache_store_breaker_open", "calls=\"read\"") == 1, "the breaker opens again");
        },
        async () =>
        {
            await Node.RestartAsync();
            await AnswersAgainAsync();
        });

    protected override async Task StartServerAsync() => _cluster = await RedisCluster.StartAsync("cluster-node-timeout 1000");

    protected override ValueTask StopServerAsync() => _cluster.DisposeAsync();

    // The node itself, for the others give hits enough for any test.
    private async Task AnswersAgainAsync()
    {
        long before = await HitsOfNodeAsync();
        await Replica.UntilAsync(async () => await HitsOfNodeAsync() >= before + 20, "the node's keys are asked for again");
    }

    private async Task<long> HitsOfNodeAsync()
    {
        const string Name = "keyspace_hits:";
        string line = (await Node.RunAsync("INFO", "stats")).Split('\n').Single(line => line.StartsWith(Name, StringComparison.Ordinal));
        return long.Parse(line.AsSpan(Name.Length).Trim(), CultureInfo.InvariantCulture);
    }
}
