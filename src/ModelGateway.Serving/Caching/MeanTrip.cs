namespace ModelGateway.Serving.Caching;

/// <summary>Moving average of what trips to a store take. Any thread may add to it; two at once may lose one of their times.</summary>
internal sealed class MeanTrip
{
    // New times weigh an eighth: a change shows within some ten calls, one slow call does not. The first of all are slow and say nothing.
    private const int Weight = 8;
    private const int UntilKnown = 8;

    private long _ticks;
    private int _count;

    /// <summary>Zero before there were some.</summary>
    public TimeSpan Time => Volatile.Read(ref _count) < UntilKnown ? TimeSpan.Zero : TimeSpan.FromTicks(Volatile.Read(ref _ticks));

    /// <summary>
    /// One more. The average falls faster than it rises: what is slow now and then is this machine or a start, and where the store is hardly asked any more, a few times
    /// must show that it is quick again.
    /// </summary>
    public void Observe(TimeSpan trip)
    {
        long average = Volatile.Read(ref _ticks);
        long change = trip.Ticks - average;
        Volatile.Write(ref _ticks, average == 0 ? Math.Max(1, trip.Ticks) : Math.Max(1, average + (change / (change < 0 ? 2 : Weight))));
        if (_count < UntilKnown)
        {
            Interlocked.Increment(ref _count);
        }
    }
}
