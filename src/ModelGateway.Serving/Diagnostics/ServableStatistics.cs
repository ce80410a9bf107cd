using System.Collections.Concurrent;
using System.Diagnostics;

namespace ModelGateway.Serving.Diagnostics;

/// <summary>
/// The running totals behind the statistics extension of the Open Inference Protocol. Shared by all requests of a version,
/// each counter guarded by <see cref="Interlocked"/>; a reader may see one request half counted, never a torn number.
/// </summary>
public sealed class ServableStatistics
{
    // Callers choose the sizes of their batches: of more different ones only the first are kept.
    private const int MostSizes = 256;

    private readonly ServableCounters _counters;
    private readonly ConcurrentDictionary<long, BatchTotal> _batches = new();
    private int _sizes;
    private long _executions;

    /// <summary>The totals of what <paramref name="metrics"/> count, and of the runs that are counted here.</summary>
    public ServableStatistics(ServableMetrics metrics) => _counters = metrics.Counters;

    /// <summary>Rows predicted (a request without a batch dimension counts as one).</summary>
    public long Inferences => _counters.RowsRun;

    /// <summary>Runs of the graph.</summary>
    public long Executions => Volatile.Read(ref _executions) + _counters.SingleRuns.Count;

    /// <summary>When the last run ended, in milliseconds since 1970; 0 if there was none.</summary>
    public long LastInferenceUnixMilliseconds =>
        _counters.LastRunTimestamp is > 0 and var last ? (DateTimeOffset.UtcNow - Stopwatch.GetElapsedTime(last)).ToUnixTimeMilliseconds() : 0;

    /// <summary>Requests answered, with their whole duration.</summary>
    public (long Count, long Nanoseconds) Success => ToNanoseconds(_counters.Total.Total);

    /// <summary>Requests refused or failed after the version was found.</summary>
    public (long Count, long Nanoseconds) Fail => ToNanoseconds(_counters.Failures);

    /// <summary>Waiting for an instance.</summary>
    public (long Count, long Nanoseconds) Queue => ToNanoseconds(_counters.Wait.Total);

    /// <summary>Reading the body and its tensors.</summary>
    public (long Count, long Nanoseconds) ComputeInput => ToNanoseconds(_counters.Read.Total);

    /// <summary>Running the graph.</summary>
    public (long Count, long Nanoseconds) ComputeInfer => ToNanoseconds(_counters.Run.Total);

    /// <summary>Writing the answer.</summary>
    public (long Count, long Nanoseconds) ComputeOutput => ToNanoseconds(_counters.Write.Total);

    /// <summary>Answers from the cache, with the time that looking took.</summary>
    public (long Count, long Nanoseconds) CacheHit => ToNanoseconds(_counters.Hits);

    /// <summary>Looks into the cache that found nothing, with their time.</summary>
    public (long Count, long Nanoseconds) CacheMiss => ToNanoseconds(_counters.Misses);

    /// <summary>Runs by their rows, ascending.</summary>
    public IReadOnlyList<BatchStatistics> Batches
    {
        get
        {
            SortedDictionary<long, BatchStatistics> batches = [];
            foreach ((long rows, BatchTotal total) in _batches)
            {
                batches[rows] = new BatchStatistics(rows, total.Input.Read(), total.Infer.Read(), total.Output.Read());
            }

            if (ToNanoseconds(_counters.SingleRuns) is var singles && singles.Count > 0)
            {
                BatchStatistics others = batches.GetValueOrDefault(1, new BatchStatistics(1, default, default, default));
                batches[1] = new BatchStatistics(
                    1, (others.Input.Count + singles.Count, others.Input.Nanoseconds), (others.Infer.Count + singles.Count, others.Infer.Nanoseconds + singles.Nanoseconds),
                    (others.Output.Count + singles.Count, others.Output.Nanoseconds));
            }

            return [.. batches.Values];
        }
    }

    /// <summary>Counts a run of one row for one request, on that request's thread.</summary>
    /// <param name="infer">Time of the run.</param>
    /// <param name="isJoinable">Others could have shared it.</param>
    public void CountSingleRun(TimeSpan infer, bool isJoinable) => _counters.CountSingleRun(infer, isJoinable);

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

    private static (long Count, long Nanoseconds) ToNanoseconds((long Count, long Ticks) total) => (total.Count, total.Ticks * TimeSpan.NanosecondsPerTick);

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
