namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>Where optimized graphs are kept, and how many.</summary>
/// <param name="Folder">Made where it is not there. Other processes of the same user may share it.</param>
public sealed record GraphCacheOptions(string Folder)
{
    /// <summary>What the graphs on disk may add up to; bytes. Those used longest ago go first.</summary>
    public long MaxBytes { get; init; } = 10L << 30;

    /// <summary>
    /// Smallest model that is kept; bytes. Measured with the benchmark <c>session-start</c>: a smaller one is loaded in a few milliseconds,
    /// of which checking and linking its kept graph would take as many.
    /// </summary>
    public long MinModelBytes { get; init; } = 1 << 20;
}
