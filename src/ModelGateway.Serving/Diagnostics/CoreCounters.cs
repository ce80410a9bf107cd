namespace ModelGateway.Serving.Diagnostics;

/// <summary>
/// Counters that requests on all cores add to at once. Each core has a copy of its own, so that no two wait for one cache line; who reads adds them up.
/// </summary>
/// <remarks>
/// A thread may be moved to another core between the look and the addition, so that each addition is still an <see cref="Interlocked"/> one: on a
/// line that no other core holds it costs a few nanoseconds, on a shared one a hundred. Copies are made when a core first counts: a model that
/// nobody asks for costs next to nothing. Measured by <c>pipeline</c> of the benchmarks with two threads.
/// </remarks>
internal sealed class CoreCounters(int count)
{
    // In longs: two cache lines, since processors fetch them in pairs.
    private const int Padding = 16;

    private static readonly CoreStripes Stripes = new(16);

    private readonly long[]?[] _copies = new long[]?[Stripes.Count];

    /// <summary>The present core's copy, for several additions in a row.</summary>
    public Copy Mine()
    {
        ref long[]? place = ref _copies[Stripes.Mine];
        return new Copy(Volatile.Read(ref place) ?? Make(ref place));
    }

    /// <summary>A counter over all cores; what is added meanwhile may be in it or not.</summary>
    public long Read(int index)
    {
        long sum = 0;
        foreach (ref long[]? place in _copies.AsSpan())
        {
            if (Volatile.Read(ref place) is { } copy)
            {
                sum += Volatile.Read(ref copy[Padding + index]);
            }
        }

        return sum;
    }

    /// <summary>The largest value that any core has put there by <see cref="Copy.Set"/>; 0 where none has.</summary>
    public long ReadLargest(int index)
    {
        long largest = 0;
        foreach (ref long[]? place in _copies.AsSpan())
        {
            if (Volatile.Read(ref place) is { } copy)
            {
                largest = Math.Max(largest, Volatile.Read(ref copy[Padding + index]));
            }
        }

        return largest;
    }

    private long[] Make(ref long[]? place)
    {
        long[] made = new long[Padding + count + Padding];
        return Interlocked.CompareExchange(ref place, made, null) ?? made;
    }

    /// <summary>One core's copy.</summary>
    public readonly ref struct Copy(long[] values)
    {
        private readonly Span<long> _values = values.AsSpan(Padding);

        /// <summary>Adds to a counter.</summary>
        public void Add(int index, long value) => Interlocked.Add(ref _values[index], value);

        /// <summary>Leaves a value that grows, such as a time, for <see cref="ReadLargest"/>.</summary>
        public void Set(int index, long value) => Volatile.Write(ref _values[index], value);
    }
}
