using Microsoft.IdentityModel.Tokens;

namespace ModelGateway.Auth;

/// <summary>What tokens are checked against at one moment: an issuer and its keys. Immutable, replaced as a whole.</summary>
internal sealed class TrustedKeys(string issuer, IReadOnlyList<SigningKey> keys)
{
    /// <summary>Nobody: no token passes.</summary>
    public static TrustedKeys None { get; } = new("", []);

    public string Issuer => issuer;

    public int Count => keys.Count;

    /// <summary>Every algorithm that some key accepts.</summary>
    public IReadOnlyList<string> Algorithms { get; } = [.. keys.SelectMany(key => key.Algorithms).Distinct().Order(StringComparer.Ordinal)];

    /// <summary>Whether a key stands behind the name in a token.</summary>
    public bool Knows(string? id) => keys.Any(key => Fits(key, id));

    /// <summary>Whether the key is one of these, and not of an earlier reading of them.</summary>
    public bool Holds(SecurityKey key) => keys.Any(known => ReferenceEquals(known.Key, key));

    /// <summary>
    /// The keys that may have signed a token with this header. A token that names a key gets that key and no other; keys of
    /// another kind than the algorithm's are never tried.
    /// </summary>
    public List<SecurityKey> Find(string? id, string algorithm)
    {
        var found = new List<SecurityKey>(1);
        foreach (SigningKey key in keys)
        {
            if (Fits(key, id) && key.Algorithms.Contains(algorithm))
            {
                found.Add(key.Key);
            }
        }

        return found;
    }

    /// <summary>The same keys by name, in the same order.</summary>
    public bool HasNamesOf(TrustedKeys other) => other.Issuer == Issuer && other.Names.SequenceEqual(Names);

    private IEnumerable<string?> Names => keys.Select(key => key.Id);

    private static bool Fits(SigningKey key, string? id) => string.IsNullOrEmpty(id) || key.Id is null || key.Id == id;
}
