using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace ModelGateway.Auth;

/// <summary>Checks a token, and checks it again where the issuer's keys had to be read anew: no request fails because a key was rotated.</summary>
internal sealed class RotationAwareTokenHandler : JsonWebTokenHandler
{
    private readonly KeySource _keys;

    public RotationAwareTokenHandler(KeySource keys)
    {
        _keys = keys;
        MapInboundClaims = false;
    }

    public override async Task<TokenValidationResult> ValidateTokenAsync(string token, TokenValidationParameters validationParameters)
    {
        TrustedKeys? seen = _keys.Current;
        TokenValidationResult result = await base.ValidateTokenAsync(token, validationParameters);
        return result is { IsValid: false, Exception: SecurityTokenSignatureKeyNotFoundException } && await _keys.RefreshAsync(seen, CancellationToken.None)
            ? await base.ValidateTokenAsync(token, validationParameters)
            : result;
    }
}
