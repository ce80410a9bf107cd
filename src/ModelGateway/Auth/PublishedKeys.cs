using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace ModelGateway.Auth;

/// <summary>Takes from an issuer's documents the keys that tokens may be signed with.</summary>
internal static class PublishedKeys
{
    private const int SmallestRsaKey = 2048;

    /// <summary>The issuer and its keys.</summary>
    /// <exception cref="InvalidDataException">The documents name no issuer or hold no key that can be used.</exception>
    public static TrustedKeys Read(OpenIdConnectConfiguration document, AuthOptions options)
    {
        string? issuer = string.IsNullOrEmpty(options.Issuer) ? document.Issuer : options.Issuer;
        if (string.IsNullOrEmpty(issuer))
        {
            throw new InvalidDataException("The discovery document names no issuer.");
        }

        var keys = new List<SigningKey>();
        foreach (JsonWebKey key in document.JsonWebKeySet?.Keys ?? [])
        {
            // Encryption keys are published in the same list.
            if (key.Use is null or "" or "sig")
            {
                SigningKey signing = new SigningKey(string.IsNullOrEmpty(key.KeyId) ? null : key.KeyId, key, AlgorithmsOf(key)).Restrict(options.Algorithms);
                if (signing.Algorithms.Count > 0)
                {
                    keys.Add(signing);
                }
            }
        }

        return keys.Count > 0 ? new TrustedKeys(issuer, keys) : throw new InvalidDataException("The key set holds no RSA or EC key that can verify signatures.");
    }

    // Symmetric keys are passed over: a secret that is published is none.
    private static IReadOnlyList<string> AlgorithmsOf(JsonWebKey key)
    {
        IReadOnlyList<string> fitting = key.Kty switch
        {
            JsonWebAlgorithmsKeyTypes.RSA when key.KeySize >= SmallestRsaKey => SignatureAlgorithms.ForRsa(),
            JsonWebAlgorithmsKeyTypes.EllipticCurve => key.Crv switch { "P-256" => ["ES256"], "P-384" => ["ES384"], "P-521" => ["ES512"], _ => [] },
            _ => [],
        };
        return string.IsNullOrEmpty(key.Alg) ? fitting : [.. fitting.Where(algorithm => algorithm == key.Alg)];
    }
}
