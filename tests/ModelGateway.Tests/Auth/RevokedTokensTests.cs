using System.Security.Cryptography;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace ModelGateway.Tests.Auth;

/// <summary>Tokens that the configuration takes back.</summary>
public sealed class RevokedTokensTests : IAsyncLifetime
{
    private readonly byte[] _secret = RandomNumberGenerator.GetBytes(32);
    private readonly TestToken _token = new();
    private GatewayHost? _host;

    private GatewayHost Host => _host!;

    public async Task InitializeAsync() => _host = await GatewayHost.StartAsync(
        null,
        ("Gateway:Auth:Enabled", "true"),
        ("Gateway:Auth:Issuer", TestToken.DefaultIssuer),
        ("Gateway:Auth:Keys:0:Secret", Convert.ToBase64String(_secret)),
        ("Gateway:Auth:RevokedTokens", "stolen lost"));

    public async Task DisposeAsync() => await Host.DisposeAsync();

    [Fact]
    public async Task Revoked_AtTheStart_IsRefusedWithTheReason()
    {
        foreach (string id in new[] { "stolen", "lost" })
        {
            Answer answer = await AskAsync(id);

            Assert.Equal(401, answer.Status);
            Assert.Equal("The token was revoked.", answer.Detail);
        }

        Assert.Equal(200, (await AskAsync("good")).Status);
        Assert.Equal(200, (await AskAsync(null)).Status);
    }

    [Fact]
    public async Task Revoked_WhileItIsUsed_IsRefusedAndTheOthersAreNot()
    {
        Assert.Equal(200, (await AskAsync("first")).Status);
        Assert.Equal(200, (await AskAsync("second")).Status);

        Set("first");
        Assert.Equal(401, (await AskAsync("first")).Status);
        Assert.Equal(200, (await AskAsync("second")).Status);

        Set("second");
        Assert.Equal(200, (await AskAsync("first")).Status);
        Assert.Equal(401, (await AskAsync("second")).Status);
    }

    private void Set(string revoked)
    {
        var configuration = (IConfigurationRoot)Host.Services.GetRequiredService<IConfiguration>();
        configuration["Gateway:Auth:RevokedTokens"] = revoked;
        configuration.Reload();
    }

    // The same token, letter by letter, whenever the id is the same.
    private Task<Answer> AskAsync(string? id) =>
        GuardedHost.GetAsync(Host.Client, "/v2/logging", (id is null ? _token : _token.With("jti", id)).Sign(_secret));
}
