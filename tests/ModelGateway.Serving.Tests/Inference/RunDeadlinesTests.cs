using ModelGateway.Serving.Inference;
using Xunit;

namespace ModelGateway.Serving.Tests.Inference;

/// <summary>Sources of cancellation go from run to run; no run may feel what was meant for the one before.</summary>
public sealed class RunDeadlinesTests
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(10);
    private readonly RunDeadlines _deadlines = new();

    [Fact]
    public void Rent_CallerCancels_CancelsThisRunAndNotTheNext()
    {
        using var caller = new CancellationTokenSource();
        using (RunDeadline first = _deadlines.Rent(Long, caller.Token))
        {
            Assert.False(first.Token.IsCancellationRequested);
            caller.Cancel();
            Assert.True(first.Token.IsCancellationRequested);
        }

        using RunDeadline next = _deadlines.Rent(Long, CancellationToken.None);
        Assert.False(next.Token.IsCancellationRequested);
    }

    [Fact]
    public void Rent_CallerCancelsAfterItsRun_DoesNotReachTheNext()
    {
        using var caller = new CancellationTokenSource();
        _deadlines.Rent(Long, caller.Token).Dispose();
        using RunDeadline next = _deadlines.Rent(Long, CancellationToken.None);

        caller.Cancel();

        Assert.False(next.Token.IsCancellationRequested);
    }

    [Fact]
    public void Rent_CallerIsGoneAlready_IsCancelledAtOnce()
    {
        using RunDeadline deadline = _deadlines.Rent(Long, new CancellationToken(canceled: true));

        Assert.True(deadline.Token.IsCancellationRequested);
    }

    [Fact]
    public void RentLookedOver_CallerCancels_IsSeenByTheNextLook()
    {
        using var caller = new CancellationTokenSource();
        using RunDeadline gone = _deadlines.RentLookedOver(Long, caller.Token);
        using RunDeadline other = _deadlines.RentLookedOver(Long, CancellationToken.None);

        caller.Cancel();

        Assert.True(gone.Token.WaitHandle.WaitOne(Long));
        Assert.False(other.Token.IsCancellationRequested);
    }

    [Fact]
    public void RentLookedOver_CallerCancelsAfterItsRun_DoesNotReachTheNext()
    {
        using var caller = new CancellationTokenSource();
        _deadlines.RentLookedOver(Long, caller.Token).Dispose();
        using RunDeadline next = _deadlines.RentLookedOver(Long, CancellationToken.None);
        caller.Cancel();

        // What the look after the first of these cancels, it has cancelled when the second is seen.
        for (int look = 0; look < 2; look++)
        {
            using RunDeadline seen = _deadlines.RentLookedOver(Long, caller.Token);
            Assert.True(seen.Token.WaitHandle.WaitOne(Long));
        }

        Assert.False(next.Token.IsCancellationRequested);
    }

    [Fact]
    public void RentLookedOver_CallersLeaveAllTheTime_NoRunFeelsAnothersLeaving()
    {
        DateTime end = DateTime.UtcNow + (6 * RunDeadlines.SweepInterval);
        while (DateTime.UtcNow < end)
        {
            using var caller = new CancellationTokenSource();
            using (_deadlines.RentLookedOver(Long, caller.Token))
            {
                caller.Cancel();
            }

            using RunDeadline next = _deadlines.RentLookedOver(Long, CancellationToken.None);
            Thread.SpinWait(200);
            Assert.False(next.Token.IsCancellationRequested);
        }
    }

    [Fact]
    public void RentLookedOver_TimePasses_IsCancelled()
    {
        using RunDeadline looked = _deadlines.RentLookedOver(RunDeadlines.Exact, CancellationToken.None);
        using RunDeadline timed = _deadlines.RentLookedOver(TimeSpan.FromMilliseconds(10), CancellationToken.None);

        Assert.True(timed.Token.WaitHandle.WaitOne(Long));
        Assert.True(looked.Token.WaitHandle.WaitOne(Long));
    }

    [Fact]
    public void Rent_TimePasses_IsCancelled()
    {
        using RunDeadline deadline = _deadlines.Rent(TimeSpan.FromMilliseconds(10), CancellationToken.None);

        Assert.True(deadline.Token.WaitHandle.WaitOne(Long));
    }

    [Fact]
    public void Rent_TimeOfADeadlineThatIsLookedOverPasses_IsCancelled()
    {
        using RunDeadline deadline = _deadlines.Rent(RunDeadlines.Exact, CancellationToken.None);
        using RunDeadline later = _deadlines.Rent(Long, CancellationToken.None);

        Assert.True(deadline.Token.WaitHandle.WaitOne(Long));
        Assert.False(later.Token.IsCancellationRequested);
    }

    [Fact]
    public void Rent_AfterAllEndedAndTheLooksStopped_IsCancelledAllTheSame()
    {
        for (int round = 0; round < 2; round++)
        {
            using RunDeadline deadline = _deadlines.Rent(RunDeadlines.Exact, CancellationToken.None);

            Assert.True(deadline.Token.WaitHandle.WaitOne(Long));
        }
    }

    [Fact]
    public void Rent_FromManyThreadsWithTimersAboutToFire_NeverStartsCancelled()
    {
        Parallel.For(0, 20_000, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            // Every other one ends about when its timer fires.
            using (RunDeadline hasty = _deadlines.Rent(TimeSpan.FromMilliseconds(1), CancellationToken.None))
            {
                Thread.SpinWait(i % 5000);
            }

            using RunDeadline fresh = _deadlines.Rent(Long, CancellationToken.None);
            Assert.False(fresh.Token.IsCancellationRequested);
            Thread.SpinWait(1000);
            Assert.False(fresh.Token.IsCancellationRequested);
        });
    }
}
