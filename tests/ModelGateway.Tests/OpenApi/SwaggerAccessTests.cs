using System.Security.Cryptography;
using System.Text.Json.Nodes;
using ModelGateway.TestKit.Onnx;
using ModelGateway.Tests.Auth;
using Xunit;

namespace ModelGateway.Tests.OpenApi;

/// <summary>Who may see the page and the document, by environment and setting.</summary>
public sealed class SwaggerAccessTests : IDisposable
{
    private const string DocumentPath = "/swagger/v1/swagger.json";
    private const string PagePath = "/swagger/index.html";
    private readonly RSA _key = RSA.Create(2048);

    public void Dispose() => _key.Dispose();

    [Fact]
    public async Task Development_ByDefault_Open()
    {
        await using GatewayHost host = await StartAsync("Development");
        await ExpectAsync(host, page: 200, document: 200);
    }

    [Fact]
    public async Task Development_SwitchedOff_Gone()
    {
        await using GatewayHost host = await StartAsync("Development", ("Gateway:Swagger:Enabled", "false"));
        await ExpectAsync(host, page: 404, document: 404);
    }

    [Fact]
    public async Task Production_ByDefault_Gone()
    {
        await using GatewayHost host = await StartAsync("Production");
        await ExpectAsync(host, page: 404, document: 404);
    }

    [Fact]
    public async Task Production_Enabled_DocumentNeedsToken()
    {
        await using GatewayHost host = await StartAsync("Production", ("Gateway:Swagger:Enabled", "true"));
        await ExpectAsync(host, page: 200, document: 401);

        Assert.Equal(403, await StatusAsync(host, DocumentPath, new TestToken().With("scope", "models:predict").Sign(_key)));
        Assert.Equal(200, await StatusAsync(host, DocumentPath, new TestToken().With("scope", "models:read").Sign(_key)));
    }

    [Fact]
    public async Task Production_TokenNotRequired_Open()
    {
        await using GatewayHost host = await StartAsync("Production", ("Gateway:Swagger:Enabled", "true"), ("Gateway:Swagger:RequireToken", "false"));
        await ExpectAsync(host, page: 200, document: 200);
    }

    [Theory]
    [InlineData("/swagger/index.html")]
    [InlineData("/swagger/index.js")]
    [InlineData("/swagger/ask-for-token.js")]
    [InlineData(DocumentPath)]
    public async Task Page_ComesWithSecurityHeaders(string path)
    {
        await using GatewayHost host = await StartAsync("Production", ("Gateway:Swagger:Enabled", "true"));

        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = new("Bearer", new TestToken().Sign(_key));
        using HttpResponseMessage response = await host.Client.SendAsync(request);

        string policy = Assert.Single(response.Headers.GetValues("Content-Security-Policy"));
        Assert.Contains("default-src 'none'", policy);
        Assert.Contains("frame-ancestors 'none'", policy);
        Assert.Contains("script-src 'self';", policy);
        Assert.Equal("nosniff", Assert.Single(response.Headers.GetValues("X-Content-Type-Options")));
        Assert.Equal("no-referrer", Assert.Single(response.Headers.GetValues("Referrer-Policy")));
        using HttpResponseMessage other = await host.Client.GetAsync(new Uri("/health/live", UriKind.Relative));
        Assert.False(other.Headers.Contains("Content-Security-Policy"));
    }

    [Fact]
    public async Task Document_TokenForSomeModels_ShowsThoseOnly()
    {
        await using GatewayHost host = await StartAsync("Production", ("Gateway:Swagger:Enabled", "true"));

        Answer answer = await GuardedHost.GetAsync(host.Client, DocumentPath, new TestToken().With("models", "team-a.*").Sign(_key));

        JsonObject paths = JsonNode.Parse(answer.Body)!["paths"]!.AsObject();
        Assert.True(paths.ContainsKey("/predict/team-a.add"));
        Assert.DoesNotContain("team-b", answer.Body);
    }

    private static async Task ExpectAsync(GatewayHost host, int page, int document)
    {
        Assert.Equal(page, await StatusAsync(host, PagePath, null));
        Assert.Equal(document, await StatusAsync(host, DocumentPath, null));
    }

    private static async Task<int> StatusAsync(GatewayHost host, string path, string? token) => (await GuardedHost.GetAsync(host.Client, path, token)).Status;

    private Task<GatewayHost> StartAsync(string environment, params (string Key, string Value)[] settings) => GatewayHost.StartAsync(
        repository =>
        {
            repository.AddVersion("team-a.add", 1, TestModels.AddConstant(1));
            repository.AddVersion("team-b.add", 1, TestModels.AddConstant(1));
        },
        [
            ("environment", environment),
            ("Gateway:Auth:Enabled", "true"),
            ("Gateway:Auth:Issuer", TestToken.DefaultIssuer),
            ("Gateway:Auth:Keys:0:Pem", _key.ExportSubjectPublicKeyInfoPem()),
            .. settings,
        ]);
}
