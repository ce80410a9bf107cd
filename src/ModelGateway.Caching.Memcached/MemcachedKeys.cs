using System.Buffers.Text;
using System.Text;
using ModelGateway.Serving.Caching;

namespace ModelGateway.Caching.Memcached;

/// <summary>The keys of the server's items, all within its 250 bytes. The number is that of this layout: gateways with another one see nothing of it.</summary>
/// <remarks>
/// <code>
/// {prefix}:1:v:{hash}     a value; the hash in base64url, 43 characters
/// {prefix}:1:c:{hash}     a claim: who holds it
/// {prefix}:1:e:{scope}    an epoch, in decimal
/// {prefix}:1:p:{store}    what a probe wrote
/// </code>
/// </remarks>
internal sealed class MemcachedKeys(string prefix)
{
    /// <summary>The server's limit; bytes.</summary>
    public const int MaxLength = 250;

    private const int HashLength = 43;
    private readonly byte[] _values = Encoding.ASCII.GetBytes($"{prefix}:1:v:");
    private readonly byte[] _claims = Encoding.ASCII.GetBytes($"{prefix}:1:c:");
    private readonly string _epochs = $"{prefix}:1:e:";
    private readonly string _probes = $"{prefix}:1:p:";

    /// <param name="key">Whose value.</param>
    /// <param name="space">Room for <see cref="MaxLength"/> bytes.</param>
    public ReadOnlySpan<byte> OfValue(PredictionKey key, Span<byte> space) => Write(_values, key, space);

    public byte[] OfClaim(PredictionKey key) => Write(_claims, key, stackalloc byte[MaxLength]).ToArray();

    /// <exception cref="ArgumentException">No key can hold the scope.</exception>
    public byte[] OfEpoch(string scope) =>
        _epochs.Length + scope.Length <= MaxLength && scope.All(character => character is > ' ' and <= '~')
            ? Encoding.ASCII.GetBytes(_epochs + scope)
            : throw new ArgumentException("A scope is up to 160 characters of ASCII without spaces.", nameof(scope));

    public byte[] OfProbe(string store) => Encoding.ASCII.GetBytes(_probes + store);

    private static ReadOnlySpan<byte> Write(byte[] start, PredictionKey key, Span<byte> space)
    {
        Span<byte> hash = stackalloc byte[PredictionKey.Size];
        key.WriteTo(hash);
        start.CopyTo(space);
        Base64Url.EncodeToUtf8(hash, space[start.Length..]);
        return space[..(start.Length + HashLength)];
    }
}
