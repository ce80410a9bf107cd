using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Scheduling;
using ModelGateway.TestKit;
using Prometheus;
using Xunit;

namespace ModelGateway.Serving.Tests.Scheduling;

public class InstancePoolTests
{
    [Fact]
    public void TryRent_AllOut_RefusesUntilOneIsBack()
    {
        InstancePool pool = Create(concurrency: 1);
        Assert.True(pool.TryRent(out InstanceLease? held));
        Assert.False(pool.TryRent(out _));

        held.Dispose();

        Assert.True(pool.TryRent(out _));
    }

    [Fact]
    public void Dispose_OfLeaseTwice_GivesBackOnce()
    {
        InstancePool pool = Create(concurrency: 1);
        Assert.True(pool.TryRent(out InstanceLease? held));

        held.Dispose();
        held.Dispose();

        Assert.True(pool.TryRent(out _));
        Assert.False(pool.TryRent(out _));
    }

    [Fact]
    public async Task TryRent_UnderLoadFromManyThreads_NeverLendsMoreThanItHas()
    {
        InstancePool pool = Create(concurrency: 3);
        int lent = 0;
        int most = 0;
        int granted = 0;

        await Parallel.ForEachAsync(Enumerable.Range(0, 20_000), new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (_, _) =>
        {
            if (!pool.TryRent(out InstanceLease? lease))
            {
                return;
            }

            using (lease)
            {
                Interlocked.Increment(ref granted);
                InterlockedMax(ref most, Interlocked.Increment(ref lent));
                await Task.Yield();
                Interlocked.Decrement(ref lent);
            }
        });

        Assert.InRange(most, 1, 3);
        Assert.InRange(granted, 1, 20_000);
        Assert.Equal(0, pool.Lent);
    }

    private static void InterlockedMax(ref int target, int value)
    {
        int seen;
        while ((seen = Volatile.Read(ref target)) < value && Interlocked.CompareExchange(ref target, value, seen) != seen)
        {
        }
    }

    private static InstancePool Create(int concurrency) => new(new FakeInstance(), concurrency, new ServingMetrics(Metrics.NewCustomRegistry()).ForServable("m", 1));
}
