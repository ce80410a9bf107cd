using System.Buffers;
using System.Threading.Channels;
using ModelGateway.Serving.Caching;
using ModelGateway.TestKit.Hosting;
using Xunit;

namespace ModelGateway.Caching.Redis.Tests;

/// <summary>Several servers.</summary>
public sealed class RedisTopologyTests
{
    [Fact]
    public async Task Cluster_ThreeNodes_SharesTheKeysAndTellsAll()
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync();
        await using IPredictionStore store = RedisSection.Open($"Configuration={cluster.Nodes[0].Address}");
        await using IPredictionStore other = RedisSection.Open($"Configuration={cluster.Nodes[1].Address},{cluster.Nodes[2].Address}");
        var heard = Channel.CreateUnbounded<string?>();
        other.OnEpochChanged(scope => heard.Writer.TryWrite(scope));
        await store.AnswersAsync();
        await other.AnswersAsync();
        PredictionKey[] keys = [.. Enumerable.Range(0, 300).Select(_ => StoreCalls.NewKey())];

        for (int index = 0; index < keys.Length; index++)
        {
            await store.SetAsync(keys[index], (byte)index);
            Assert.True(await store.TryClaimAsync(keys[index], TimeSpan.FromMinutes(10), CancellationToken.None));
        }

        IReadOnlyList<IMemoryOwner<byte>?> values = await other.GetManyAsync(keys, CancellationToken.None);
        Assert.Equal(Enumerable.Range(0, 300).Select(index => (byte)index), values.Select(value => value!.Memory.Span[0]));
        Assert.False(await other.TryClaimAsync(keys[0], TimeSpan.FromMinutes(10), CancellationToken.None));
        await store.ReleaseClaimAsync(keys[0], CancellationToken.None);
        Assert.True(await other.TryClaimAsync(keys[0], TimeSpan.FromMinutes(10), CancellationToken.None));

        foreach (RedisServer node in cluster.Nodes)
        {
            // A hundred each, give or take; a claim beside each value.
            string[] names = (await node.RunAsync("KEYS", "modelgateway:1:{*")).Split('\n');
            string[] valueNames = [.. names.Where(name => name.EndsWith(":v", StringComparison.Ordinal))];
            Assert.InRange(valueNames.Length, 50, 150);
            Assert.All(valueNames, name => Assert.Contains(name[..^1] + "c", names));
        }

        Assert.Equal([4, 4, 4, 4], await store.GetEpochsAsync(["a", "b", "c", "d"], 4, CancellationToken.None));
        Assert.Equal([4, 4, 4, 4], await other.GetEpochsAsync(["a", "b", "c", "d"], 5, CancellationToken.None));
        await StoreCalls.UntilAsync(async () =>
        {
            await store.SetEpochAsync("iris", 1, CancellationToken.None);
            return heard.Reader.TryRead(out string? scope) && scope == "iris";
        });
    }

    [Fact]
    public async Task Cluster_NodeDies_EpochsOnTheOthersAreStillRead()
    {
        await using RedisCluster cluster = await RedisCluster.StartAsync();
        foreach (RedisServer node in cluster.Nodes)
        {
            // Else the others refuse everything as soon as they miss one of them.
            await node.RunAsync("CONFIG", "SET", "cluster-require-full-coverage", "no");
        }

        await using IPredictionStore store = RedisSection.Open($"Configuration={cluster.Nodes[0].Address}");
        await store.AnswersAsync();
        string[] scopes = [.. Enumerable.Range(0, 32).Select(number => $"model-{number}")];
        Assert.All(await store.GetEpochsAsync(scopes, 7, CancellationToken.None), epoch => Assert.Equal(7, epoch));

        await cluster.Nodes[2].KillAsync();

        IReadOnlyList<long?> epochs = [];
        await StoreCalls.UntilAsync(async () =>
        {
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(2));
            epochs = await store.GetEpochsAsync(scopes, 8, deadline.Token);
            return epochs.Any(epoch => epoch is null);
        });
        Assert.All(epochs, epoch => Assert.True(epoch is null or 7));
        Assert.InRange(epochs.Count(epoch => epoch is null), 1, 31);
    }

    [Fact]
    public async Task Sentinel_PrimaryDies_GoesOnWithTheNext()
    {
        await using RedisServer primary = await RedisServer.StartAsync("repl-diskless-sync-delay 0");
        await using RedisServer replica = await RedisServer.StartAsync($"replicaof 127.0.0.1 {primary.Port}");
        await StoreCalls.UntilAsync(async () => (await replica.RunAsync("INFO", "replication")).Contains("master_link_status:up", StringComparison.Ordinal));
        await using RedisServer sentinel = await RedisServer.StartAsync(
            $"sentinel monitor models 127.0.0.1 {primary.Port} 1", "sentinel down-after-milliseconds models 300", "sentinel failover-timeout models 2000");
        await StoreCalls.UntilAsync(async () => (await sentinel.RunAsync("SENTINEL", "REPLICAS", "models")).Contains($"{replica.Port}", StringComparison.Ordinal));
        await using IPredictionStore store = RedisSection.Open($"Configuration={sentinel.Address},serviceName=models");
        await store.AnswersAsync();
        PredictionKey key = StoreCalls.NewKey();
        await store.SetAsync(key, 1);
        Assert.Equal("1", await primary.RunAsync("EXISTS", (await primary.RunAsync("KEYS", "*:v"))));
        await StoreCalls.UntilAsync(async () => await replica.RunAsync("KEYS", "*:v") != "");

        await primary.KillAsync();
        await store.AnswersAsync();

        Assert.Equal([1], await store.GetAsync(key));
        Assert.Contains("role:master", await replica.RunAsync("INFO", "replication"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sentinel_NotThereYet_IsFoundLater()
    {
        await using RedisServer primary = await RedisServer.StartAsync();
        await using RedisServer sentinel = await RedisServer.StartAsync($"sentinel monitor models 127.0.0.1 {primary.Port} 1");
        await sentinel.KillAsync();
        await using IPredictionStore store = RedisSection.Open($"Configuration={sentinel.Address},serviceName=models,connectTimeout=1000,connectRetry=1");
        Assert.NotNull(await store.ProbeAsync());

        await sentinel.RestartAsync();

        await store.AnswersAsync();
    }
}
