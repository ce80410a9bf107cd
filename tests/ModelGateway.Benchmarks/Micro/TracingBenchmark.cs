using System.Diagnostics;
using BenchmarkDotNet.Attributes;
using ModelGateway.Observability.Tracing;

namespace ModelGateway.Benchmarks.Micro;

/// <summary>All that tracing adds to a prediction while it is off: the questions whether anybody listens.</summary>
public class TracingBenchmark
{
    private readonly long _started = Stopwatch.GetTimestamp();

    /// <summary>The spans of a prediction, which nobody wants.</summary>
    [Benchmark]
    public void SpansOff() => PredictSpans.Ran(null!, _started, TimeSpan.FromTicks(1), default, default, TimeSpan.FromTicks(1));
}
