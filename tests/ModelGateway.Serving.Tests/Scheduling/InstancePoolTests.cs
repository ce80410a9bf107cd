using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Scheduling;
using ModelGateway.TestKit;
using Prometheus;
using Xunit;

namespace ModelGateway.Serving.Tests.Scheduling;

public class InstancePoolTests
{
    private static readonly TimeSpan Forever = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task RentAsync_InstanceFree_GrantsAtOnce()
    {
        using InstancePool pool = Create(concurrency: 1, queue: 0);

        ValueTask<LeaseResult> rented = pool.RentAsync(Forever, CancellationToken.None);

        Assert.True(rented.IsCompleted);
        LeaseResult result = await rented;
        Assert.True(result.IsGranted);
        result.Lease.Dispose();
    }

    [Fact]
    public async Task RentAsync_AllOutAndQueueFull_RefusesAtOnceWithRetryAfter()
    {
        using InstancePool pool = Create(concurrency: 1, queue: 1);
        LeaseResult held = await pool.RentAsync(Forever, CancellationToken.None);
        ValueTask<LeaseResult> waiting = pool.RentAsync(Forever, CancellationToken.None);

        LeaseResult refused = await pool.RentAsync(Forever, CancellationToken.None);

        Assert.Equal(PredictErrorKind.QueueFull, refused.Error!.Kind);
        Assert.NotNull(refused.Error.RetryAfter);
        held.Lease!.Dispose();
        (await waiting).Lease!.Dispose();
    }

    [Fact]
    public async Task RentAsync_PatienceOver_IsDeadlineExceededAndLeavesTheQueue()
    {
        using InstancePool pool = Create(concurrency: 1, queue: 1);
        LeaseResult held = await pool.RentAsync(Forever, CancellationToken.None);

        LeaseResult late = await pool.RentAsync(TimeSpan.FromMilliseconds(1), CancellationToken.None);

        Assert.Equal(PredictErrorKind.DeadlineExceeded, late.Error!.Kind);
        ValueTask<LeaseResult> next = pool.RentAsync(Forever, CancellationToken.None);
        Assert.False(next.IsCompleted);
        held.Lease!.Dispose();
        (await next).Lease!.Dispose();
    }

    [Fact]
    public async Task RentAsync_CallerLeaves_FreesItsPlaceInTheQueue()
    {
        using InstancePool pool = Create(concurrency: 1, queue: 1);
        LeaseResult held = await pool.RentAsync(Forever, CancellationToken.None);
        using var caller = new CancellationTokenSource();
        ValueTask<LeaseResult> waiting = pool.RentAsync(Forever, caller.Token);

        await caller.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await waiting);
        ValueTask<LeaseResult> next = pool.RentAsync(Forever, CancellationToken.None);
        Assert.False(next.IsCompleted);
        held.Lease!.Dispose();
        (await next).Lease!.Dispose();
    }

    [Fact]
    public async Task Dispose_OfLeaseTwice_GivesBackOnce()
    {
        using InstancePool pool = Create(concurrency: 1, queue: 5);
        LeaseResult held = await pool.RentAsync(Forever, CancellationToken.None);

        held.Lease!.Dispose();
        held.Lease.Dispose();

        LeaseResult first = await pool.RentAsync(Forever, CancellationToken.None);
        ValueTask<LeaseResult> second = pool.RentAsync(Forever, CancellationToken.None);
        Assert.False(second.IsCompleted);
        first.Lease!.Dispose();
        (await second).Lease!.Dispose();
    }

    [Fact]
    public async Task RentAsync_UnderLoadFromManyThreads_NeverLendsMoreThanItHas()
    {
        using InstancePool pool = Create(concurrency: 3, queue: 1000);
        int lent = 0;
        int most = 0;

        await Parallel.ForEachAsync(Enumerable.Range(0, 2000), new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (_, _) =>
        {
            LeaseResult rented = await pool.RentAsync(Forever, CancellationToken.None);
            using InstanceLease lease = rented.Lease!;
            int now = Interlocked.Increment(ref lent);
            InterlockedMax(ref most, now);
            await Task.Yield();
            Interlocked.Decrement(ref lent);
        });

        Assert.InRange(most, 1, 3);
    }

    private static void InterlockedMax(ref int target, int value)
    {
        int seen;
        while ((seen = Volatile.Read(ref target)) < value && Interlocked.CompareExchange(ref target, value, seen) != seen)
        {
        }
    }

    private static InstancePool Create(int concurrency, int queue) =>
        new(new FakeInstance(), concurrency, queue, new ServingMetrics(Metrics.NewCustomRegistry()).ForServable("m", 1));
}
