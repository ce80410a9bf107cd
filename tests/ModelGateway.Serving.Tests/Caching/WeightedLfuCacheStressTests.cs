using System.Globalization;
using ModelGateway.Serving.Caching;
using Xunit;

namespace ModelGateway.Serving.Tests.Caching;

/// <summary>Many threads on one cache, too small for what they put in; what they see and what is left must add up.</summary>
public sealed class WeightedLfuCacheStressTests
{
    private const int Threads = 8;
    private const int Steps = 50_000;
    private const int Keys = 2_000;

    [Fact]
    public async Task AllCalls_ManyThreads_ReadWhatWasSetAndStayWithinTheCapacity()
    {
        var cache = new WeightedLfuCache<int, Value>(30_000, seed: 1);

        await RunAsync(thread =>
        {
            var random = new Random(thread);
            for (int step = 0; step < Steps; step++)
            {
                int key = Math.Min(random.Next(Keys), random.Next(Keys));
                switch (random.Next(1_000))
                {
                    case < 700:
                        if (cache.TryGet(key, out Value? read))
                        {
                            Assert.Equal(key, read.Key);
                        }

                        break;
                    case < 900:
                        var value = new Value(key, 1 + random.Next(200));
                        cache.Set(key, value, value.Weight);
                        break;
                    case < 950:
                        cache.Remove(key);
                        break;
                    case < 998:
                        if (cache.TryPeek(key, out Value? peeked))
                        {
                            Assert.Equal(key, peeked.Key);
                            cache.Remove(key, peeked);
                        }

                        break;
                    case 998:
                        cache.RemoveWhere((other, stored) => other == stored.Key && other % 10 == key % 10);
                        break;
                    default:
                        if (step % 10 == 0)
                        {
                            cache.Clear();
                        }

                        break;
                }

                Assert.InRange(cache.Bytes, 0, cache.CapacityBytes);
            }
        });

        List<Value> left = Left(cache);
        Assert.NotEmpty(left);
        Assert.Equal(left.Count, cache.Count);
        Assert.Equal(left.Sum(value => value.Weight), cache.Bytes);
        Assert.Equal(left.Count, cache.RemoveWhere((_, _) => true));
        Assert.Equal((0, 0L), (cache.Count, cache.Bytes));
    }

    [Fact]
    public async Task Set_ManyThreadsWithKeysOfTheirOwn_LoseNothingButEvictionsAndRefusals()
    {
        var cache = new WeightedLfuCache<int, Value>(200_000, seed: 1);

        await RunAsync(thread =>
        {
            var random = new Random(thread);
            for (int step = 0; step < Steps; step++)
            {
                int key = (step * Threads) + thread;
                var value = new Value(key, 1 + random.Next(200));
                cache.Set(key, value, value.Weight);
                int other = random.Next(key + 1);
                if (cache.TryGet(other, out Value? read))
                {
                    Assert.Equal(other, read.Key);
                }
            }
        });

        Assert.True(cache.Evictions > 0 && cache.Refusals > 0, string.Create(CultureInfo.InvariantCulture, $"{cache.Evictions} {cache.Refusals}"));
        Assert.Equal(Threads * Steps, cache.Count + cache.Evictions + cache.Refusals);
        Assert.Equal(cache.Count, Left(cache).Count);
    }

    [Fact]
    public async Task TryGet_ManyThreadsAndSeldomAWrite_StaysWhole()
    {
        // So seldom that the buffers of reads fill in between, and readers tell the policy of them.
        var cache = new WeightedLfuCache<int, Value>(100_000, seed: 1);

        await RunAsync(thread =>
        {
            var random = new Random(thread);
            for (int step = 0; step < Steps * 20; step++)
            {
                int key = Math.Min(random.Next(Keys), random.Next(Keys));
                if (step < Keys || step % 500 == 0)
                {
                    cache.Set(key, new Value(key, 100), 100);
                }
                else if (cache.TryGet(key, out Value? read) && read.Key != key)
                {
                    Assert.Fail("The value of another key.");
                }
            }
        });

        List<Value> left = Left(cache);
        Assert.InRange(left.Count, 900, 1_000);
        Assert.Equal((left.Count, left.Count * 100L), (cache.Count, cache.Bytes));
        Assert.Equal(left.Count, cache.RemoveWhere((_, _) => true));
        Assert.Equal((0, 0L), (cache.Count, cache.Bytes));
    }

    [Fact]
    public async Task Set_RoomForAll_LosesNothing()
    {
        var cache = new WeightedLfuCache<int, Value>(10_000_000, seed: 1);

        await RunAsync(thread =>
        {
            for (int step = 0; step < Steps / 10; step++)
            {
                int key = (step * Threads) + thread;
                Assert.True(cache.Set(key, new Value(key, 100), 100));
                Assert.True(cache.TryGet(key, out _));
            }
        });

        Assert.Equal(Threads * Steps / 10, Left(cache).Count);
        Assert.Equal(Threads * Steps / 10 * 100L, cache.Bytes);
        Assert.Equal((0L, 0L), (cache.Evictions, cache.Refusals));
    }

    // What a purge is shown of each entry is all that the cache has, key by key; nothing is taken out.
    private static List<Value> Left(WeightedLfuCache<int, Value> cache)
    {
        var left = new List<Value>();
        cache.RemoveWhere((key, value) =>
        {
            Assert.Equal(key, value.Key);
            left.Add(value);
            return false;
        });
        Assert.All(left, value => Assert.True(cache.TryGet(value.Key, out Value? read) && read == value));
        return left;
    }

    private static async Task RunAsync(Action<int> work) =>
        await Task.WhenAll(Enumerable.Range(0, Threads).Select(thread =>
            Task.Factory.StartNew(() => work(thread), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));

    private sealed record Value(int Key, long Weight);
}
