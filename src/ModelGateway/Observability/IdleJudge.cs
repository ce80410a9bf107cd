namespace ModelGateway.Observability;

/// <summary>Tells by what the process allocates whether work has been done and is over. Asked at even intervals, by one thread.</summary>
internal sealed class IdleJudge
{
    // Probes and scrapes allocate a few hundred kilobytes at most; a thousand small predictions allocate more than this.
    private const long Quiet = 2 << 20;
    private const long WorthTheWhile = 8 << 20;
    private long _last;

    // The start counts as work, however little it allocates: ONNX Runtime does most of it outside of the managed heap.
    private long _givenBack = -WorthTheWhile;

    /// <summary>Whether the interval that ends now was quiet and followed work since the last time that this was so.</summary>
    /// <param name="allocated">Bytes allocated since the process began.</param>
    public bool IsTimeToGiveBack(long allocated)
    {
        bool isQuiet = allocated - _last < Quiet;
        _last = allocated;
        if (!isQuiet || allocated - _givenBack < WorthTheWhile)
        {
            return false;
        }

        _givenBack = allocated;
        return true;
    }
}
