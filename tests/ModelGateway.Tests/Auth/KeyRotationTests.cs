using System.Security.Cryptography;
using System.Text;
using Xunit;

namespace ModelGateway.Tests.Auth;

/// <summary>Keys of a real OIDC issuer that come and go while the host runs.</summary>
public sealed class KeyRotationTests : IDisposable
{
    private readonly RSA _first = RSA.Create(2048);
    private readonly RSA _second = RSA.Create(2048);

    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
    }

    [Fact]
    public async Task NewKey_FirstToken_Passes()
    {
        await using OidcIssuer issuer = await OidcIssuer.StartAsync(("one", _first));
        await using GatewayHost host = await StartAsync(issuer);
        var token = new TestToken().With("iss", issuer.Url);
        Assert.Equal(200, await StatusAsync(host, token.Sign(_first, "one")));

        issuer.Publish(("two", _second), ("one", _first));

        Assert.Equal(200, await StatusAsync(host, token.Sign(_second, "two")));
        Assert.Equal(200, await StatusAsync(host, token.Sign(_first, "one")));
    }

    [Fact]
    public async Task NewKey_NoNameInToken_Passes()
    {
        await using OidcIssuer issuer = await OidcIssuer.StartAsync(("one", _first));
        await using GatewayHost host = await StartAsync(issuer);
        issuer.Publish(("two", _second));

        Assert.Equal(200, await StatusAsync(host, new TestToken().With("iss", issuer.Url).Sign(_second)));
    }

    [Fact]
    public async Task RemovedKey_AfterRead_Refused()
    {
        await using OidcIssuer issuer = await OidcIssuer.StartAsync(("one", _first));
        await using GatewayHost host = await StartAsync(issuer);
        var token = new TestToken().With("iss", issuer.Url);
        Assert.Equal(200, await StatusAsync(host, token.Sign(_first, "one")));

        issuer.Publish(("two", _second));
        Assert.Equal(200, await StatusAsync(host, token.Sign(_second, "two")));

        Answer answer = await GuardedHost.GetAsync(host.Client, "/v2/logging", token.Sign(_first, "one"));
        Assert.Equal(401, answer.Status);
        Assert.Contains("key that is not known", answer.Detail);
    }

    [Fact]
    public async Task UnknownKeys_Many_ReadOnce()
    {
        await using OidcIssuer issuer = await OidcIssuer.StartAsync(("one", _first));
        await using GatewayHost host = await StartAsync(issuer, ("Gateway:Auth:RefreshInterval", "01:00:00"));
        var token = new TestToken().With("iss", issuer.Url);
        Assert.Equal(200, await StatusAsync(host, token.Sign(_first, "one")));
        int before = issuer.Reads;

        int[] statuses = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => StatusAsync(host, token.Sign(_second, $"unknown-{i}"))));

        Assert.All(statuses, status => Assert.Equal(401, status));
        Assert.Equal(1, issuer.Reads - before);
    }

    [Fact]
    public async Task Issuer_Down_LastKeysStay()
    {
        await using OidcIssuer issuer = await OidcIssuer.StartAsync(("one", _first));
        await using GatewayHost host = await StartAsync(issuer);
        var token = new TestToken().With("iss", issuer.Url);
        Assert.Equal(200, await StatusAsync(host, token.Sign(_first, "one")));

        issuer.IsDown = true;

        Assert.Equal(401, await StatusAsync(host, token.Sign(_second, "two")));
        Assert.Equal(200, await StatusAsync(host, token.Sign(_first, "one")));
    }

    [Fact]
    public async Task Issuer_DownAtStart_UnavailableUntilItIsBack()
    {
        await using OidcIssuer issuer = await OidcIssuer.StartAsync(("one", _first));
        issuer.IsDown = true;
        await using GatewayHost host = await StartAsync(issuer, ("Gateway:Auth:RefreshInterval", "00:00:01"));
        var token = new TestToken().With("iss", issuer.Url);

        Answer answer = await GuardedHost.GetAsync(host.Client, "/v2/logging", token.Sign(_first, "one"));
        Assert.Equal(503, answer.Status);
        Assert.Contains("keys of the token issuer", answer.Detail);
        Assert.Equal(401, await StatusAsync(host, null));

        issuer.IsDown = false;
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (await StatusAsync(host, token.Sign(_first, "one")) != 200)
        {
            await Task.Delay(50, patience.Token);
        }
    }

    [Fact]
    public async Task Token_OfAnotherIssuer_Refused()
    {
        await using OidcIssuer issuer = await OidcIssuer.StartAsync(("one", _first));
        await using GatewayHost host = await StartAsync(issuer);

        Answer answer = await GuardedHost.GetAsync(host.Client, "/v2/logging", new TestToken().Sign(_first, "one"));

        Assert.Equal(401, answer.Status);
        Assert.Contains($"expects '{issuer.Url}'", answer.Detail);
    }

    [Fact]
    public async Task Issuer_Configured_ReplacesTheDocuments()
    {
        await using OidcIssuer issuer = await OidcIssuer.StartAsync(("one", _first));
        await using GatewayHost host = await StartAsync(issuer, ("Gateway:Auth:Issuer", TestToken.DefaultIssuer));

        Assert.Equal(200, await StatusAsync(host, new TestToken().Sign(_first, "one")));
        Assert.Equal(401, await StatusAsync(host, new TestToken().With("iss", issuer.Url).Sign(_first, "one")));
    }

    [Fact]
    public async Task PublishedKeyAsSecret_Refused()
    {
        await using OidcIssuer issuer = await OidcIssuer.StartAsync(("one", _first));
        await using GatewayHost host = await StartAsync(issuer);
        byte[] secret = Encoding.ASCII.GetBytes(_first.ExportSubjectPublicKeyInfoPem());

        Answer answer = await GuardedHost.GetAsync(host.Client, "/v2/logging", new TestToken().With("iss", issuer.Url).Sign(secret, "one"));

        Assert.Equal(401, answer.Status);
        Assert.Contains("algorithm is not accepted", answer.Detail);
    }

    private static Task<GatewayHost> StartAsync(OidcIssuer issuer, params (string Key, string Value)[] settings) =>
        GatewayHost.StartAsync(null, [("Gateway:Auth:Enabled", "true"), ("Gateway:Auth:Authority", issuer.Url), .. settings]);

    private static async Task<int> StatusAsync(GatewayHost host, string? token) => (await GuardedHost.GetAsync(host.Client, "/v2/logging", token)).Status;
}
