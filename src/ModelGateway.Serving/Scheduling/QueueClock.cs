namespace ModelGateway.Serving.Scheduling;

/// <summary>
/// What a place in the queue takes, measured by those who had one: how long each waited for each request before it. That has everything in
/// it, such as runs, batches and the other models' share of the workers. Guarded by its owner's lock.
/// </summary>
/// <param name="time">The clock.</param>
internal sealed class QueueClock(TimeProvider time)
{
    // Until then an estimate refuses nobody.
    private const int Trusted = 8;
    private const double Weight = 1.0 / 8;
    // Who is refused is not measured, nor who finds an instance free: what was measured too long ago is forgotten, or a stall would be believed for ever.
    private const int PlacesUntilStale = 4;
    private static readonly TimeSpan Stale = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(1);
    private double _ticks;
    private int _samples;
    private long _lastCount;

    /// <summary>A request's turn has come.</summary>
    /// <param name="waited">How long it waited.</param>
    /// <param name="places">Its place when it came, from 1.</param>
    public void Count(TimeSpan waited, int places)
    {
        _lastCount = time.GetTimestamp();
        double sample = (double)waited.Ticks / places;
        _ticks = _samples == 0 ? sample : _ticks + (Weight * (sample - _ticks));
        _samples += _samples < Trusted ? 1 : 0;
    }

    /// <summary>How long a request at a place will wait; null while nobody knows.</summary>
    /// <param name="places">The place, from 1.</param>
    public TimeSpan? Estimate(int places)
    {
        if (_samples < Trusted)
        {
            return null;
        }

        TimeSpan age = time.GetElapsedTime(_lastCount);
        if (age > Stale && age.Ticks > _ticks * PlacesUntilStale)
        {
            _samples = 0;
            return null;
        }

        return TimeSpan.FromTicks((long)Math.Min(long.MaxValue / 2, _ticks * places));
    }

    /// <summary>When it makes sense to come again: when those who wait now are gone.</summary>
    /// <param name="places">Who waits.</param>
    public TimeSpan RetryAfter(int places) => Estimate(places) is { } wait ? Clamp(wait) : Shortest;

    /// <summary>Not sooner than a second, not later than a minute.</summary>
    public static TimeSpan Clamp(TimeSpan wait) => wait < Shortest ? Shortest : wait > Longest ? Longest : wait;
}
