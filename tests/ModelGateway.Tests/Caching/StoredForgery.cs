using System.Security.Cryptography;

namespace ModelGateway.Tests.Caching;

/// <summary>What somebody puts in place of a stored prediction.</summary>
/// <param name="Name">What it is.</param>
/// <param name="Make">Makes it of the prediction and of that of another key.</param>
internal sealed record StoredForgery(string Name, Func<byte[], byte[], byte[]> Make)
{
    // Every value ends with it.
    private const int HashSize = 16;

    /// <summary>Each kind, none of which is an answer.</summary>
    public static IReadOnlyList<StoredForgery> All { get; } =
    [
        new("random bytes", static (own, _) => RandomNumberGenerator.GetBytes(own.Length)),
        new("a truncated value", static (own, _) => own[..(own.Length / 2)]),
        new("a value that lost its last byte", static (own, _) => own[..^1]),
        new("the value of another key", static (_, other) => other),
        new("another bit in the middle", static (own, _) => Flip(own, own.Length / 2)),
        new("another bit at the end of the payload, which is the answer", static (own, _) => Flip(own, own.Length - HashSize - 1)),
        new("nothing", static (_, _) => []),
    ];

    private static byte[] Flip(byte[] value, int place)
    {
        byte[] other = [.. value];
        other[place] ^= 4;
        return other;
    }
}
