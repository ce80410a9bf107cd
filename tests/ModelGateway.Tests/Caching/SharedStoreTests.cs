using System.Net;
using System.Security.Cryptography;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Tests.Caching;

/// <summary>Gateways that share a store, a real one each.</summary>
public sealed class SharedStoreTests : IAsyncLifetime
{
    // A run takes some ten milliseconds: more than a trip to the store, or it would not be asked.
    private const long Turns = 20_000;
    private RedisServer? _redis;
    private int _bodies;

    private RedisServer Redis => _redis!;

    private (string Key, string Value) RedisSetting => ("Gateway:Cache:Redis:Configuration", Redis.Address);

    public async Task InitializeAsync() => _redis = await RedisServer.StartAsync();

    public async Task DisposeAsync() => await Redis.DisposeAsync();

    [Fact]
    public async Task Redis_RanOnOneGateway_IsAnsweredByTheOther()
    {
        await using GatewayHost one = await StartAsync(RedisSetting);
        await using GatewayHost other = await StartAsync(RedisSetting);

        CachedReply reply = await ShareAsync(one, other, "redis");

        Assert.NotNull(reply.Age);
        Assert.Matches("^ModelGateway; hit; ttl=3[56][0-9][0-9]; detail=redis$", reply.Cache);
    }

    [Fact]
    public async Task Memcached_RanOnOneGateway_IsAnsweredByTheOther()
    {
        await using MemcachedServer memcached = await MemcachedServer.StartAsync();
        (string, string) setting = ("Gateway:Cache:Memcached:Servers", memcached.Address);
        await using GatewayHost one = await StartAsync(setting);
        await using GatewayHost other = await StartAsync(setting);

        await ShareAsync(one, other, "memcached");
    }

    [Fact]
    public async Task Encrypted_KeyIsBeingChanged_IsReadByWhoHasTheOldOneToo()
    {
        string old = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
        string fresh = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
        (string, string)[] both =
        [
            RedisSetting, ("Gateway:Cache:KeySecret", fresh),
            ("Gateway:Cache:Encryption:Keys:0:Id", "old"), ("Gateway:Cache:Encryption:Keys:0:Key", old),
            ("Gateway:Cache:Encryption:Keys:1:Id", "new"), ("Gateway:Cache:Encryption:Keys:1:Key", fresh),
        ];
        await using GatewayHost one = await StartAsync(both);
        await using GatewayHost other = await StartAsync([.. both, ("Gateway:Cache:Encryption:KeyId", "new")]);

        await ShareAsync(one, other, "redis");
        await ShareAsync(other, one, "redis");
    }

    [Fact]
    public async Task Purge_OnOneGateway_ReachesTheOther()
    {
        await using GatewayHost one = await StartAsync(RedisSetting);
        await using GatewayHost other = await StartAsync(RedisSetting);
        await ShareAsync(one, other, "redis");
        string body = NextBody();
        await other.AskAsync("/predict/slow", body);
        Assert.NotNull((await other.AskAsync("/predict/slow", body)).HitFrom);

        Assert.Equal(HttpStatusCode.NoContent, await one.PurgeAsync("/v2/models/slow/cache"));

        // By announcement, so a moment later; and what the store has is out of reach too.
        CachedReply reply;
        do
        {
            reply = await other.AskAsync("/predict/slow", body, "only-if-cached");
        }
        while (reply.Status != HttpStatusCode.GatewayTimeout);

        Assert.Equal(HttpStatusCode.GatewayTimeout, (await one.AskAsync("/predict/slow", body, "only-if-cached")).Status);
        await ShareAsync(one, other, "redis");
    }

    [Fact]
    public async Task OnlyIfCached_IsAnsweredByTheStoreUnlessTheCallerWantsNoRememberedAnswer()
    {
        await using GatewayHost one = await StartAsync(RedisSetting);
        await using GatewayHost other = await StartAsync(RedisSetting);
        await ShareAsync(one, other, "redis");
        string body = NextBody();
        await one.AskAsync("/predict/slow", body);
        CachedReply reply;
        do
        {
            reply = await other.AskAsync("/predict/slow", body, "only-if-cached");
        }
        while (reply.Status != HttpStatusCode.OK);

        Assert.Equal("redis", reply.HitFrom);
        Assert.Equal(HttpStatusCode.GatewayTimeout, (await other.AskAsync("/predict/slow", body, "only-if-cached, no-cache")).Status);
    }

    [Fact]
    public async Task Store_KilledAndBack_FailsNoRequestAndIsNamedByTheReadyProbe()
    {
        await using GatewayHost one = await StartAsync(RedisSetting);
        await using GatewayHost other = await StartAsync(RedisSetting);
        await ShareAsync(one, other, "redis");
        Assert.Equal((HttpStatusCode.OK, """{"status":"ready","reason":null}"""), await ReadyAsync(one));

        await Redis.KillAsync();
        (HttpStatusCode Status, string Answer) ready;
        do
        {
            Assert.Equal(HttpStatusCode.OK, (await one.AskAsync("/predict/slow", NextBody())).Status);
            ready = await ReadyAsync(one);
            Assert.Equal(HttpStatusCode.OK, ready.Status);
        }
        while (ready.Answer.Contains("\"reason\":null", StringComparison.Ordinal));

        Assert.Contains("The shared cache redis fails (", ready.Answer, StringComparison.Ordinal);
        Assert.DoesNotContain(Redis.Address, ready.Answer, StringComparison.Ordinal);
        Assert.Contains("modelgateway_cache_store_breaker_open{calls=\"read\"} 1", await one.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative)), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Accepted, await one.PurgeAsync("/v2/models/slow/cache"));

        await Redis.RestartAsync();
        while (!(await ReadyAsync(one)).Answer.Contains("\"reason\":null", StringComparison.Ordinal))
        {
            Assert.Equal(HttpStatusCode.OK, (await one.AskAsync("/predict/slow", NextBody())).Status);
        }

        await ShareAsync(one, other, "redis");
    }

    [Fact]
    public async Task Store_AwayAtTheStart_IsNamedWithoutARequest()
    {
        await Redis.KillAsync();
        await using GatewayHost host = await StartAsync(RedisSetting);
        (HttpStatusCode Status, string Answer) ready;
        do
        {
            ready = await ReadyAsync(host);
            Assert.Equal(HttpStatusCode.OK, ready.Status);
        }
        while (!ready.Answer.Contains("The shared cache redis fails (", StringComparison.Ordinal));
    }

    // What one gateway ran is sooner or later answered by the other from the store: writes are made in the background.
    private async Task<CachedReply> ShareAsync(GatewayHost one, GatewayHost other, string store)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            string body = NextBody();
            CachedReply ran = await one.AskAsync("/predict/slow", body);
            CachedReply shared = await other.AskAsync("/predict/slow", body);
            Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK, ran.Body), (ran.Status, shared.Status, shared.Body));
            if (shared.HitFrom == store)
            {
                return shared;
            }

            patience.Token.ThrowIfCancellationRequested();
        }
    }

    private static Task<GatewayHost> StartAsync(params (string Key, string Value)[] settings) => GatewayHost.StartAsync(
        repository => repository.AddVersion("slow", 1, TestModels.Slow(Turns)),
        [("Gateway:Cache:StoreTimeout", "00:00:01"), .. settings]);

    private string NextBody() => $$"""{"inputs":{"x":[[{{Interlocked.Increment(ref _bodies)}}]]} }""";

    private static async Task<(HttpStatusCode Status, string Answer)> ReadyAsync(GatewayHost host)
    {
        using HttpResponseMessage response = await host.Client.GetAsync(new Uri("/health/ready", UriKind.Relative));
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}
