using ModelGateway.Serving.Caching;
using ModelGateway.TestKit.Caching;
using Xunit;

namespace ModelGateway.Serving.Tests.Caching;

/// <summary>Against plain LRU on the same requests; docs/benchmarks.md (<c>cache-policy</c>) has the ratios that the slack was taken from.</summary>
public sealed class WeightedLfuCacheHitRatioTests
{
    [Theory]
    [InlineData(0.9)]
    [InlineData(1.0)]
    public void TryGet_ZipfRequests_HitsMoreThanLru(double exponent)
    {
        CacheWorkload workload = CacheWorkload.Zipf(exponent);

        Assert.True(HitRatio(workload) > workload.LruHitRatio() + 0.04, Describe(workload));
    }

    [Fact]
    public void TryGet_HotSetAndOneOffKeys_KeepsTheHotSet()
    {
        CacheWorkload workload = CacheWorkload.HotSetAndScan();

        // Half of the requests can hit.
        Assert.True(HitRatio(workload) > 0.47 && workload.LruHitRatio() < 0.4, Describe(workload));
    }

    [Fact]
    public void TryGet_LoopLargerThanTheCache_KeepsAPartOfIt()
    {
        CacheWorkload workload = CacheWorkload.Loop();

        Assert.True(HitRatio(workload) > 0.6 && workload.LruHitRatio() == 0, Describe(workload));
    }

    [Fact]
    public void TryGet_HotSetThatShifts_HitsNearlyAsMuchAsLru()
    {
        CacheWorkload workload = CacheWorkload.ShiftingHotSet();

        // LRU forgets at once; here it takes some ten requests an entry, and the phases are twenty long.
        Assert.True(HitRatio(workload) > workload.LruHitRatio() - 0.04, Describe(workload));
    }

    [Fact]
    public void TryGet_MixedSizes_HitsMoreThanLru()
    {
        CacheWorkload workload = CacheWorkload.MixedSizes();

        Assert.True(HitRatio(workload) > workload.LruHitRatio() + 0.1, Describe(workload));
    }

    [Fact]
    public void TryGet_HotSetIsLeftForAnother_TakesTheOtherIn()
    {
        const int Hot = 900;
        var cache = new WeightedLfuCache<int, int>(1_000, seed: 1);
        AskForAll(0, rounds: 30);

        double[] ratios = [AskForAll(0, rounds: 5), AskForAll(Hot, rounds: 30), AskForAll(Hot, rounds: 5)];

        // Both are asked for more often than the sketch counts to: only what it forgets makes room.
        Assert.True(ratios[0] > 0.98 && ratios[2] > 0.95, string.Join(" ", ratios));

        double AskForAll(int first, int rounds)
        {
            int[] keys = [.. Enumerable.Range(0, rounds * Hot).Select(i => first + (i % Hot))];
            return new CacheWorkload("hot set", 1_000, keys, _ => 1)
                .HitRatio(key => cache.TryGet(key, out _), (key, weight) => cache.Set(key, key, weight));
        }
    }

    [Fact]
    public void Set_HeavyKeyThatIsAlwaysWanted_GetsInAmongLightOnes()
    {
        var cache = new WeightedLfuCache<int, int>(100_000, seed: 1);
        for (int key = 0; key < 10_000; key++)
        {
            cache.Set(key, key, 10);
            cache.TryGet(key, out _);
        }

        // It displaces a thousand, whose frequencies together no counter reaches.
        int asked = 0;
        while (!cache.Set(-1, -1, 10_000) && asked < 2_000)
        {
            asked++;
        }

        Assert.InRange(asked, 15, 1_000);
    }

    private static double HitRatio(CacheWorkload workload)
    {
        var cache = new WeightedLfuCache<int, int>(workload.CapacityBytes, seed: 1);
        return workload.HitRatio(key => cache.TryGet(key, out _), (key, weight) => cache.Set(key, key, weight));
    }

    private static string Describe(CacheWorkload workload) => $"{workload.Name}: {HitRatio(workload):P1}, LRU {workload.LruHitRatio():P1}";
}
