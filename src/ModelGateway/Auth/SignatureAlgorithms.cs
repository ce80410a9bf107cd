namespace ModelGateway.Auth;

/// <summary>
/// The signature algorithms that can be accepted, each with the kind of key that it belongs to (RFC 7518, 3.1). <c>none</c> is not
/// among them. A key verifies the algorithms of its own kind only: that a public key is never taken for a shared secret follows.
/// </summary>
internal static class SignatureAlgorithms
{
    private static readonly string[] Rsa = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
    private static readonly string[] Secret = ["HS256", "HS384", "HS512"];

    // By the object identifier of the curve.
    private static readonly Dictionary<string, string[]> Curves = new(StringComparer.Ordinal)
    {
        ["1.2.840.10045.3.1.7"] = ["ES256"],
        ["1.3.132.0.34"] = ["ES384"],
        ["1.3.132.0.35"] = ["ES512"],
    };

    /// <summary>Those of public keys: what an OIDC issuer may sign with.</summary>
    public static IReadOnlyList<string> Asymmetric { get; } = [.. Rsa, "ES256", "ES384", "ES512"];

    /// <summary>All.</summary>
    public static IReadOnlyList<string> All { get; } = [.. Asymmetric, .. Secret];

    /// <summary>Those of RSA keys.</summary>
    public static IReadOnlyList<string> ForRsa() => Rsa;

    /// <summary>The one of an elliptic curve; none for a curve that JWT does not know.</summary>
    public static IReadOnlyList<string> ForCurve(string? oid) => oid is not null && Curves.TryGetValue(oid, out string[]? algorithms) ? algorithms : [];

    /// <summary>Those for which a secret is long enough: at least as long as the hash (RFC 7518, 3.2).</summary>
    public static IReadOnlyList<string> ForSecret(int bytes) => [.. Secret.Take((bytes / 16) - 1)];
}
