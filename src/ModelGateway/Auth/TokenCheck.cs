using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;

namespace ModelGateway.Auth;

/// <summary>What can be said of a request's token at once: whether it is one that was accepted before and allows an endpoint.</summary>
internal sealed class TokenCheck(AcceptedTokens tokens, KeySource keys, IOptions<GatewayOptions> options)
{
    private readonly bool _isOn = options.Value.Auth.Enabled;

    /// <summary>The scope that an endpoint asks for; null where it is open.</summary>
    /// <remarks>An endpoint that says nothing of who may call is closed to all but operators, so that forgetting is safe.</remarks>
    public static string? ScopeOf(Endpoint endpoint) =>
        endpoint.Metadata.GetMetadata<RequiredScope>()?.Scope ?? (endpoint.Metadata.GetMetadata<IAllowAnonymous>() is null ? Scopes.Manage : null);

    /// <summary>Whether the token was accepted before; what it allows is then kept with the request.</summary>
    public TokenGrant? Find(HttpContext http)
    {
        if (BearerToken.TryFind(http.Request, out ReadOnlySpan<char> token) && tokens.TryGet(token, keys.Current, out TokenGrant? grant))
        {
            grant.KeepWith(http);
            return grant;
        }

        return null;
    }

    /// <summary>Whether a request may go to an endpoint, as far as that is known without looking at a signature.</summary>
    public bool Allows(HttpContext http, Endpoint endpoint) =>
        !_isOn || (Find(http) is { } grant && (ScopeOf(endpoint) is not { } scope || grant.Has(scope)));
}
