using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using ModelGateway.Auth;
using Xunit;

namespace ModelGateway.Tests.Auth;

/// <summary>What each scope opens, over HTTP.</summary>
public sealed class ScopeTests(GuardedHost guarded) : IClassFixture<GuardedHost>
{
    private static readonly TestToken Good = new();

    [Theory]
    [InlineData("scope", "models:read", "/metrics", 200)]
    [InlineData("scope", "openid models:read email", "/metrics", 200)]
    [InlineData("scp", "models:read", "/metrics", 200)]
    [InlineData("scope", "models:manage", "/metrics", 200)]
    [InlineData("scope", "models:manage", "/v2/logging", 200)]
    [InlineData("scope", "models:read models:predict", "/v2/logging", 403)]
    [InlineData("scope", "models:predict", "/metrics", 403)]
    [InlineData("scope", "models:readx", "/metrics", 403)]
    [InlineData("scope", "Models:Read", "/metrics", 403)]
    [InlineData("scope", "", "/metrics", 403)]
    [InlineData("roles", "models:read", "/metrics", 403)]
    public async Task Scope_OpensItsOwn(string claim, string value, string path, int status)
    {
        string token = Good.Without("scope").With(claim, value).Sign(guarded.Rsa);
        Assert.Equal(status, (await GuardedHost.GetAsync(guarded.Host.Client, path, token)).Status);
    }

    [Fact]
    public async Task Scope_AsArray_Opens()
    {
        string token = Good.Without("scope").With("scp", new[] { "models:predict", "models:read" }).Sign(guarded.Ec);
        Assert.Equal(200, (await GuardedHost.GetAsync(guarded.Host.Client, "/metrics", token)).Status);
    }

    [Fact]
    public async Task Scope_Lacking_Named()
    {
        Answer answer = await guarded.GetManagedAsync(Good.With("scope", "models:read").Sign(guarded.Rsa));

        Assert.Equal(403, answer.Status);
        Assert.Equal("application/problem+json", answer.ContentType);
        Assert.Contains("'models:manage'", answer.Detail);
        Assert.Equal("Bearer error=\"insufficient_scope\", scope=\"models:manage\"", answer.Challenge);
    }

    [Fact]
    public async Task ScopeClaims_Configured_Read()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(
            null,
            ("Gateway:Auth:Enabled", "true"),
            ("Gateway:Auth:Issuer", TestToken.DefaultIssuer),
            ("Gateway:Auth:Audience", "first second"),
            ("Gateway:Auth:ScopeClaims", "roles permissions"),
            ("Gateway:Auth:Keys:0:Secret", Convert.ToBase64String(guarded.Secret)));
        TestToken token = Good.Without("scope").With("aud", "second");

        Assert.Equal(200, (await GuardedHost.GetAsync(host.Client, "/v2/logging", token.With("permissions", new[] { "models:manage" }).Sign(guarded.Secret))).Status);
        Assert.Equal(200, (await GuardedHost.GetAsync(host.Client, "/v2/logging", token.With("roles", "models:manage").Sign(guarded.Secret, "any-name"))).Status);
        Assert.Equal(403, (await GuardedHost.GetAsync(host.Client, "/v2/logging", token.Sign(guarded.Secret))).Status);
    }

    [Theory]
    [InlineData("/health/live")]
    [InlineData("/health/ready")]
    public async Task Health_NoToken_Open(string path) => Assert.Equal(200, (await GuardedHost.GetAsync(guarded.Host.Client, path, null)).Status);

    [Fact]
    public async Task Health_BadToken_Open() => Assert.Equal(200, (await GuardedHost.GetAsync(guarded.Host.Client, "/health/live", "nonsense")).Status);

    [Fact]
    public async Task UnknownPath_NoToken_NotFound() => Assert.Equal(404, (await GuardedHost.GetAsync(guarded.Host.Client, "/nothing/here", null)).Status);

    [Fact]
    public async Task Metrics_ByDefault_Open()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(
            null,
            ("Gateway:Auth:Enabled", "true"),
            ("Gateway:Auth:Issuer", TestToken.DefaultIssuer),
            ("Gateway:Auth:Keys:0:Secret", Convert.ToBase64String(guarded.Secret)));

        Assert.Equal(200, (await GuardedHost.GetAsync(host.Client, "/metrics", null)).Status);
    }

    // Closed by the fallback policy, but meant to say so itself.
    [Fact]
    public void Endpoints_Each_SayWhoMayCall()
    {
        IEnumerable<string> silent = guarded.Host.Services.GetRequiredService<EndpointDataSource>().Endpoints
            .Where(endpoint => endpoint.Metadata.GetMetadata<IAllowAnonymous>() is null && endpoint.Metadata.GetMetadata<RequiredScope>() is null)
            .Select(endpoint => endpoint.DisplayName ?? "?");

        Assert.Empty(silent);
    }
}
