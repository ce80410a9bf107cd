using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace ModelGateway.Tests.Auth;

/// <summary>A small real OIDC issuer on a port of its own: discovery document and key set, whose keys the test rotates.</summary>
public sealed class OidcIssuer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private volatile IReadOnlyList<(string Id, RSA Key)> _keys = [];
    private int _reads;

    private OidcIssuer()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        _app = builder.Build();
        _app.Urls.Add("http://127.0.0.1:0");
        _app.MapGet("/.well-known/openid-configuration", () => IsDown
            ? Results.StatusCode(StatusCodes.Status500InternalServerError)
            : Results.Json(new { issuer = Url, jwks_uri = $"{Url}/jwks" }));
        _app.MapGet("/jwks", () =>
        {
            Interlocked.Increment(ref _reads);
            return Results.Json(new { keys = _keys.Select(key => Publish(key.Id, key.Key)) });
        });
    }

    public string Url => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();

    public bool IsDown { get; set; }

    /// <summary>How often the key set was read.</summary>
    public int Reads => Volatile.Read(ref _reads);

    public static async Task<OidcIssuer> StartAsync(params (string Id, RSA Key)[] keys)
    {
        var issuer = new OidcIssuer();
        issuer.Publish(keys);
        await issuer._app.StartAsync();
        return issuer;
    }

    public void Publish(params (string Id, RSA Key)[] keys) => _keys = keys;

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static object Publish(string id, RSA key)
    {
        RSAParameters parameters = key.ExportParameters(includePrivateParameters: false);
        return new { kty = "RSA", use = "sig", kid = id, n = TestToken.Encode(parameters.Modulus), e = TestToken.Encode(parameters.Exponent) };
    }
}
