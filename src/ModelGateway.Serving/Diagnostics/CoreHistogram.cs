using Prometheus;

namespace ModelGateway.Serving.Diagnostics;

/// <summary>A histogram of durations in a block of <see cref="CoreCounters"/>: for each bucket how many there were, and their ticks.</summary>
/// <remarks>
/// Prometheus' own histogram is fed from it when it is read, each bucket with the mean of what is new in it, so that counts and sum are those of the
/// single durations. The ticks are added before the count and read after it: what is counted has its ticks.
/// </remarks>
internal sealed class CoreHistogram
{
    private readonly CoreCounters _counters;
    private readonly int _first;
    private readonly double[] _bounds;
    private readonly long[] _boundTicks;
    private readonly long[] _publishedCounts;
    private readonly double[] _publishedTicks;

    /// <summary>A histogram whose counters begin at <paramref name="first"/>.</summary>
    /// <param name="counters">The block.</param>
    /// <param name="first">The first of <see cref="Size"/> counters.</param>
    /// <param name="bounds">The upper bounds of its buckets in seconds, ascending; one more bucket has none.</param>
    public CoreHistogram(CoreCounters counters, int first, double[] bounds)
    {
        (_counters, _first, _bounds) = (counters, first, bounds);
        _boundTicks = [.. bounds.Select(bound => TimeSpan.FromSeconds(bound).Ticks)];
        _publishedCounts = new long[bounds.Length + 1];
        _publishedTicks = new double[bounds.Length + 1];
    }

    /// <summary>The durations and their ticks.</summary>
    public (long Count, long Ticks) Total
    {
        get
        {
            long count = 0;
            long ticks = 0;
            for (int bucket = 0; bucket < _publishedCounts.Length; bucket++)
            {
                (long counted, long took) = Read(bucket);
                count += counted;
                ticks += took;
            }

            return (count, ticks);
        }
    }

    /// <summary>The counters that a histogram of so many bounds takes.</summary>
    public static int Size(int bounds) => 2 * (bounds + 1);

    /// <summary>Takes a duration, which is never less than zero.</summary>
    public void Observe(CoreCounters.Copy mine, TimeSpan duration)
    {
        int bucket = 0;
        while (bucket < _boundTicks.Length && duration.Ticks > _boundTicks[bucket])
        {
            bucket++;
        }

        mine.Add(_first + (2 * bucket) + 1, duration.Ticks);
        mine.Add(_first + (2 * bucket), 1);
    }

    /// <summary>Hands what is new to a series. One caller at a time.</summary>
    public void Publish(IHistogram series)
    {
        for (int bucket = 0; bucket < _publishedCounts.Length; bucket++)
        {
            (long count, long ticks) = Read(bucket);
            long added = count - _publishedCounts[bucket];
            if (added > 0)
            {
                double mean = Within(bucket, (ticks - _publishedTicks[bucket]) / added / TimeSpan.TicksPerSecond);
                series.Observe(mean, added);
                _publishedCounts[bucket] = count;
                _publishedTicks[bucket] += mean * added * TimeSpan.TicksPerSecond;
            }
        }
    }

    // The ticks may be those of one more than is counted.
    private double Within(int bucket, double seconds)
    {
        double most = bucket < _bounds.Length ? _bounds[bucket] : double.MaxValue;
        double least = bucket > 0 ? double.BitIncrement(_bounds[bucket - 1]) : 0;
        return Math.Clamp(seconds, least, most);
    }

    private (long Count, long Ticks) Read(int bucket)
    {
        long count = _counters.Read(_first + (2 * bucket));
        return (count, _counters.Read(_first + (2 * bucket) + 1));
    }
}
