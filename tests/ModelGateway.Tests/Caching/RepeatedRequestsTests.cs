using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using ModelGateway.TestKit.Onnx;
using ModelGateway.Tests.Auth;
using Xunit;

namespace ModelGateway.Tests.Caching;

/// <summary>What is answered before routing and authorization is answered only as they would let it be.</summary>
public sealed class RepeatedRequestsTests
{
    private const string Path = "/predict/m";
    private const string Body = """{"inputs":{"x":[[1,2]]}}""";
    private readonly byte[] _secret = RandomNumberGenerator.GetBytes(32);
    private readonly TestToken _token = new();

    [Fact]
    public async Task Hit_OtherCallers_AreRefusedAsBefore()
    {
        await using GatewayHost host = await StartAsync(
            ("Gateway:Auth:Enabled", "true"), ("Gateway:Auth:Issuer", TestToken.DefaultIssuer), ("Gateway:Auth:Keys:0:Secret", Convert.ToBase64String(_secret)));
        string allowed = _token.Sign(_secret);
        await UntilAnsweredAtOnceAsync(host, allowed);
        string[] refused = [_token.With("scope", "models:read").Sign(_secret), _token.With("models", "other").Sign(_secret)];

        Assert.Equal(HttpStatusCode.Unauthorized, (await host.AskAsync(Path, Body)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await host.AskAsync(Path, Body, token: allowed + "x")).Status);
        foreach (string token in refused)
        {
            // The second time the token is one that is known.
            Assert.Equal(HttpStatusCode.Forbidden, (await host.AskAsync(Path, Body, token: token)).Status);
            Assert.Equal(HttpStatusCode.Forbidden, (await host.AskAsync(Path, Body, token: token)).Status);
        }

        Assert.Equal("answer", (await host.AskAsync(Path, Body, token: allowed)).HitFrom);
    }

    // What was not answered before goes on without being routed; all that routing leads to is there all the same.
    [Fact]
    public async Task KnownPath_OtherBodies_AreJudgedLikeTheFirst()
    {
        await using GatewayHost host = await StartAsync(
            ("Gateway:Auth:Enabled", "true"), ("Gateway:Auth:Issuer", TestToken.DefaultIssuer), ("Gateway:Auth:Keys:0:Secret", Convert.ToBase64String(_secret)));
        string allowed = _token.Sign(_secret);
        await host.AskAsync(Path, Body, token: allowed);
        string[] refused = [_token.With("scope", "models:read").Sign(_secret), _token.With("models", "other").Sign(_secret)];
        int next = 3;
        string Other() => Body.Replace("2", next++.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);

        CachedReply reply = await host.AskAsync(Path, Other(), token: allowed);
        Assert.Equal((HttpStatusCode.OK, CachedReply.MissStored, 4), (reply.Status, reply.Cache, reply.Json.GetProperty("outputs").GetProperty("y")[0][1].GetInt32()));
        Assert.Equal(HttpStatusCode.BadRequest, (await host.AskAsync(Path, "{", token: allowed)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await host.AskAsync(Path, Other())).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await host.AskAsync(Path, Other(), token: allowed + "x")).Status);
        foreach (string token in refused)
        {
            Assert.Equal(HttpStatusCode.Forbidden, (await host.AskAsync(Path, Other(), token: token)).Status);
            Assert.Equal(HttpStatusCode.Forbidden, (await host.AskAsync(Path, Other(), token: token)).Status);
        }

        host.Repository.RemoveModel("m");
        await host.WaitUntilAsync(static manager => manager.Find("m")?.Find(1)?.Servable is null);
        Assert.NotEqual(HttpStatusCode.OK, (await host.AskAsync(Path, Other(), token: allowed)).Status);
    }

    [Fact]
    public async Task Hit_CarriesTheHeadersOfEveryAnswer()
    {
        await using GatewayHost host = await StartAsync();
        await UntilAnsweredAtOnceAsync(host);
        using var request = new HttpRequestMessage(HttpMethod.Post, Path) { Content = new StringContent(Body, Encoding.UTF8, "application/json") };
        request.Headers.Add("X-Request-Id", "mine-1");

        using HttpResponseMessage response = await host.Client.SendAsync(request);

        Assert.Equal("mine-1", response.Headers.GetValues("X-Request-Id").Single());
        Assert.Matches(@"^read;dur=\d+\.\d{3}, cache;dur=\d+\.\d{3}$", response.Headers.GetValues("Server-Timing").Single());
        Assert.Matches("^ModelGateway; hit; ttl=[0-9]+; detail=answer$", response.Headers.GetValues("Cache-Status").Single());
        Assert.Equal("application/json", response.Content.Headers.ContentType!.MediaType);
        Assert.NotNull(response.Headers.Age);
    }

    [Fact]
    public async Task Hit_SamePathWithAnotherVerbCodingOrBody_IsNotTakenForIt()
    {
        await using GatewayHost host = await StartAsync();
        CachedReply known = await UntilAnsweredAtOnceAsync(host);
        using HttpResponseMessage get = await host.Client.GetAsync(new Uri(Path, UriKind.Relative));
        using var coded = new StringContent(Body, Encoding.UTF8, "application/json");
        coded.Headers.ContentEncoding.Add("gzip");

        Assert.Equal(HttpStatusCode.MethodNotAllowed, get.StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await host.AskAsync(Path, coded)).Status);
        CachedReply other = await host.AskAsync(Path, Body.Replace('2', '3'));
        Assert.Equal(CachedReply.MissStored, other.Cache);
        Assert.NotEqual(known.Body, other.Body);
    }

    [Fact]
    public async Task Hit_ModelThatIsGone_IsNotFound()
    {
        await using GatewayHost host = await StartAsync();
        await UntilAnsweredAtOnceAsync(host);

        host.Repository.RemoveModel("m");
        await host.WaitUntilAsync(static manager => manager.Find("m")?.Find(1)?.Servable is null);

        Assert.NotEqual(HttpStatusCode.OK, (await host.AskAsync(Path, Body)).Status);
    }

    [Fact]
    public async Task Hit_NewVersion_IsAnsweredByIt()
    {
        await using GatewayHost host = await StartAsync();
        CachedReply old = await UntilAnsweredAtOnceAsync(host);

        host.Repository.AddVersion("m", 2, TestModels.AddConstant(5));
        await host.WaitUntilAsync(static manager => manager.Find("m")?.Default?.Id.Version == 2);
        CachedReply young = await host.AskAsync(Path, Body);

        Assert.Equal(CachedReply.MissStored, young.Cache);
        Assert.NotEqual(old.Body, young.Body);
    }

    [Fact]
    public async Task Hit_OtherSpellingsOfThePath_AnswerTheSame()
    {
        await using GatewayHost host = await StartAsync();
        await UntilAnsweredAtOnceAsync(host);

        // Another spelling of the same path is another path here, and answers the same.
        Assert.Equal("answer", (await host.AskAsync("/PREDICT/m", Body)).HitFrom);
        Assert.Equal("answer", (await host.AskAsync("/predict/%6d", Body)).HitFrom);
    }

    // Run; found among predictions, and kept; found as it was sent; and then before routing.
    private static async Task<CachedReply> UntilAnsweredAtOnceAsync(GatewayHost host, string? token = null)
    {
        CachedReply reply = await host.AskAsync(Path, Body, token: token);
        for (int i = 0; i < 3; i++)
        {
            reply = await host.AskAsync(Path, Body, token: token);
        }

        Assert.Equal("answer", reply.HitFrom);
        return reply;
    }

    private static Task<GatewayHost> StartAsync(params (string Key, string Value)[] settings) =>
        GatewayHost.StartAsync(repository => repository.AddVersion("m", 1, TestModels.AddConstant(1)), settings);
}
