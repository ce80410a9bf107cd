using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using ModelGateway.Tests.Auth;
using Xunit;

namespace ModelGateway.Tests.Protocols.OpenInference;

/// <summary>Who may ask what: scopes, and the models that a token's patterns cover.</summary>
public sealed class AccessTests : IAsyncLifetime
{
    private const string Infer = """{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[1]}]}""";
    private readonly byte[] _secret = RandomNumberGenerator.GetBytes(32);
    private GatewayHost? _host;

    private GatewayHost Host => _host!;

    public async Task InitializeAsync() => _host = await GatewayHost.StartAsync(
        Fill,
        ("Gateway:Auth:Enabled", "true"),
        ("Gateway:Auth:Issuer", TestToken.DefaultIssuer),
        ("Gateway:Auth:Keys:0:Secret", Convert.ToBase64String(_secret)));

    public async Task DisposeAsync() => await Host.DisposeAsync();

    [Theory]
    [InlineData("GET", "", "models:read")]
    [InlineData("GET", "/models", "models:read")]
    [InlineData("GET", "/models/stats", "models:read")]
    [InlineData("GET", "/models/mine", "models:read")]
    [InlineData("GET", "/models/mine/versions/1", "models:read")]
    [InlineData("GET", "/models/mine/ready", "models:read")]
    [InlineData("GET", "/models/mine/config", "models:read")]
    [InlineData("GET", "/models/mine/versions/1/stats", "models:read")]
    [InlineData("POST", "/models/mine/infer", "models:predict")]
    [InlineData("POST", "/models/mine/versions/1/infer", "models:predict")]
    [InlineData("POST", "/repository/index", "models:read")]
    [InlineData("POST", "/repository/models/mine/load", "models:manage")]
    [InlineData("POST", "/repository/models/mine/unload", "models:manage")]
    public async Task Path_NeedsItsScope(string method, string path, string scope)
    {
        string body = path.EndsWith("infer", StringComparison.Ordinal) ? Infer : "";
        string other = scope == "models:predict" ? "models:read" : "models:predict";

        Assert.Equal(HttpStatusCode.Unauthorized, (await SendAsync(method, path, body, null)).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await SendAsync(method, path, body, Token(other, null))).Status);
        Assert.Equal(HttpStatusCode.OK, (await SendAsync(method, path, body, Token(scope, null))).Status);
    }

    [Theory]
    [InlineData("/health/live")]
    [InlineData("/health/ready")]
    public async Task Health_NeedsNoToken(string path) => Assert.Equal(HttpStatusCode.OK, (await SendAsync("GET", path, "", null)).Status);

    [Theory]
    [InlineData("GET", "/models/theirs")]
    [InlineData("GET", "/models/theirs/versions/1/ready")]
    [InlineData("GET", "/models/theirs/config")]
    [InlineData("GET", "/models/theirs/stats")]
    [InlineData("POST", "/models/theirs/infer")]
    [InlineData("POST", "/repository/models/theirs/load")]
    [InlineData("POST", "/repository/models/theirs/unload")]
    [InlineData("POST", "/repository/models/nothing/load")]
    public async Task Model_OutsideTheTokensPatterns_Is403(string method, string path)
    {
        (HttpStatusCode status, string answer) = await SendAsync(method, path, "", Token("models:read models:predict models:manage", "mi*"));

        Assert.Equal(HttpStatusCode.Forbidden, status);
        Assert.Contains("does not cover this model", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET", "/models")]
    [InlineData("GET", "/models/stats")]
    [InlineData("POST", "/repository/index")]
    [InlineData("GET", "/models/mind")]
    [InlineData("POST", "/models/mind/infer")]
    [InlineData("POST", "/repository/models/mind/load")]
    public async Task Lists_AndSuggestions_NameOnlyModelsOfTheToken(string method, string path)
    {
        (_, string answer) = await SendAsync(method, path, "", Token("models:read models:predict models:manage", "mi*"));

        Assert.Contains("mine", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("theirs", answer, StringComparison.Ordinal);
    }

    private static void Fill(RepositoryFolder repository)
    {
        repository.AddVersion("mine", 1, TestModels.AddConstant(1));
        repository.AddVersion("theirs", 1, TestModels.AddConstant(1));
    }

    private string Token(string scope, string? models)
    {
        TestToken token = new TestToken().With("scope", scope);
        return (models is null ? token : token.With("models", models)).Sign(_secret);
    }

    private async Task<(HttpStatusCode Status, string Answer)> SendAsync(string method, string path, string body, string? token)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri($"/v2{path}", UriKind.Relative));
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        request.Content = method == "POST" ? new StringContent(body, Encoding.UTF8) : null;
        using HttpResponseMessage response = await Host.Client.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}
