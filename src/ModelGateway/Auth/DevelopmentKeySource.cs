using System.Security.Cryptography;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace ModelGateway.Auth;

/// <summary>A key that this process makes for itself when a developer has configured none. It is never written anywhere and ends with the process.</summary>
internal sealed class DevelopmentKeySource : KeySource
{
    private const string DefaultIssuer = "modelgateway-development";
    private const string KeyId = "development";
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(12);

    private readonly ECDsaSecurityKey _key;
    private readonly AuthOptions _options;

    public DevelopmentKeySource(AuthOptions options, IHostEnvironment environment)
    {
        // The validator refuses such a start already; a second lock on the one door that must stay shut.
        if (!environment.IsDevelopment())
        {
            throw new InvalidOperationException("The development key is for Development only.");
        }

        _options = options;
        _key = new ECDsaSecurityKey(ECDsa.Create(ECCurve.NamedCurves.nistP256)) { KeyId = KeyId };
        string issuer = string.IsNullOrEmpty(options.Issuer) ? DefaultIssuer : options.Issuer;
        Current = new TrustedKeys(issuer, [new SigningKey(KeyId, _key, [SecurityAlgorithms.EcdsaSha256])]);
    }

    public override TrustedKeys Current { get; }

    /// <summary>A token with all scopes for all models.</summary>
    public string CreateToken(DateTimeOffset now) => new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
    {
        Issuer = Current.Issuer,
        Audience = _options.EffectiveAudience[0],
        IssuedAt = now.UtcDateTime,
        NotBefore = now.UtcDateTime,
        Expires = (now + Lifetime).UtcDateTime,
        Claims = new Dictionary<string, object> { ["sub"] = "developer", ["scope"] = string.Join(' ', Scopes.All) },
        SigningCredentials = new SigningCredentials(_key, SecurityAlgorithms.EcdsaSha256),
    });
}
