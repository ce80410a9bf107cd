namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>The runs that go on in the process at this moment, of models that are not tiny: whoever begins one learns how many there are, and whoever ends one whether it was alone.</summary>
/// <remarks>One word, written with Interlocked: how many ever began, above the 16 bits of how many go on.</remarks>
internal sealed class RunsUnderWay
{
    private const int CountBits = 16;
    private const long OneMore = (1L << CountBits) + 1;
    private long _word;

    /// <summary>Counts a run that begins; give what it returns to <see cref="End"/>.</summary>
    public long Begin() => Interlocked.Add(ref _word, OneMore);

    /// <summary>How many went on when the run began, itself included.</summary>
    public static int CountAt(long began) => (int)(began & ((1L << CountBits) - 1));

    /// <summary>Counts a run that ends.</summary>
    /// <param name="began">What <see cref="Begin"/> returned.</param>
    /// <returns>No other went on at any time while it did.</returns>
    public bool End(long began)
    {
        long now = Interlocked.Decrement(ref _word);
        return CountAt(began) == 1 && now >> CountBits == began >> CountBits;
    }
}
