using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Tests.Auth;

/// <summary>The claim that narrows a token to some models, over HTTP.</summary>
public sealed class ModelsClaimTests : IAsyncLifetime
{
    private const string Input = """{"inputs":{"x":[[1]]}}""";
    private static readonly TestToken Good = new();
    private readonly RSA _key = RSA.Create(2048);
    private GatewayHost? _host;

    public static TheoryData<object?, string, int> Claims => new()
    {
        { "team-a.*", "team-a.add", 200 },
        { "team-a.*", "team-b.add", 403 },
        { "team-a.* team-b.add", "team-b.add", 200 },
        { new[] { "nothing", "*.add" }, "team-b.add", 200 },
        { "*", "team-b.add", 200 },
        { "Team-A.*", "team-a.add", 403 },
        { "team", "team-a.add", 403 },

        // Present but holding nothing: no model, not all.
        { "", "team-a.add", 403 },
        { Array.Empty<string>(), "team-a.add", 403 },
        { null, "team-a.add", 403 },
        { 5, "team-a.add", 403 },
        { new { team = "*" }, "team-a.add", 403 },
        { new object[] { 1, new[] { "*" } }, "team-a.add", 403 },
    };

    public async Task InitializeAsync() => _host = await GatewayHost.StartAsync(
        repository =>
        {
            repository.AddVersion("team-a.add", 1, TestModels.AddConstant(1));
            repository.AddVersion("team-b.add", 1, TestModels.AddConstant(1));
        },
        ("Gateway:Auth:Enabled", "true"),
        ("Gateway:Auth:Issuer", TestToken.DefaultIssuer),
        ("Gateway:Auth:Keys:0:Pem", _key.ExportSubjectPublicKeyInfoPem()));

    public async Task DisposeAsync()
    {
        await _host!.DisposeAsync();
        _key.Dispose();
    }

    [Theory]
    [MemberData(nameof(Claims))]
    public async Task Predict_ModelsClaim_OpensWhatItNames(object? claim, string model, int status) =>
        Assert.Equal(status, (await PredictAsync($"/predict/{model}", Good.With("models", claim), Input)).Status);

    [Fact]
    public async Task Predict_NoModelsClaim_OpensAll()
    {
        Assert.Equal(200, (await PredictAsync("/predict/team-a.add", Good, Input)).Status);
        Assert.Equal(200, (await PredictAsync("/predict/team-b.add", Good, Input)).Status);
    }

    [Fact]
    public async Task Predict_ModelInBody_Checked()
    {
        TestToken token = Good.With("models", "team-a.*");
        Assert.Equal(200, (await PredictAsync("/predict", token, """{"model":"team-a.add","inputs":{"x":[[1]]}}""")).Status);
        Assert.Equal(403, (await PredictAsync("/predict", token, """{"model":"team-b.add","inputs":{"x":[[1]]}}""")).Status);
    }

    // What may not be used is not told either: not that it exists, and not in a did-you-mean.
    [Fact]
    public async Task Predict_HiddenModel_LikeUnknown()
    {
        TestToken token = Good.With("models", "team-a.*");
        Answer hidden = await PredictAsync("/predict/team-b.add", token, Input);
        Answer unknown = await PredictAsync("/predict/team-c.add", token, Input);
        Answer misspelt = await PredictAsync("/predict/team-a.ad", token, Input);

        Assert.Equal(unknown.Status, hidden.Status);
        Assert.Equal(404, misspelt.Status);
        Assert.Contains("team-a.add", misspelt.Detail);
        Assert.DoesNotContain("team-b", misspelt.Body + unknown.Body);
    }

    [Theory]
    [InlineData("GET", "/v2/models")]
    [InlineData("GET", "/v2/models/stats")]
    [InlineData("POST", "/v2/repository/index")]
    public async Task Lists_HiddenModel_NotInThem(string method, string path)
    {
        Answer all = await SendAsync(method, path, Good);
        Answer some = await SendAsync(method, path, Good.With("models", "team-a.*"));

        Assert.Contains("team-b.add", all.Body);
        Assert.Contains("team-a.add", some.Body);
        Assert.DoesNotContain("team-b.add", some.Body);
    }

    [Theory]
    [InlineData("GET", "/v2/models/team-b.add")]
    [InlineData("GET", "/v2/models/team-b.add/versions/1/stats")]
    [InlineData("GET", "/v2/models/team-b.add/config")]
    [InlineData("GET", "/v2/models/team-b.add/ready")]
    [InlineData("POST", "/v2/models/team-b.add/infer")]
    [InlineData("POST", "/v2/repository/models/team-b.add/load")]
    [InlineData("POST", "/v2/repository/models/team-b.add/unload")]
    public async Task EveryEndpoint_HiddenModel_Refused(string method, string path) =>
        Assert.Equal(403, (await SendAsync(method, path, Good.With("models", "team-a.*"))).Status);

    [Fact]
    public async Task Predict_ScopeLacking_Named()
    {
        Answer answer = await PredictAsync("/predict/team-a.add", Good.With("scope", "models:read models:manage"), Input);
        Assert.Equal(403, answer.Status);
        Assert.Contains("'models:predict'", answer.Detail);
    }

    [Fact]
    public async Task Predict_Refused_CountedWithoutModel()
    {
        await PredictAsync("/predict/team-a.add", Good.With("iss", "other"), Input);
        await PredictAsync("/predict/team-a.add", Good.With("scope", ""), Input);

        string metrics = await _host!.Client.GetStringAsync("/metrics");
        Assert.Contains("""modelgateway_requests_total{model="",version="",outcome="unauthorized"} 1""", metrics);
        Assert.Contains("""modelgateway_requests_total{model="",version="",outcome="forbidden"} 1""", metrics);
    }

    private Task<Answer> PredictAsync(string path, TestToken token, string body) => SendAsync("POST", path, token, body);

    private async Task<Answer> SendAsync(string method, string path, TestToken token, string? body = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path)
        {
            Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json"),
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token.Sign(_key));
        using HttpResponseMessage response = await _host!.Client.SendAsync(request);
        return new Answer((int)response.StatusCode, response.Headers.WwwAuthenticate.ToString(), null, await response.Content.ReadAsStringAsync());
    }
}
