using System.Net;
using ModelGateway.TestKit.Onnx;
using ModelGateway.Tests.Auth;
using Xunit;

namespace ModelGateway.Tests.Caching;

/// <summary>Answers are forgotten by request.</summary>
public sealed class CachePurgeTests
{
    private const string Body = """{"inputs":{"x":[[1,2]]}}""";

    [Theory]
    [InlineData("/v2/models/m/cache", true, true)]
    [InlineData("/v2/models/m/versions/1/cache", true, false)]
    [InlineData("/v2/models/m/versions/stable/cache", true, false)]
    [InlineData("/v2/models/m/versions/2/cache", false, true)]
    [InlineData("/v2/models/other/cache", false, false)]
    public async Task Purge_ForgetsThatAndNothingElse(string path, bool first, bool second)
    {
        await using GatewayHost host = await StartAsync();
        for (int i = 0; i < 3; i++)
        {
            await host.AskAsync("/predict/m/versions/1", Body);
            await host.AskAsync("/predict/m/versions/2", Body);
        }

        Assert.Equal(HttpStatusCode.NoContent, await host.PurgeAsync(path));

        Assert.Equal(first ? null : "answer", (await host.AskAsync("/predict/m/versions/1", Body)).HitFrom);
        Assert.Equal(second ? null : "answer", (await host.AskAsync("/predict/m/versions/2", Body)).HitFrom);

        // What is forgotten is remembered anew, at both levels.
        Assert.Equal(first ? "memory" : "answer", (await host.AskAsync("/predict/m/versions/1", Body)).HitFrom);
        Assert.Equal("answer", (await host.AskAsync("/predict/m/versions/1", Body)).HitFrom);
    }

    [Theory]
    [InlineData("/v2/models/missing/cache")]
    [InlineData("/v2/models/missing/versions/1/cache")]
    [InlineData("/v2/models/m/versions/9/cache")]
    [InlineData("/v2/models/m/versions/nobody/cache")]
    [InlineData("/v2/models/m/versions/99999999999999999999/cache")]
    public async Task Purge_OfWhatIsNotThere_NotFound(string path)
    {
        await using GatewayHost host = await StartAsync();
        Assert.Equal(HttpStatusCode.NotFound, await host.PurgeAsync(path));
    }

    [Fact]
    public async Task Purge_OfAVersionThatIsNotLoaded_IsDone()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository =>
        {
            repository.AddVersion("m", 1, TestModels.AddConstant(1));
            repository.AddVersion("m", 2, TestModels.AddConstant(2));
            repository.AddVersion("broken", 1, TestModels.Broken());
        });
        Assert.Equal(HttpStatusCode.NoContent, await host.PurgeAsync("/v2/models/m/versions/1/cache"));
        Assert.Equal(HttpStatusCode.NoContent, await host.PurgeAsync("/v2/models/broken/cache"));
    }

    [Fact]
    public async Task Purge_Twice_IsDoneTwice()
    {
        await using GatewayHost host = await StartAsync();
        for (int i = 0; i < 3; i++)
        {
            await host.AskAsync("/predict/m/versions/1", Body);
            Assert.Equal(HttpStatusCode.NoContent, await host.PurgeAsync("/v2/models/m/cache"));
            Assert.Equal(HttpStatusCode.NoContent, await host.PurgeAsync("/v2/models/m/versions/1/cache"));
            Assert.Equal(CachedReply.MissStored, (await host.AskAsync("/predict/m/versions/1", Body)).Cache);
        }
    }

    [Fact]
    public async Task Purge_NeedsTheScopeAndTheModel()
    {
        byte[] secret = new byte[32];
        await using GatewayHost host = await StartAsync(
            ("Gateway:Auth:Enabled", "true"), ("Gateway:Auth:Issuer", TestToken.DefaultIssuer), ("Gateway:Auth:Keys:0:Secret", Convert.ToBase64String(secret)));
        TestToken good = new();
        for (int i = 0; i < 3; i++)
        {
            await host.AskAsync("/predict/m/versions/1", Body, token: good.Sign(secret));
        }

        foreach (string path in new[] { "/v2/models/m/cache", "/v2/models/m/versions/1/cache", "/v2/models/missing/cache" })
        {
            Assert.Equal(HttpStatusCode.Unauthorized, await host.PurgeAsync(path));
            Assert.Equal(HttpStatusCode.Forbidden, await host.PurgeAsync(path, good.With("scope", "models:predict models:read").Sign(secret)));
            Assert.Equal(HttpStatusCode.Forbidden, await host.PurgeAsync(path, good.With("models", "other*").Sign(secret)));
        }

        Assert.Equal("answer", (await host.AskAsync("/predict/m/versions/1", Body, token: good.Sign(secret))).HitFrom);
        Assert.Equal(HttpStatusCode.NoContent, await host.PurgeAsync("/v2/models/m/cache", good.With("scope", "models:manage").With("models", "m").Sign(secret)));
        Assert.Equal(HttpStatusCode.NotFound, await host.PurgeAsync("/v2/models/missing/cache", good.Sign(secret)));
        Assert.Equal(CachedReply.MissStored, (await host.AskAsync("/predict/m/versions/1", Body, token: good.Sign(secret))).Cache);
    }

    private static Task<GatewayHost> StartAsync(params (string Key, string Value)[] settings) => GatewayHost.StartAsync(
        repository =>
        {
            repository.AddVersion("m", 1, TestModels.AddConstant(1));
            repository.AddVersion("m", 2, TestModels.AddConstant(2));
            repository.AddConfig("m", "{version_policy: all, labels: {stable: 1}}");
            repository.AddVersion("other", 1, TestModels.AddConstant(3));
        },
        settings);
}
