using System.Diagnostics;
using System.Numerics;

namespace ModelGateway.Serving.Scheduling;

/// <summary>
/// Which runs of one loaded version are short enough for a thread that answers requests: those of whose inputs' size so much is known. Shared by all
/// its requests; estimates, read and written without a lock.
/// </summary>
/// <remarks>
/// Kept by the power of two that the bytes of all inputs reach, so that a long text or a large picture is not taken for a short one. A run that
/// holds a thread far longer than foreseen sends those after it to the workers for a while: what a run takes may depend on what the inputs say.
/// </remarks>
public sealed class ShortRuns
{
    /// <summary>
    /// A run that is over within this is short. Two of them on the two threads of a small thread pool hold up everybody else no longer than this, and
    /// the way to a worker and back (some 20 us) would be more than 2 % of a shorter one.
    /// </summary>
    public static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(1);

    // Only a busy machine makes a short run take this long now and then.
    private static readonly long SurpriseTicks = Stopwatch.Frequency / 20;

    private const int CautiousFor = 64;
    private const double Down = 1.0 / 4;
    private const double Up = 1.0 / 16;

    // Of a whole run; 0 where nothing is known.
    private readonly double[] _ticks = new double[64];
    private int _caution;

    internal static long LongestTicks { get; } = (long)(Longest.TotalSeconds * Stopwatch.Frequency);

    /// <summary>Counts a run that succeeded.</summary>
    /// <param name="bytes">Of all inputs.</param>
    /// <param name="ticks">Its time, in ticks of <see cref="Stopwatch"/>.</param>
    public void Count(long bytes, long ticks)
    {
        ref double known = ref _ticks[SizeOf(bytes)];
        double sample = Math.Max(1, ticks);
        bool isSurprise = ticks > SurpriseTicks && known > 0 && known <= LongestTicks;
        _caution = isSurprise ? CautiousFor : Math.Max(0, _caution - 1);
        known = known <= 0 ? sample
            : sample < known ? known + (Down * (sample - known))
            : known + (Up * (Math.Min(sample, known * 8) - known));
    }

    /// <summary>Whether a run on inputs of so many bytes is known to be short.</summary>
    public bool Includes(long bytes) => _caution == 0 && Predict(SizeOf(bytes)) is > 0 and var ticks && ticks <= LongestTicks;

    private double Predict(int size)
    {
        for (int smaller = size; smaller >= 0; smaller--)
        {
            if (_ticks[smaller] > 0)
            {
                return _ticks[smaller] * (1L << (size - smaller));
            }
        }

        // Of larger runs that were short, smaller ones are too.
        return Array.Find(_ticks, ticks => ticks > 0);
    }

    private static int SizeOf(long bytes) => BitOperations.Log2((ulong)Math.Max(1, bytes));
}
