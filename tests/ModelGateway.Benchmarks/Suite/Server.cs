namespace ModelGateway.Benchmarks.Suite;

/// <summary>A running server.</summary>
/// <param name="Address">Where it listens.</param>
/// <param name="ProcessId">Its process, whose children count as it.</param>
/// <param name="Allocations">The name of the pipe of <see cref="AllocationProbe"/>; null where its memory is not asked for.</param>
internal sealed record Server(Uri Address, int ProcessId, string? Allocations = null);
