using System.Collections.Frozen;
using Microsoft.Extensions.Options;

namespace ModelGateway.Auth;

/// <summary>The tokens that are refused though all else about them is right: <c>Gateway:Auth:RevokedTokens</c>, followed when it changes.</summary>
internal sealed class RevokedTokens : IDisposable
{
    private readonly IDisposable? _subscription;
    private volatile FrozenSet<string> _ids;

    public RevokedTokens(IOptionsMonitor<GatewayOptions> options)
    {
        _ids = Read(options.CurrentValue);
        _subscription = options.OnChange(Take);
    }

    /// <summary>The ids (claim <c>jti</c>) in force. A new object whenever they changed, so that who was checked before can be told from who was checked since.</summary>
    public FrozenSet<string> Current => _ids;

    public void Dispose() => _subscription?.Dispose();

    // Other settings change too; then nobody need be checked again.
    private void Take(GatewayOptions options)
    {
        FrozenSet<string> ids = Read(options);
        if (!ids.SetEquals(_ids))
        {
            _ids = ids;
        }
    }

    private static FrozenSet<string> Read(GatewayOptions options) => options.Auth.RevokedTokens.ToFrozenSet(StringComparer.Ordinal);
}
