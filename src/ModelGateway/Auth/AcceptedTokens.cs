using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;

namespace ModelGateway.Auth;

/// <summary>Tokens that were accepted, so that a caller who sends one again does not pay for its signature again: an ES256 check costs more than a small prediction.</summary>
/// <remarks>
/// <para>An entry counts only while the very keys and revocations that it was checked with are in force, and never past the token's expiry: what
/// would be refused anew is refused from here too. Refused tokens are not kept, so nobody without a good token can fill it.</para>
/// <para>Two generations: when the young one is full it becomes the old one, and the old one goes. Readers take no lock;
/// <c>_gate</c> guards the change of generations.</para>
/// </remarks>
internal sealed class AcceptedTokens(TimeProvider time, RevokedTokens revoked)
{
    private const int Capacity = 1024;
    private readonly Lock _gate = new();
    private volatile Generation _young = new();
    private volatile Generation _old = new();

    /// <summary>What the token allows, if it was accepted with these keys and has not expired since.</summary>
    public bool TryGet(ReadOnlySpan<char> token, TrustedKeys? keys, [NotNullWhen(true)] out TokenGrant? grant)
    {
        Generation young = _young;
        if (!young.Lookup.TryGetValue(token, out Accepted? accepted) && _old.Lookup.TryGetValue(token, out accepted))
        {
            young.Tokens.TryAdd(token.ToString(), accepted);
        }

        bool counts = accepted is not null && ReferenceEquals(accepted.Keys, keys) && ReferenceEquals(accepted.Revoked, revoked.Current) && time.GetUtcNow().UtcDateTime < accepted.Until;
        grant = counts ? accepted!.Grant : null;
        return counts;
    }

    /// <summary>Keeps a token that was accepted.</summary>
    /// <param name="token">Its text.</param>
    /// <param name="grant">What it allows.</param>
    /// <param name="keys">The keys that it was checked with.</param>
    /// <param name="notAmong">The revocations that it was looked for in.</param>
    /// <param name="until">When it is no longer accepted; UTC.</param>
    public void Add(string token, TokenGrant grant, TrustedKeys keys, FrozenSet<string> notAmong, DateTime until)
    {
        _young.Tokens[token] = new Accepted(grant, keys, notAmong, until);
        if (_young.Tokens.Count >= Capacity)
        {
            lock (_gate)
            {
                if (_young.Tokens.Count >= Capacity)
                {
                    _old = _young;
                    _young = new Generation();
                }
            }
        }
    }

    private sealed record Accepted(TokenGrant Grant, TrustedKeys Keys, FrozenSet<string> Revoked, DateTime Until);

    private sealed class Generation
    {
        public Generation() => Lookup = Tokens.GetAlternateLookup<ReadOnlySpan<char>>();

        public ConcurrentDictionary<string, Accepted> Tokens { get; } = new(StringComparer.Ordinal);

        public ConcurrentDictionary<string, Accepted>.AlternateLookup<ReadOnlySpan<char>> Lookup { get; }
    }
}
