using ModelGateway.Serving.Caching;
using ModelGateway.TestKit.Hosting;
using StackExchange.Redis;
using Xunit;

namespace ModelGateway.Caching.Redis.Tests;

/// <summary>Servers that answer, but not as hoped.</summary>
public sealed class RedisServerStateTests
{
    [Fact]
    public async Task ProbeAsync_ReadOnlyReplica_Fails()
    {
        await using RedisServer primary = await RedisServer.StartAsync();
        await using RedisServer replica = await RedisServer.StartAsync($"replicaof 127.0.0.1 {primary.Port}");
        await using IPredictionStore store = RedisSection.Open($"Configuration={replica.Address}");

        await store.FailsAsync("requires writable");
    }

    [Fact]
    public async Task ProbeAsync_PrimaryBecameAReplica_FailsUntilItIsOneAgain()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using RedisServer other = await RedisServer.StartAsync();
        await using IPredictionStore store = RedisSection.Open($"Configuration={server.Address}");
        await store.AnswersAsync();

        await server.RunAsync("REPLICAOF", "127.0.0.1", $"{other.Port}");
        Exception exception = (await store.ProbeAsync())!;
        await server.RunAsync("REPLICAOF", "NO", "ONE");

        Assert.Contains("READONLY", exception.Message, StringComparison.Ordinal);
        await store.AnswersAsync();
    }

    [Fact]
    public async Task AnyCall_ServerKilled_IsNotQueuedForABetterDay()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        using var logs = new LogLines();
        await using IPredictionStore store = RedisSection.Open(logs, $"Configuration={server.Address}");
        await store.AnswersAsync();
        await server.KillAsync();
        await store.FailsAsync("Redis cannot be reached: Connection refused");

        // The client's patience with a queued command would end as a RedisTimeoutException.
        for (int call = 0; call < 20; call++)
        {
            Assert.IsType<RedisConnectionException>(await store.ProbeAsync());
        }

        await server.RestartAsync();
        await store.AnswersAsync();
        await StoreCalls.UntilAsync(() => Task.FromResult(logs.Lines.Count > 1));
        Assert.Collection(
            logs.Lines.Take(2),
            line => Assert.Contains("Warning 1600", line, StringComparison.Ordinal),
            line => Assert.Contains("Information 1601", line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task ProbeAsync_Full_FailsWhileReadsAreAnswered()
    {
        await using RedisServer server = await RedisServer.StartAsync("maxmemory-policy noeviction");
        await using IPredictionStore store = RedisSection.Open($"Configuration={server.Address}");
        await store.AnswersAsync();
        PredictionKey key = StoreCalls.NewKey();
        await store.SetAsync(key, 1, 2, 3);

        await server.RunAsync("CONFIG", "SET", "maxmemory", "1");

        Assert.Contains("OOM", (await store.ProbeAsync())!.Message, StringComparison.Ordinal);
        Assert.Equal([1, 2, 3], await store.GetAsync(key));
    }

    [Fact]
    public async Task AnyCall_ForeignValues_FailOrGiveWay()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using IPredictionStore store = RedisSection.Open($"Configuration={server.Address}");
        await store.AnswersAsync();
        PredictionKey key = StoreCalls.NewKey();
        await store.SetAsync(key, 1);
        string name = (await server.RunAsync("KEYS", "*:v"));
        await server.RunAsync("DEL", name);
        await server.RunAsync("RPUSH", name, "a list");
        await server.RunAsync("SET", "modelgateway:1:epoch:iris", "no number");

        Exception exception = await Assert.ThrowsAsync<RedisServerException>(() => store.GetAsync(key));
        await store.SetAsync(key, 2);

        Assert.Contains("WRONGTYPE", exception.Message, StringComparison.Ordinal);
        Assert.Equal([2], await store.GetAsync(key));
        Assert.Equal(5, await store.EpochAsync("iris", 5));
        Assert.Equal(5, await store.EpochAsync("iris", 6));
    }

    [Fact]
    public async Task SetAsync_EveryKey_ExpiresAndStandsBelowThePrefix()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using IPredictionStore store = RedisSection.Open($"Configuration={server.Address}", "KeyPrefix=team");
        await store.AnswersAsync();
        PredictionKey key = StoreCalls.NewKey();
        await store.SetAsync(key, 1);
        Assert.True(await store.TryClaimAsync(key, TimeSpan.FromMinutes(10), CancellationToken.None));
        await store.EpochAsync("iris", 1);

        string[] names = (await server.RunAsync("KEYS", "*")).Split('\n');

        Assert.All(names, name => Assert.StartsWith("team:1:", name, StringComparison.Ordinal));
        foreach (string name in names.Where(name => !name.Contains(":epoch:", StringComparison.Ordinal)))
        {
            Assert.NotEqual("-1", await server.RunAsync("PTTL", name));
        }
    }

    [Fact]
    public async Task OtherPrefixes_OfTwoGateways_ShareNothing()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using IPredictionStore one = RedisSection.Open($"Configuration={server.Address}", "KeyPrefix=one");
        await using IPredictionStore two = RedisSection.Open($"Configuration={server.Address}", "KeyPrefix=two");
        await one.AnswersAsync();
        await two.AnswersAsync();
        PredictionKey key = StoreCalls.NewKey();

        await one.SetAsync(key, 1);
        await one.EpochAsync("iris", 1);

        Assert.Null(await two.GetAsync(key));
        Assert.Equal(2, await two.EpochAsync("iris", 2));
    }
}
