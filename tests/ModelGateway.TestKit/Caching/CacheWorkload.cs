namespace ModelGateway.TestKit.Caching;

/// <summary>A sequence of requests, always the same, that caches are compared on: each misses or hits, and a miss is set.</summary>
/// <param name="Name">What it is called in tables.</param>
/// <param name="CapacityBytes">Of the cache that it is meant for.</param>
/// <param name="Keys">What is asked for, in order.</param>
/// <param name="Weight">Bytes of a key's value.</param>
public sealed record CacheWorkload(string Name, long CapacityBytes, int[] Keys, Func<int, long> Weight)
{
    private const int Population = 100_000;
    private const int Entries = Population / 20;
    private const int EntryBytes = 1_000;
    private const int Requests = 500_000;

    /// <summary>100,000 keys, the r-th most popular asked for in proportion to r^-exponent; the cache holds 5 % of them.</summary>
    public static CacheWorkload Zipf(double exponent)
    {
        var zipf = new ZipfNumbers(Population, exponent, seed: 1);
        return new CacheWorkload($"Zipf, s = {exponent:0.0}", Entries * EntryBytes, Fill(_ => zipf.Next()), _ => EntryBytes);
    }

    /// <summary>Every second request is for a hot key (4,000 of them, one as often as another), the others each for a key that never comes again.</summary>
    public static CacheWorkload HotSetAndScan()
    {
        var random = new Random(2);
        return new CacheWorkload(
            "hot set and one-off keys",
            Entries * EntryBytes,
            Fill(i => i % 2 == 0 ? random.Next(4_000) : Population + i),
            _ => EntryBytes);
    }

    /// <summary>One key after the other, around and around, a fifth more of them than the cache holds.</summary>
    public static CacheWorkload Loop() => new("loop", Entries * EntryBytes, Fill(i => i % (Entries * 6 / 5)), _ => EntryBytes);

    /// <summary>Zipf with s = 1.0 whose popular keys all change for others five times.</summary>
    public static CacheWorkload ShiftingHotSet()
    {
        var zipf = new ZipfNumbers(Population, 1.0, seed: 3);
        const int Phase = Requests / 5;
        return new CacheWorkload(
            "shifting hot set",
            Entries * EntryBytes,
            Fill(i => (zipf.Next() + (i / Phase * (Population / 5))) % Population),
            _ => EntryBytes);
    }

    /// <summary>Zipf with s = 0.9 over values from 100 bytes to 100 kB, as many of each order of magnitude, big ones as popular as small ones.</summary>
    public static CacheWorkload MixedSizes()
    {
        var zipf = new ZipfNumbers(Population, 0.9, seed: 4);
        var random = new Random(5);
        long[] weights = [.. Enumerable.Range(0, Population).Select(_ => (long)(100 * Math.Pow(1_000, random.NextDouble())))];
        return new CacheWorkload("mixed sizes", weights.Sum() / 20, Fill(_ => zipf.Next()), key => weights[key]);
    }

    public static IEnumerable<CacheWorkload> All() =>
        [Zipf(0.9), Zipf(1.0), HotSetAndScan(), Loop(), ShiftingHotSet(), MixedSizes()];

    /// <summary>The share of requests that hit.</summary>
    public double HitRatio(Func<int, bool> tryGet, Action<int, long> set)
    {
        int hits = 0;
        foreach (int key in Keys)
        {
            if (tryGet(key))
            {
                hits++;
            }
            else
            {
                set(key, Weight(key));
            }
        }

        return (double)hits / Keys.Length;
    }

    public double LruHitRatio()
    {
        var cache = new LruCache<int, int>(CapacityBytes);
        return HitRatio(key => cache.TryGet(key, out _), (key, weight) => cache.Set(key, key, weight));
    }

    private static int[] Fill(Func<int, int> keyOf) => [.. Enumerable.Range(0, Requests).Select(keyOf)];
}
