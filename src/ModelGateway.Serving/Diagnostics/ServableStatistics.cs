namespace ModelGateway.Serving.Diagnostics;

/// <summary>
/// The running totals behind the statistics extension of the Open Inference Protocol. Shared by all requests of a version,
/// each counter guarded by <see cref="Interlocked"/>; a reader may see one request half counted, never a torn number.
/// </summary>
public sealed class ServableStatistics
{
    private readonly DurationTotal[] _totals = new DurationTotal[8];
    private long _inferences;
    private long _executions;
    private long _lastInference;

    /// <summary>Rows predicted (a request without a batch dimension counts as one).</summary>
    public long Inferences => Volatile.Read(ref _inferences);

    /// <summary>Runs of the graph.</summary>
    public long Executions => Volatile.Read(ref _executions);

    /// <summary>When the last run ended, in milliseconds since 1970; 0 if there was none.</summary>
    public long LastInferenceUnixMilliseconds => Volatile.Read(ref _lastInference);

    /// <summary>Requests answered, with their whole duration.</summary>
    public (long Count, long Nanoseconds) Success => _totals[0].Read();

    /// <summary>Requests refused or failed after the version was found.</summary>
    public (long Count, long Nanoseconds) Fail => _totals[1].Read();

    /// <summary>Waiting for an instance.</summary>
    public (long Count, long Nanoseconds) Queue => _totals[2].Read();

    /// <summary>Reading the body and its tensors.</summary>
    public (long Count, long Nanoseconds) ComputeInput => _totals[3].Read();

    /// <summary>Running the graph.</summary>
    public (long Count, long Nanoseconds) ComputeInfer => _totals[4].Read();

    /// <summary>Writing the answer.</summary>
    public (long Count, long Nanoseconds) ComputeOutput => _totals[5].Read();

    /// <summary>Answers from the cache, with the time that looking took.</summary>
    public (long Count, long Nanoseconds) CacheHit => _totals[6].Read();

    /// <summary>Looks into the cache that found nothing, with their time.</summary>
    public (long Count, long Nanoseconds) CacheMiss => _totals[7].Read();

    /// <summary>Counts a request that was answered without a run of its own: as other servers do, neither an inference nor an execution.</summary>
    public void CountHit(TimeSpan total, TimeSpan lookup)
    {
        _totals[0].Add(total);
        _totals[6].Add(lookup);
    }

    /// <summary>Counts a look that found nothing, besides the request.</summary>
    public void CountMiss(TimeSpan lookup) => _totals[7].Add(lookup);

    /// <summary>Counts a run of the graph; several requests may share it.</summary>
    public void CountExecution() => Interlocked.Increment(ref _executions);

    /// <summary>Counts an answered request that the model ran for; the run itself is counted apart.</summary>
    public void CountSuccess(long rows, TimeSpan total, TimeSpan read, TimeSpan wait, TimeSpan run, TimeSpan write, DateTimeOffset now)
    {
        Interlocked.Add(ref _inferences, rows);
        Volatile.Write(ref _lastInference, now.ToUnixTimeMilliseconds());
        _totals[0].Add(total);
        _totals[2].Add(wait);
        _totals[3].Add(read);
        _totals[4].Add(run);
        _totals[5].Add(write);
    }

    /// <summary>Counts a request that was refused or failed.</summary>
    public void CountFailure(TimeSpan total) => _totals[1].Add(total);

    private struct DurationTotal
    {
        private long _count;
        private long _ticks;

        public void Add(TimeSpan duration)
        {
            Interlocked.Increment(ref _count);
            Interlocked.Add(ref _ticks, duration.Ticks);
        }

        public (long Count, long Nanoseconds) Read() => (Volatile.Read(ref _count), Volatile.Read(ref _ticks) * TimeSpan.NanosecondsPerTick);
    }
}
