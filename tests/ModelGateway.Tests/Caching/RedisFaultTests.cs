using System.Security.Cryptography;
using ModelGateway.TestKit.Hosting;
using StackExchange.Redis;
using Xunit;

namespace ModelGateway.Tests.Caching;

/// <summary>Redis under fault.</summary>
public sealed class RedisFaultTests : StoreFaultTests
{
    private const string Password = "right-horse";
    private RedisServer _server = null!;

    protected override (string Key, string Value)[] Settings => [("Cache__Redis__Configuration", $"{_server.Address},password={Password}")];

    [Fact]
    public Task Predict_RedisKilled_GoesOnWithoutIt() => FailAsync(() => OpensAsync("read", _server.KillAsync), _server.RestartAsync);

    [Fact]
    public Task Predict_RedisRestarted_GoesOnWithoutIt() => FailAsync(_server.KillAsync, _server.RestartAsync);

    [Fact]
    public Task Predict_RedisPaused_GoesOnWithoutIt() => FailAsync(
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
    public Task Predict_RedisReadOnly_GoesOnReading() => FailAsync(
        async () =>
        {
            // Nobody listens there, so it keeps what it has.
            await OpensAsync("write", () => CommandAsync(Password, "REPLICAOF", "127.0.0.1", "1"));
            await HitsAsync(20);
        },
        () => CommandAsync(Password, "REPLICAOF", "NO", "ONE"));

    [Fact]
    public Task Predict_RedisFull_GoesOnReading() => FailAsync(
        async () =>
        {
            await CommandAsync(Password, "CONFIG", "SET", "maxmemory-policy", "noeviction");
            await OpensAsync("write", () => CommandAsync(Password, "CONFIG", "SET", "maxmemory", "1"));
            await HitsAsync(20);

            // Full it is found again after it was away.
            await OpensAsync("read", () =>
            {
                _server.Pause();
                return Task.CompletedTask;
            });
            _server.Resume();
            await HitsAsync(20);
        },
        () => CommandAsync(Password, "CONFIG", "SET", "maxmemory", "0"));

    [Fact]
    public Task Predict_RedisPasswordChanged_GoesOnWithoutItUntilItIsRightAgain() => FailAsync(
        () => OpensAsync("read", async () =>
        {
            await CommandAsync(Password, "CONFIG", "SET", "requirepass", "another");
            await CommandAsync("another", "CLIENT", "KILL", "TYPE", "pubsub");
            await CommandAsync("another", "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
        }),
        () => CommandAsync("another", "CONFIG", "SET", "requirepass", Password));

    [Fact]
    public Task Predict_ValuesForged_AreNeverAnswers() => FailAsync(
        async () =>
        {
            await using ConnectionMultiplexer client = await ConnectionMultiplexer.ConnectAsync($"{_server.Address},password={Password}");
            foreach (StoredForgery forgery in StoredForgery.All)
            {
                await NoticesAsync(forgery, () => ForgeAsync(client, "*:v", forgery));
            }

            // The last, for with new epochs nothing of the old is asked for.
            await ForgeAsync(client, "*:epoch:*", StoredForgery.All[0]);
            foreach (string key in client.GetServers()[0].Keys(pattern: "*:epoch:*").Select(key => key.ToString()))
            {
                await Replica.UntilAsync(async () => (await client.GetDatabase().StringGetAsync(key)).TryParse(out long _), $"{key} is a number again");
            }
        },
        () => Task.CompletedTask);

    [Fact]
    public Task Predict_EveryKeyOfAnotherType_GoesOn() => FailAsync(
        async () =>
        {
            await using ConnectionMultiplexer client = await ConnectionMultiplexer.ConnectAsync($"{_server.Address},password={Password}");
            double before = await Replica.MetricAsync("modelgateway_cache_store_requests_total", "operation=\"get\"", "outcome=\"error\"");
            foreach (RedisKey key in client.GetServers()[0].Keys())
            {
                await client.GetDatabase().KeyDeleteAsync(key);
                await client.GetDatabase().ListRightPushAsync(key, "a list");
            }

            await Replica.UntilAsync(
                async () => await Replica.MetricAsync("modelgateway_cache_store_requests_total", "operation=\"get\"", "outcome=\"error\"") > before, "the lists are noticed");
        },
        () => Task.CompletedTask);

    [Fact]
    public Task Start_RedisAway_IsReadyAndUsesItWhenItComes() => StartWithoutAsync(_server.KillAsync, _server.RestartAsync);

    [Fact]
    public async Task Secrets_StoreThereOrAway_AreNowhereToRead()
    {
        // The words of which none may be read; the last is that of the keys.
        string key = Convert.ToBase64String(SHA256.HashData("a key"u8));
        string[] secrets = [Password, key];
        await using StoreReplica replica = await StartReplicaAsync(
            ("Logging__Level", "Verbose"), ("Logging__Requests", "All"), ("Cache__KeySecret", key), ("Cache__Encryption__Keys__0__Id", "one"), ("Cache__Encryption__Keys__0__Key", key));
        await replica.UntilSharedAsync("slow");
        await replica.AskAndStoreAsync("slow", 1);
        List<string> pages = [await PagesAsync(replica)];

        await CommandAsync(Password, "CONFIG", "SET", "requirepass", "another");
        await CommandAsync("another", "CLIENT", "KILL", "TYPE", "pubsub");
        await CommandAsync("another", "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
        await BreaksAsync(replica);
        pages.Add(await PagesAsync(replica));
        await _server.KillAsync();
        await replica.AskAsync("slow", 3);
        pages.Add(await PagesAsync(replica));
        replica.Process.Terminate();
        await replica.Process.WaitForExitAsync(TimeSpan.FromSeconds(30));

        string all = string.Concat(pages) + replica.Process.Output;
        Assert.Contains("Redis cannot be reached", all, StringComparison.Ordinal);
        Assert.Contains("is left alone", all, StringComparison.Ordinal);
        Assert.All(secrets, secret => Assert.DoesNotContain(secret, all, StringComparison.OrdinalIgnoreCase));
    }

    protected override async Task StartServerAsync() => _server = await RedisServer.StartAsync($"requirepass {Password}");

    protected override ValueTask StopServerAsync() => _server.DisposeAsync();

    private static async Task ForgeAsync(ConnectionMultiplexer client, string pattern, StoredForgery forgery)
    {
        IDatabase database = client.GetDatabase();
        RedisKey[] keys = [.. client.GetServers()[0].Keys(pattern: pattern)];
        byte[]?[] values = [.. (await database.StringGetAsync(keys)).Select(value => (byte[]?)value)];
        for (int place = 0; place < keys.Length; place++)
        {
            if (values[place] is { Length: > 0 } own && values[(place + 1) % keys.Length] is { } next)
            {
                await database.StringSetAsync(keys[place], forgery.Make(own, next), null, keepTtl: true, When.Always, CommandFlags.FireAndForget);
            }
        }

        await database.PingAsync();
    }

    private static async Task BreaksAsync(StoreReplica replica)
    {
        long x = 100;
        await replica.UntilAsync(
            async () =>
            {
                await replica.AskAsync("slow", x++);
                return await replica.MetricAsync("modelgateway_cache_store_breaker_open", "calls=\"read\"") == 1;
            },
            "the breaker opens");
    }

    private static async Task<string> PagesAsync(StoreReplica replica)
    {
        string[] pages = await Task.WhenAll(new[] { "/metrics", "/health/ready", "/health/live", "/v2" }.Select(page => replica.Process.Client.GetStringAsync(new Uri(page, UriKind.Relative))));
        return string.Concat(pages);
    }

    private Task<string> CommandAsync(string password, params string[] command) => _server.RunAsync(["-a", password, "--no-auth-warning", .. command]);
}
