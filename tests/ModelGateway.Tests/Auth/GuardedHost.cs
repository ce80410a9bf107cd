using System.Net.Http.Headers;
using System.Security.Cryptography;
using Xunit;

namespace ModelGateway.Tests.Auth;

/// <summary>A host that trusts three configured keys of each kind and asks for a token everywhere it can.</summary>
public sealed class GuardedHost : IAsyncLifetime
{
    public const string RsaId = "rsa-1";
    public const string EcId = "ec-1";
    public const string SecretId = "secret-1";

    private GatewayHost? _host;

    public RSA Rsa { get; } = RSA.Create(2048);

    public ECDsa Ec { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public byte[] Secret { get; } = RandomNumberGenerator.GetBytes(32);

    public GatewayHost Host => _host!;

    public async Task InitializeAsync() => _host = await GatewayHost.StartAsync(
        null,
        ("Gateway:Auth:Enabled", "true"),
        ("Gateway:Auth:Issuer", TestToken.DefaultIssuer),
        ("Gateway:Auth:Keys:0:Id", RsaId),
        ("Gateway:Auth:Keys:0:Pem", Rsa.ExportSubjectPublicKeyInfoPem()),
        ("Gateway:Auth:Keys:1:Id", EcId),
        ("Gateway:Auth:Keys:1:Pem", Ec.ExportSubjectPublicKeyInfoPem()),
        ("Gateway:Auth:Keys:2:Id", SecretId),
        ("Gateway:Auth:Keys:2:Secret", Convert.ToBase64String(Secret)),
        ("Gateway:Metrics:RequireToken", "true"));

    public async Task DisposeAsync()
    {
        await Host.DisposeAsync();
        Rsa.Dispose();
        Ec.Dispose();
    }

    /// <summary>A page for which the scope models:manage is needed.</summary>
    public Task<Answer> GetManagedAsync(string? token) => GetAsync(Host.Client, "/v2/logging", token);

    /// <summary>Asks for it with a token that is to be refused for this reason.</summary>
    public async Task ExpectRefusalAsync(string token, string reason)
    {
        Answer answer = await GetManagedAsync(token);

        Assert.Equal(401, answer.Status);
        Assert.Equal("application/problem+json", answer.ContentType);
        Assert.StartsWith("Bearer error=\"invalid_token\", error_description=\"", answer.Challenge);
        Assert.Contains(reason, answer.Detail);
        Assert.Contains(reason, answer.Challenge);
        Assert.DoesNotContain("IDX", answer.Body);
    }

    public static async Task<Answer> GetAsync(HttpClient client, string path, string? token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        using HttpResponseMessage response = await client.SendAsync(request);
        string body = await response.Content.ReadAsStringAsync();
        return new Answer((int)response.StatusCode, response.Headers.WwwAuthenticate.ToString(), response.Content.Headers.ContentType?.MediaType, body);
    }
}
