using System.Numerics;

namespace ModelGateway.Serving.Diagnostics;

/// <summary>Divides what all cores use into stripes, one for each core as long as there are enough, so that cores do not wait for each other's cache lines.</summary>
/// <param name="most">Stripes at most; a power of two.</param>
public readonly struct CoreStripes(int most)
{
    /// <summary>Stripes; a power of two.</summary>
    public int Count { get; } = (int)Math.Min((uint)most, BitOperations.RoundUpToPowerOf2((uint)Environment.ProcessorCount));

    /// <summary>The present core's stripe. The thread may be on another core the next moment.</summary>
    public int Mine => Thread.GetCurrentProcessorId() & (Count - 1);
}
