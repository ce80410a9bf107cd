using Microsoft.Extensions.Options;

namespace ModelGateway.Auth;

/// <summary>Which models a caller may use: the <c>models</c> claim holds name patterns; without the claim, all.</summary>
internal sealed class ModelAccess(IOptions<GatewayOptions> options)
{
    // For requests whose token was not accepted: an endpoint that forgot to ask for one shows nothing.
    private static readonly Func<string, bool> Nothing = static _ => false;

    private readonly bool _enabled = options.Value.Auth.Enabled;

    /// <summary>Whether the caller may use this model.</summary>
    public bool Allows(HttpContext http, string model) => Filter(http)?.Invoke(model) != false;

    /// <summary>The caller's filter over model names; null where all are allowed.</summary>
    public Func<string, bool>? Filter(HttpContext http) =>
        !_enabled ? null : TokenGrant.Of(http) is { } grant ? grant.Models : Nothing;
}
