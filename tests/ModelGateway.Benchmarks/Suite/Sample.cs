namespace ModelGateway.Benchmarks.Suite;

/// <summary>What one slice of one contender gave; NaN where it is not measured.</summary>
/// <param name="PerSecond">Requests, or runs.</param>
/// <param name="CpuMicroseconds">Processor time of the contender's processes, user and system, for one of them.</param>
/// <param name="P99Milliseconds">99 of 100 answers came within it.</param>
/// <param name="AllocatedBytes">Managed memory allocated for one.</param>
/// <param name="Failures">Answers with another status than 2xx, and broken connections.</param>
internal readonly record struct Sample(double PerSecond, double CpuMicroseconds, double P99Milliseconds, double AllocatedBytes, long Failures);
