namespace ModelGateway.Observability;

/// <summary>
/// Which of the refusals for load (429) get a log line: the first of each second. A server that refuses twenty thousand requests a second must not
/// spend its time on saying so, nor push the lines of other errors out; the metrics count every one.
/// </summary>
/// <remarks>Shared by all requests without a lock: where two threads begin a second at once, it may get a few lines more.</remarks>
internal sealed class RefusalLines(TimeProvider time)
{
    /// <summary>Lines a second.</summary>
    public const int ASecond = 10;

    private long _second = long.MinValue;
    private int _lines;
    private long _without;

    /// <summary>Whether a refusal gets a line.</summary>
    /// <param name="without">How many got none since the last line.</param>
    public bool TryTake(out long without)
    {
        long second = time.GetTimestamp() / time.TimestampFrequency;
        if (Volatile.Read(ref _second) != second && Interlocked.Exchange(ref _second, second) != second)
        {
            Volatile.Write(ref _lines, 0);
        }

        if (Volatile.Read(ref _lines) < ASecond && Interlocked.Increment(ref _lines) <= ASecond)
        {
            without = Interlocked.Exchange(ref _without, 0);
            return true;
        }

        Interlocked.Increment(ref _without);
        without = 0;
        return false;
    }
}
