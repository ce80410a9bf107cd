namespace ModelGateway.Serving.Runtime;

/// <summary>How much memory a loaded model is taken to hold; no allocator gives an exact figure.</summary>
public static class ModelMemory
{
    // Measured over tiny to large models: a session holds 1.5 to 2.1 times its file, and some 0.4 MB at least.
    private const double PerFileByte = 2.2;
    private const long OfAnySession = 4 << 20;

    /// <summary>An estimate by the size of its files; bytes. At most <see cref="long.MaxValue"/> / 4, so that a few can be added up.</summary>
    public static long Estimate(long fileBytes) => (long)Math.Min(fileBytes * PerFileByte, long.MaxValue / 8) + OfAnySession;
}
