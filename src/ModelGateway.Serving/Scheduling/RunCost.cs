using System.Diagnostics;
using System.Numerics;

namespace ModelGateway.Serving.Scheduling;

/// <summary>
/// What a run of one loaded version costs over its rows, measured while serving. Shared by all its requests; the numbers are estimates, so
/// they are read and written without a lock, and a lost update does no harm.
/// </summary>
/// <remarks>
/// Kept as ticks of <see cref="Stopwatch"/> a row, by the power of two that the number of rows reaches: 1, 2, 3-4, 5-8, and so on. What is measured
/// is wall time, which other threads can only make longer: a shorter sample counts at once, a longer one little, so that an estimate stays
/// near what the run takes when nobody interrupts it.
/// </remarks>
public sealed class RunCost
{
    private const double Down = 1.0 / 4;
    private const double Up = 1.0 / 32;
    private const int Sizes = 21;

    // A batch must make a row this much cheaper: less is within what measuring errs by while others use the cores too.
    private const double WorthGain = 1.2;

    // And save a request at least this: twice what being queued, copied and woken costs it (some 5 us). A run of 3 us is not worth joining.
    private static readonly double WorthTicks = Stopwatch.Frequency * 10e-6;

    // 0 where nothing is known.
    private readonly double[] _ticksARow = new double[Sizes];

    /// <summary>Which runs are short.</summary>
    public ShortRuns Short { get; } = new();

    /// <summary>Counts a run that succeeded.</summary>
    /// <param name="rows">Its rows; what has no rows counts as one.</param>
    /// <param name="bytes">Of all its inputs.</param>
    /// <param name="ticks">Its time, in ticks of <see cref="Stopwatch"/>.</param>
    public void Count(long rows, long bytes, long ticks)
    {
        Short.Count(bytes, ticks);
        ref double known = ref _ticksARow[SizeOf(rows)];
        double sample = Math.Max(1, ticks) / (double)Math.Max(1, rows);
        known = known <= 0 ? sample
            : sample < known ? known + (Down * (sample - known))
            : known + (Up * (Math.Min(sample, known * 8) - known));
    }

    /// <summary>What a run of so many rows is expected to take; null while no run is known.</summary>
    public TimeSpan? Predict(long rows) => PredictTicks(rows) is var ticks && ticks > 0 ? TimeSpan.FromSeconds(ticks / Stopwatch.Frequency) : null;

    /// <summary>Whether a run of so many rows is known to be over within <paramref name="ticks"/>.</summary>
    internal bool IsWithin(long rows, long ticks) => PredictTicks(rows) is var predicted && predicted > 0 && predicted <= ticks;

    /// <summary>Ticks; 0 while no run is known. From the nearest size: smaller runs tell what a row takes at most, larger ones what the whole run does.</summary>
    internal double PredictTicks(long rows)
    {
        int size = SizeOf(rows);
        for (int smaller = size; smaller >= 0; smaller--)
        {
            if (_ticksARow[smaller] > 0)
            {
                return _ticksARow[smaller] * Math.Max(1, rows);
            }
        }

        for (int larger = size + 1; larger < Sizes; larger++)
        {
            if (_ticksARow[larger] > 0)
            {
                return _ticksARow[larger] * (1L << larger);
            }
        }

        return 0;
    }

    /// <summary>Whether a run of so many rows takes so long that sharing it could ever be worth it.</summary>
    internal bool MaySave(long rows) => PredictTicks(rows) >= WorthTicks;

    /// <summary>
    /// The most rows that are worth one run: <paramref name="rows"/>, where requests of so many gain nothing from being put together.
    /// A size that nobody has tried counts as worth it once the one before it does.
    /// </summary>
    /// <param name="rows">Of one request.</param>
    /// <param name="most">Rows that are allowed.</param>
    internal long WorthRows(long rows, long most)
    {
        int single = SizeOf(rows);
        double alone = _ticksARow[single];
        if (alone <= 0)
        {
            return most;
        }

        double best = alone;
        int largest = single;
        for (int size = single + 1; size < Sizes && size <= SizeOf(most); size++)
        {
            if (_ticksARow[size] > 0)
            {
                best = Math.Min(best, _ticksARow[size]);
                largest = size;
            }
        }

        // Where nothing larger was ever run, nothing is known against it.
        if (largest > single && (best * WorthGain > alone || (alone - best) * rows < WorthTicks))
        {
            return rows;
        }

        int worth = largest;
        while (worth > single && _ticksARow[worth] > best * WorthGain)
        {
            worth--;
        }

        return Math.Min(most, worth == largest ? 2L << worth : 1L << worth);
    }

    private static int SizeOf(long rows) => rows <= 1 ? 0 : Math.Min(Sizes - 1, BitOperations.Log2((ulong)rows - 1) + 1);
}
