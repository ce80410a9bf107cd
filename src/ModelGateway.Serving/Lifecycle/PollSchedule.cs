namespace ModelGateway.Serving.Lifecycle;

/// <summary>
/// How long to wait before a repository is looked at again: the interval, after failures twice as long each time, and never quite the
/// same, so that many gateways do not ask at once. Used by one scan at a time.
/// </summary>
internal sealed class PollSchedule(TimeSpan interval, Func<double> random)
{
    /// <summary>How far a pause may lie from the nominal one, as a part of it.</summary>
    public const double Jitter = 0.1;

    /// <summary>And at most by this while the store answers: what was uploaded is to be seen an interval later, whatever that is.</summary>
    public static readonly TimeSpan LargestJitter = TimeSpan.FromMilliseconds(500);

    // A store that comes back is noticed within this time, unless the interval itself is longer.
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);

    private const int MostDoublings = 20;
    private int _failures;
    private int _unread;

    /// <summary>The time between two looks that succeed, as configured.</summary>
    public TimeSpan Interval => interval;

    /// <summary>The last look was answered.</summary>
    public void Succeeded() => _failures = 0;

    /// <summary>The last look failed.</summary>
    public void Failed() => _failures++;

    /// <summary>How long to wait after a look that left texts unread: longer each time, so that a store that refuses them is not listed for ever.</summary>
    /// <param name="hasUnread">The last look left some.</param>
    /// <param name="first">After the first such look.</param>
    public TimeSpan? UnreadPause(bool hasUnread, TimeSpan first)
    {
        _unread = hasUnread ? Math.Min(_unread + 1, MostDoublings) : 0;
        return hasUnread ? first * (1L << (_unread - 1)) : null;
    }

    /// <summary>The pause until the next look.</summary>
    /// <param name="sooner">Something is worth a look after this time already; null for nothing.</param>
    public TimeSpan Next(TimeSpan? sooner)
    {
        TimeSpan pause = _failures == 0 ? interval : BackOff();
        TimeSpan most = pause * Jitter;
        TimeSpan jitter = _failures == 0 && most > LargestJitter ? LargestJitter : most;
        TimeSpan varied = pause + (jitter * ((2 * random()) - 1));
        return _failures == 0 && sooner < varied ? sooner.Value : varied;
    }

    private TimeSpan BackOff()
    {
        TimeSpan longest = interval > LongestPause ? interval : LongestPause;

        // 2^30 intervals are more than any bound; a larger shift would overflow.
        double factor = 1L << Math.Min(_failures - 1, 30);
        return longest / factor <= interval ? longest : interval * factor;
    }
}
