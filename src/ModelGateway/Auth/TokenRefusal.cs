using System.Globalization;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace ModelGateway.Auth;

/// <summary>Why a token is not accepted, in words that help its owner: what this server expects, nothing of the token's text, nothing of a key.</summary>
internal static class TokenRefusal
{
    /// <summary>One sentence.</summary>
    public static string Explain(Exception failure, string token, TrustedKeys keys, AuthOptions options) => failure switch
    {
        TokenRevokedException => "The token was revoked.",
        SecurityTokenExpiredException expired => $"The token expired at {Format(expired.Expires)}.",
        SecurityTokenNotYetValidException early => $"The token is not valid before {Format(early.NotBefore)}.",
        SecurityTokenNoExpirationException => "The token has no expiry (claim 'exp').",
        SecurityTokenInvalidLifetimeException => "The token's lifetime is not valid: it ends before it begins.",
        SecurityTokenInvalidAudienceException => $"The token is for another audience (claim 'aud'); this server expects {Quote(options.EffectiveAudience)}.",
        SecurityTokenInvalidIssuerException => $"The token is from another issuer (claim 'iss'); this server expects '{keys.Issuer}'.",
        _ => ExplainSignature(token, keys),
    };

    private static string ExplainSignature(string token, TrustedKeys keys)
    {
        if (!TryRead(token, out JsonWebToken? read))
        {
            return "The token is not a signed JWT.";
        }

        return read.IsEncrypted ? "The token is encrypted, which is not accepted."
            : read.Alg is null or "" || read.Alg.Equals("none", StringComparison.OrdinalIgnoreCase) ? "The token is not signed (algorithm 'none')."
            : read.HasCriticalHeaders() ? "The token's header asks for extensions ('crit') that are not known here."
            : !keys.Algorithms.Contains(read.Alg) ? $"The token's signature algorithm is not accepted; this server expects {Quote(keys.Algorithms)}."
            : !keys.Knows(read.Kid) ? "The token is signed with a key that is not known here (header 'kid')."
            : keys.Find(read.Kid, read.Alg).Count == 0 ? "The token's signature algorithm does not fit the key that it names (header 'kid')."
            : "The token's signature is not valid.";
    }

    /// <summary>Extensions that a reader must understand or refuse (RFC 7515, 4.1.11); none is understood here.</summary>
    public static bool HasCriticalHeaders(this JsonWebToken token) => token.TryGetHeaderValue("crit", out object? _);

    private static bool TryRead(string token, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out JsonWebToken? read)
    {
        try
        {
            read = new JsonWebToken(token);
            return true;
        }
        catch (Exception exception) when (exception is ArgumentException or SecurityTokenException)
        {
            read = null;
            return false;
        }
    }

    private static string Format(DateTime utc) => utc.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static string Quote(IEnumerable<string> names) => string.Join(" or ", names.Select(name => $"'{name}'"));
}
