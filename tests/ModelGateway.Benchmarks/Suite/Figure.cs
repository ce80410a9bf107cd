namespace ModelGateway.Benchmarks.Suite;

/// <summary>Which figure of two samples is compared, and how.</summary>
/// <param name="Unit">Of the figure, with a space in front.</param>
/// <param name="Of">Takes it out of a sample.</param>
/// <param name="IsDifference">They are subtracted; otherwise divided.</param>
internal sealed record Figure(string Unit, Func<Sample, double> Of, bool IsDifference = false)
{
    /// <summary>Requests or runs a second, divided.</summary>
    public static Figure Rate { get; } = new("/s", sample => sample.PerSecond);

    /// <summary>The latency that one of a hundred requests exceeds, divided.</summary>
    public static Figure Tail { get; } = new(" ms", sample => sample.P99Milliseconds);

    /// <summary>Managed bytes allocated a request, subtracted.</summary>
    public static Figure Allocation { get; } = new(" B", sample => sample.AllocatedBytes, IsDifference: true);

    /// <summary>The result for two of them.</summary>
    public double Compare(double one, double other) => IsDifference ? one - other : one / other;
}
