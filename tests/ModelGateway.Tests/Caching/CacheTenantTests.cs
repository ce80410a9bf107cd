using System.Net;
using System.Security.Cryptography;
using ModelGateway.TestKit.Onnx;
using ModelGateway.Tests.Auth;
using Xunit;

namespace ModelGateway.Tests.Caching;

/// <summary>Whose answers a caller is given.</summary>
public sealed class CacheTenantTests : IAsyncLifetime
{
    private const string Path = "/predict/m";
    private const string Body = """{"inputs":{"x":[[1,2]]}}""";
    private readonly byte[] _secret = RandomNumberGenerator.GetBytes(32);
    private readonly TestToken _token = new();
    private GatewayHost? _host;

    private GatewayHost Host => _host!;

    private long Executions => Host.ServableOf("m").Statistics.Executions;

    public async Task InitializeAsync() => _host = await StartAsync("tid");

    public async Task DisposeAsync() => await Host.DisposeAsync();

    [Fact]
    public async Task Tenants_TwoOfThem_ShareNothingAtAnyLevel()
    {
        string one = Token("a");
        string other = Token("b");
        Assert.Equal(CachedReply.MissStored, (await AskAsync(one)).Cache);

        // The prediction is known, but not to this one.
        Assert.Equal(CachedReply.MissStored, (await AskAsync(other)).Cache);
        Assert.Equal("memory", (await AskAsync(one)).HitFrom);
        Assert.Equal("answer", (await AskAsync(one)).HitFrom);

        // The finished answer is known, but not to this one.
        Assert.Equal("memory", (await AskAsync(other)).HitFrom);
        Assert.Equal("answer", (await AskAsync(other)).HitFrom);
        Assert.Equal(CachedReply.MissStored, (await AskAsync(Token("c"))).Cache);
        Assert.Equal(3, Executions);
    }

    [Fact]
    public async Task Tenants_OneWithAnotherToken_KeepsItsAnswers()
    {
        await AskAsync(Token("a"));
        Assert.Equal("memory", (await AskAsync(_token.With("tid", "a").With("sub", "somebody else").Sign(_secret))).HitFrom);
    }

    [Theory]
    [InlineData(false, null)]
    [InlineData(true, null)]
    [InlineData(true, "")]
    public async Task Tenants_TokenWithoutOne_PassesBy(bool hasClaim, string? value)
    {
        string token = hasClaim ? _token.With("tid", value).Sign(_secret) : _token.Sign(_secret);
        for (int i = 0; i < 4; i++)
        {
            CachedReply reply = await AskAsync(token);
            Assert.Equal((HttpStatusCode.OK, "ModelGateway; fwd=bypass; detail=no_tenant"), (reply.Status, reply.Cache));
        }

        Assert.Equal(HttpStatusCode.GatewayTimeout, (await AskAsync(token, "only-if-cached")).Status);
        Assert.Equal(4, Executions);
    }

    // As an issuer spells them: none of these is another.
    [Fact]
    public async Task Tenants_ValuesOfOtherTypes_AreOthers()
    {
        object[] values = ["7", 7, true, "true", "null", new[] { "a" }, """["a"]""", "\"7\"", " 7"];
        foreach (string? place in new[] { null, "memory" })
        {
            foreach (object value in values)
            {
                Assert.Equal(place, (await AskAsync(_token.With("tid", value).Sign(_secret))).HitFrom);
            }
        }
    }

    [Fact]
    public async Task Tenants_EqualAtOnce_AreNotCollapsedIntoOne()
    {
        const string slow = """{"inputs":{"x":[[1]],"iterations":300000}}""";
        CachedReply[] replies = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Host.AskAsync("/predict/slow", slow, token: Token(i % 2 == 0 ? "a" : "b"))));
        Assert.Equal(2, replies.Count(reply => reply.Cache == CachedReply.MissStored));
    }

    [Fact]
    public async Task Tenants_BySubject_AreApart()
    {
        await using GatewayHost host = await StartAsync("sub");
        await host.AskAsync(Path, Body, token: _token.Sign(_secret));
        Assert.Equal("memory", (await host.AskAsync(Path, Body, token: _token.Sign(_secret))).HitFrom);
        Assert.Equal(CachedReply.MissStored, (await host.AskAsync(Path, Body, token: _token.With("sub", "another").Sign(_secret))).Cache);
    }

    [Fact]
    public async Task NoTenantClaim_AllShare()
    {
        await using GatewayHost host = await StartAsync("");
        await host.AskAsync(Path, Body, token: Token("a"));
        Assert.Equal("memory", (await host.AskAsync(Path, Body, token: Token("b"))).HitFrom);
        Assert.Equal("answer", (await host.AskAsync(Path, Body, token: _token.Sign(_secret))).HitFrom);
    }

    private string Token(string tenant) => _token.With("tid", tenant).Sign(_secret);

    private Task<CachedReply> AskAsync(string token, string? cacheControl = null) => Host.AskAsync(Path, Body, cacheControl, token);

    private Task<GatewayHost> StartAsync(string claim) => GatewayHost.StartAsync(
        repository =>
        {
            repository.AddVersion("m", 1, TestModels.AddConstant(1));
            repository.AddVersion("slow", 1, TestModels.Slow(1));
        },
        ("Gateway:Auth:Enabled", "true"),
        ("Gateway:Auth:Issuer", TestToken.DefaultIssuer),
        ("Gateway:Auth:Keys:0:Secret", Convert.ToBase64String(_secret)),
        ("Gateway:Cache:TenantClaim", claim));
}
