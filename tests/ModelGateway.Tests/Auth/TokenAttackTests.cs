using System.Security.Cryptography;
using System.Text;
using Xunit;

namespace ModelGateway.Tests.Auth;

/// <summary>Tokens that somebody else has signed, or nobody, in all the ways that are known to have fooled servers.</summary>
public sealed class TokenAttackTests(GuardedHost guarded) : IClassFixture<GuardedHost>
{
    private static readonly TestToken Good = new();

    [Fact]
    public async Task Signature_TamperedPayload_Refused()
    {
        string[] parts = Good.With("scope", "models:read").Sign(guarded.Rsa, GuardedHost.RsaId).Split('.');
        string widened = Good.Sign(guarded.Rsa, GuardedHost.RsaId).Split('.')[1];

        await guarded.ExpectRefusalAsync($"{parts[0]}.{widened}.{parts[2]}", "signature is not valid");
    }

    [Fact]
    public async Task Signature_OtherKey_Refused()
    {
        using var other = RSA.Create(2048);
        await guarded.ExpectRefusalAsync(Good.Sign(other, GuardedHost.RsaId), "signature is not valid");
        await guarded.ExpectRefusalAsync(Good.Sign(other), "signature is not valid");
    }

    [Theory]
    [InlineData("none")]
    [InlineData("None")]
    [InlineData("NONE")]
    [InlineData("nOnE")]
    public async Task Unsigned_Refused(string algorithm)
    {
        await guarded.ExpectRefusalAsync(Good.Sign(algorithm, null, _ => []), "not signed");
        await guarded.ExpectRefusalAsync(Good.Sign(algorithm, GuardedHost.RsaId, _ => [1, 2, 3]), "not signed");
    }

    [Fact]
    public async Task Signature_CutOff_Refused()
    {
        string token = Good.Sign(guarded.Rsa, GuardedHost.RsaId);
        await guarded.ExpectRefusalAsync(token[..(token.LastIndexOf('.') + 1)], "signature is not valid");
    }

    // The classic: the public key, which everybody knows, taken for a shared secret.
    [Fact]
    public async Task PublicKeyAsSecret_Refused()
    {
        byte[][] spellings =
        [
            Encoding.ASCII.GetBytes(guarded.Rsa.ExportSubjectPublicKeyInfoPem()),
            Encoding.ASCII.GetBytes(guarded.Rsa.ExportSubjectPublicKeyInfoPem() + "\n"),
            guarded.Rsa.ExportSubjectPublicKeyInfo(),
            guarded.Rsa.ExportRSAPublicKey(),
        ];
        foreach (byte[] secret in spellings)
        {
            await guarded.ExpectRefusalAsync(Good.Sign(secret, GuardedHost.RsaId), "algorithm does not fit the key");
            await guarded.ExpectRefusalAsync(Good.Sign(secret), "signature is not valid");
        }
    }

    [Fact]
    public async Task KeyName_OfAnotherKey_Refused()
    {
        await guarded.ExpectRefusalAsync(Good.Sign(guarded.Secret, GuardedHost.EcId), "algorithm does not fit the key");
        await guarded.ExpectRefusalAsync(Good.Sign(guarded.Ec, GuardedHost.RsaId), "algorithm does not fit the key");
    }

    [Fact]
    public async Task KeyName_Unknown_Refused() => await guarded.ExpectRefusalAsync(Good.Sign(guarded.Rsa, "rsa-2"), "key that is not known");

    [Theory]
    [InlineData("HS512")]
    [InlineData("ES384")]
    [InlineData("XX256")]
    public async Task Algorithm_NotOfTheKeys_Refused(string algorithm) =>
        await guarded.ExpectRefusalAsync(Good.Sign(algorithm, null, data => HMACSHA512.HashData(guarded.Secret, data)), "algorithm is not accepted");

    [Fact]
    public async Task HeaderKeys_Injected_Ignored()
    {
        using var attacker = RSA.Create(2048);
        RSAParameters parameters = attacker.ExportParameters(includePrivateParameters: false);
        var jwk = new { kty = "RSA", kid = "evil", n = TestToken.Encode(parameters.Modulus), e = TestToken.Encode(parameters.Exponent) };
        await using OidcIssuer evil = await OidcIssuer.StartAsync(("evil", attacker));
        TestToken token = Good.WithHeader("jwk", jwk).WithHeader("jku", $"{evil.Url}/jwks").WithHeader("x5u", $"{evil.Url}/jwks");

        await guarded.ExpectRefusalAsync(token.Sign(attacker), "signature is not valid");
        await guarded.ExpectRefusalAsync(token.Sign(attacker, GuardedHost.RsaId), "signature is not valid");
        await guarded.ExpectRefusalAsync(token.Sign(attacker, "evil"), "key that is not known");
        Assert.Equal(0, evil.Reads);
    }

    [Fact]
    public async Task CriticalHeader_Refused() =>
        await guarded.ExpectRefusalAsync(Good.WithHeader("crit", new[] { "exp" }).Sign(guarded.Rsa, GuardedHost.RsaId), "'crit'");
}
