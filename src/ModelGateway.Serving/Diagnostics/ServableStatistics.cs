using System.Collections.Concurrent;

namespace ModelGateway.Serving.Diagnostics;

/// <summary>
/// The running totals behind the statistics extension of the Open Inference Protocol. Shared by all requests of a version,
/// each counter guarded by <see cref="Interlocked"/>; a reader may see one request half counted, never a torn number.
/// </summary>
public sealed class ServableStatistics
{
    // Callers choose the sizes of their batches: of more different ones only the first are kept.
    private const int MostSizes = 256;

    private readonly DurationTotal[] _totals = new DurationTotal[8];
    private readonly ConcurrentDictionary<long, BatchTotal> _batches = new();
    private int _sizes;
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

    /// <summary>Runs by their rows, ascending.</summary>
    public IReadOnlyList<BatchStatistics> Batches =>
        [.. _batches.OrderBy(batch => batch.Key).Select(batch => new BatchStatistics(batch.Key, batch.Value.Input.Read(), batch.Value.Infer.Read(), batch.Value.Output.Read()))];

    /// <summary>Counts a request that was answered without a run of its own: as other servers do, neither an inference nor an execution.</summary>
    public void CountHit(TimeSpan total, TimeSpan lookup)
    {
        _totals[0].Add(total);
        _totals[6].Add(lookup);
    }

    /// <summary>Counts a look that found nothing, besides the request.</summary>
    public void CountMiss(TimeSpan lookup) => _totals[7].Add(lookup);

    /// <summary>Counts a run of the graph; several requests may share it.</summary>
    /// <param name="rows">Rows of all of them.</param>
    /// <param name="input">Time for putting their inputs together.</param>
    /// <param name="infer">Time of the run.</param>
    /// <param name="output">Time for taking the outputs apart.</param>
    public void CountExecution(long rows, TimeSpan input, TimeSpan infer, TimeSpan output)
    {
        Interlocked.Increment(ref _executions);
        if (Volatile.Read(ref _sizes) >= MostSizes && !_batches.ContainsKey(rows))
        {
            return;
        }

        BatchTotal batch = _batches.GetOrAdd(rows, static (_, self) =>
        {
            Interlocked.Increment(ref self._sizes);
            return new BatchTotal();
        }, this);
        batch.Input.Add(input);
        batch.Infer.Add(infer);
        batch.Output.Add(output);
    }

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

    private sealed class BatchTotal
    {
        public DurationTotal Input;
        public DurationTotal Infer;
        public DurationTotal Output;
    }

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

/// <summary>Runs of one size, how often and how long.</summary>
/// <param name="Rows">Rows of the run.</param>
/// <param name="Input">Putting the inputs of several requests together.</param>
/// <param name="Infer">Running the graph.</param>
/// <param name="Output">Taking the outputs apart.</param>
public readonly record struct BatchStatistics(
    long Rows, (long Count, long Nanoseconds) Input, (long Count, long Nanoseconds) Infer, (long Count, long Nanoseconds) Output);
