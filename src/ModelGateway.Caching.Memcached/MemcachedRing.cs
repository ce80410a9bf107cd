using System.IO.Hashing;
using System.Text;

namespace ModelGateway.Caching.Memcached;

/// <summary>
/// Which server a key is on: the one that scores highest with it (rendezvous hashing). All gateways with the same servers agree, whatever the order of
/// their lists; where a server goes or comes, only its own keys move.
/// </summary>
internal sealed class MemcachedRing(IReadOnlyList<MemcachedAddress> servers)
{
    /// <summary>For a server that is asked whatever the key.</summary>
    public static readonly MemcachedRing OfOne = new([new MemcachedAddress("", 0)]);

    private readonly ulong[] _seeds = [.. servers.Select(server => XxHash64.HashToUInt64(Encoding.UTF8.GetBytes(server.ToString())))];

    /// <summary>The server's place in the list.</summary>
    public int PlaceOf(ReadOnlySpan<byte> key)
    {
        if (_seeds.Length == 1)
        {
            return 0;
        }

        ulong hash = XxHash64.HashToUInt64(key);
        (int place, ulong highest) = (0, 0);
        for (int index = 0; index < _seeds.Length; index++)
        {
            ulong score = Mix(hash ^ _seeds[index]);
            (place, highest) = score > highest ? (index, score) : (place, highest);
        }

        return place;
    }

    // The last step of SplitMix64: one bit of difference changes half of them.
    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
