using System.Globalization;
using System.Net;
using System.Text;
using ModelGateway.TestKit.Onnx;
using ModelGateway.Tests.Http;
using Xunit;

namespace ModelGateway.Tests.Caching;

/// <summary>What a request's <c>Cache-Control</c> does.</summary>
public sealed class CacheControlTests(CacheControlTests.Host shared) : IClassFixture<CacheControlTests.Host>
{
    private const string Path = "/predict/m";
    private const string Miss = CachedReply.MissStored;
    private const string Again = "ModelGateway; fwd=request; stored";
    private const string PassedBy = "ModelGateway; fwd=bypass; detail=no_store";
    private static int _bodies;
    private readonly GatewayHost _host = shared.Gateway;

    [Fact]
    public async Task NoStore_NeitherAnswersNorRemembers()
    {
        string body = NextBody();
        for (int i = 0; i < 4; i++)
        {
            Assert.Equal(PassedBy, (await _host.AskAsync(Path, body, "no-store")).Cache);
        }

        Assert.Equal(Miss, (await _host.AskAsync(Path, body)).Cache);
        Assert.Equal("memory", (await _host.AskAsync(Path, body)).HitFrom);
        Assert.Equal("answer", (await _host.AskAsync(Path, body)).HitFrom);
        Assert.Equal(PassedBy, (await _host.AskAsync(Path, body, "no-store")).Cache);
    }

    [Theory]
    [InlineData("no-cache")]
    [InlineData("No-Cache")]
    [InlineData("max-age=0")]
    [InlineData("MAX-AGE=000")]
    [InlineData("max-age=nonsense")]
    [InlineData("max-age=-1")]
    [InlineData("max-age=")]
    [InlineData("foo=bar , no-cache")]
    public async Task NoCache_RunsAndRemembers(string cacheControl)
    {
        string body = NextBody();
        await RepeatAsync(body);

        CachedReply again = await _host.AskAsync(Path, body, cacheControl);

        Assert.Equal((Again, null), (again.Cache, again.Age));
        Assert.Equal(HttpStatusCode.OK, again.Status);
        Assert.NotNull((await _host.AskAsync(Path, body)).HitFrom);
    }

    [Fact]
    public async Task NoCacheAndMaxAge_OfOneCaller_LeaveTheOthersWhatIsBest()
    {
        string body = NextBody();
        await RepeatAsync(body);

        // Ages are told in whole seconds.
        await Task.Delay(TimeSpan.FromSeconds(3));

        // Too old for this one, and as good as before for the next.
        Assert.Equal(HttpStatusCode.GatewayTimeout, (await _host.AskAsync(Path, body, "only-if-cached, max-age=1")).Status);
        CachedReply old = await _host.AskAsync(Path, body);
        Assert.Equal("answer", old.HitFrom);

        // What this one has run is what the next gets.
        Assert.Equal(Again, (await _host.AskAsync(Path, body, "no-cache")).Cache);
        CachedReply young = await _host.AskAsync(Path, body);
        Assert.Equal("memory", young.HitFrom);
        Assert.True(AgeOf(young) < AgeOf(old), $"{young.Age} s after a run, {old.Age} s before it");

        static int AgeOf(CachedReply reply) => int.Parse(reply.Age!, CultureInfo.InvariantCulture);
    }

    [Theory]
    [InlineData("max-age=3600")]
    [InlineData("Max-Age=3600")]
    [InlineData("max-age=\"3600\"")]
    [InlineData("max-age=99999999999999999999")]
    [InlineData("max-stale")]
    [InlineData("min-fresh=5, no-transform")]
    [InlineData("no-storex, xno-cache, no-cache-at-all")]
    [InlineData(", ,=,;, no cache, \"")]
    [InlineData("")]
    public async Task MaxAgeOrWhatIsUnknown_TakesWhatIsRemembered(string cacheControl)
    {
        string body = NextBody();
        Assert.Equal(Miss, (await _host.AskAsync(Path, body, cacheControl)).Cache);
        Assert.Equal("memory", (await _host.AskAsync(Path, body, cacheControl)).HitFrom);
        Assert.Equal("answer", (await _host.AskAsync(Path, body, cacheControl)).HitFrom);
    }

    [Fact]
    public async Task OnlyIfCached_NotThere_AnswersGatewayTimeoutWithoutARun()
    {
        string body = NextBody();
        long before = await _host.ExecutionsAsync("m");

        CachedReply reply = await _host.AskAsync(Path, body, "only-if-cached");

        Assert.Equal((HttpStatusCode.GatewayTimeout, "application/problem+json"), (reply.Status, reply.ContentType));
        Assert.Equal("Not cached", reply.Json.GetProperty("title").GetString());
        Assert.Contains("only-if-cached", reply.Json.GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.Equal("ModelGateway; fwd=miss", reply.Cache);
        Assert.Equal(before, await _host.ExecutionsAsync("m"));
        Assert.Equal(Miss, (await _host.AskAsync(Path, body)).Cache);
    }

    [Fact]
    public async Task OnlyIfCached_There_Answers()
    {
        string body = NextBody();
        await _host.AskAsync(Path, body);

        Assert.Equal("memory", (await _host.AskAsync(Path, body, "only-if-cached")).HitFrom);
        Assert.Equal("answer", (await _host.AskAsync(Path, body, "Only-If-Cached, max-age=60")).HitFrom);
    }

    [Theory]
    [InlineData("only-if-cached, no-cache", "ModelGateway; fwd=request")]
    [InlineData("max-age=0, only-if-cached", "ModelGateway; fwd=request")]
    [InlineData("only-if-cached, no-store", PassedBy)]
    public async Task OnlyIfCached_WithWhatForbidsTheCache_IsNeverAnswered(string cacheControl, string status)
    {
        string body = NextBody();
        await RepeatAsync(body);

        CachedReply reply = await _host.AskAsync(Path, body, cacheControl);

        Assert.Equal((HttpStatusCode.GatewayTimeout, status), (reply.Status, reply.Cache));
    }

    [Fact]
    public async Task OnlyIfCached_CacheOfTheModelOff_SaysWhy()
    {
        CachedReply reply = await _host.AskAsync("/predict/off", NextBody(), "only-if-cached");
        Assert.Equal((HttpStatusCode.GatewayTimeout, "ModelGateway; fwd=bypass; detail=off"), (reply.Status, reply.Cache));
    }

    // HttpClient would join them.
    [Theory]
    [InlineData("Cache-Control: max-age=60\r\nCache-Control: no-store\r\n", PassedBy)]
    [InlineData("Cache-Control: nonsense\r\ncache-control: foo, No-Cache\r\n", Again)]
    [InlineData("CACHE-CONTROL: no-cache\r\nCache-Control:\r\n", Again)]
    public async Task Directives_InSeveralLines_AllCount(string headers, string status)
    {
        string body = NextBody();
        await RepeatAsync(body);
        using RawConnection connection = await RawConnection.OpenAsync(_host.Address.Port);

        await connection.SendAsync(RawConnection.Request(Path, Encoding.UTF8.GetBytes(body), headers));

        Assert.Equal(status, (await connection.ReadAsync())!.Headers["Cache-Status"]);
    }

    private async Task RepeatAsync(string body)
    {
        for (int i = 0; i < 3; i++)
        {
            await _host.AskAsync(Path, body);
        }
    }

    private static string NextBody() => $$"""{"inputs":{"x":[[{{Interlocked.Increment(ref _bodies)}}]]} }""";

    public sealed class Host : IAsyncLifetime
    {
        private GatewayHost? _gateway;

        public GatewayHost Gateway => _gateway!;

        public async Task InitializeAsync() => _gateway = await GatewayHost.StartAsync(repository =>
        {
            repository.AddVersion("m", 1, TestModels.AddConstant(1));
            repository.AddVersion("off", 1, TestModels.AddConstant(1));
            repository.AddConfig("off", "cache: off");
        });

        public async Task DisposeAsync() => await Gateway.DisposeAsync();
    }
}
