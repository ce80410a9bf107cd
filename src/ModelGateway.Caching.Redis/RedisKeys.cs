using System.Buffers.Text;
using System.Text;
using ModelGateway.Serving.Caching;
using StackExchange.Redis;

namespace ModelGateway.Caching.Redis;

/// <summary>The names of all that the gateway keeps in Redis.</summary>
/// <remarks>
/// <code>
/// {prefix}:1:{HASH}:v       a value            HASH: the prediction's key, base64url, 43 characters. Within braces it is what a cluster
/// {prefix}:1:{HASH}:c       a claim            hashes (a hash tag): keys spread over all nodes, claim and value stand on one.
/// {prefix}:1:epoch:SCOPE    an epoch           SCOPE: a model or model/version
/// {prefix}:1:epochs         a channel          says the scope whose epoch was set
/// </code>
/// The 1 is the version of this table and of what is kept: who changes one changes it, and meets nothing of the old.
/// </remarks>
internal sealed class RedisKeys(string prefix)
{
    private readonly byte[] _hashed = Encoding.ASCII.GetBytes($"{prefix}:1:{{");
    private readonly string _epoch = $"{prefix}:1:epoch:";

    /// <summary>Where epochs are announced.</summary>
    public RedisChannel Epochs { get; } = RedisChannel.Literal($"{prefix}:1:epochs");

    public RedisKey Value(PredictionKey key) => Hashed(key, "}:v"u8);

    public RedisKey Claim(PredictionKey key) => Hashed(key, "}:c"u8);

    public RedisKey Epoch(string scope) => _epoch + scope;

    private byte[] Hashed(PredictionKey key, ReadOnlySpan<byte> suffix)
    {
        Span<byte> hash = stackalloc byte[PredictionKey.Size];
        key.WriteTo(hash);
        byte[] name = new byte[_hashed.Length + Base64Url.GetEncodedLength(PredictionKey.Size) + suffix.Length];
        _hashed.CopyTo(name, 0);
        Base64Url.EncodeToUtf8(hash, name.AsSpan(_hashed.Length));
        suffix.CopyTo(name.AsSpan(name.Length - suffix.Length));
        return name;
    }
}
