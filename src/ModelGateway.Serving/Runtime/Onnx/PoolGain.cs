using System.Diagnostics;
using System.Numerics;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>
/// Whether a run of one model should use the threads of the pool that all models share, or none but its caller's. Learned while serving, by the power of two that the
/// bytes of all inputs reach; shared by all runs, estimates, read and written without a lock.
/// </summary>
/// <remarks>
/// A run on all cores may be over sooner, but it uses more of their time: its threads wait for each other. So it pays as long as no more runs go on than it is
/// times faster. Measured on two cores, a run alone on the pool against one on its caller's thread: a text recognizer of 25 ms is 1.2 times faster, a
/// detector of 23 ms 1.4 times, a large convolution 1.9 times, and a classifier of 1 ms 0.75 times; four callers of the recognizer got 1.35 times as much done without the pool.
/// </remarks>
/// <param name="threads">Of the pool.</param>
internal sealed class PoolGain(int threads)
{
    // Of what is shorter nothing need be known but that it is: a choice would cost more than it could gain, and the pool gains it nothing.
    private static readonly double ShortTicks = Stopwatch.Frequency / 10_000.0;

    // Threads that must be woken and waited for at each node of the graph only pay in longer runs. Where a shorter one is over sooner with them all the same, it takes a
    // core from the requests around it (measured: a classifier of 1 ms with four callers, 1.17 times the requests without).
    private static readonly double WorthTicks = Stopwatch.Frequency / 500.0;

    // Lone runs of either kind before they are believed, and how many choices in a row are given to that.
    private const int Enough = 8;
    private const int MostTries = 8 * Enough;

    // More than a load runs to try the model out.
    private const int Demand = 32;

    // Afterwards one lone run in so many goes the other way, so that a change is noticed: more where it costs little, as both take about as long.
    private const int TriedEvery = 256;
    private const int TriedOftenEvery = 16;
    private const double Alike = 1.4;

    // What a pool is likely to gain, of what its threads would at best; and the least that is one.
    private const double LikelyShare = 0.7;
    private const double LeastGain = 1.05;
    private const double LeastUp = 1.0 / 16;
    private const int Sizes = 64;

    private readonly Times _own = new();
    private readonly Times _pooled = new();
    private readonly int[] _turns = new int[Sizes];

    // Of any kind and beside others too. They can only make it longer, so a shorter sample counts at once.
    private readonly double[] _least = new double[Sizes];
    private int _demand;

    /// <summary>Whether runs on inputs of so many bytes are known to be over within a tenth of a millisecond.</summary>
    public bool IsShort(long bytes) => _least[SizeOf(bytes)] is > 0 and var ticks && ticks < ShortTicks;

    /// <summary>Whether a session without the pool is worth having, while there is none.</summary>
    /// <param name="bytes">Of the inputs of a run that was counted just now.</param>
    /// <param name="isTiny">The model is so small that the pool hardly ever has a hand in its runs.</param>
    public bool IsOwnWanted(long bytes, bool isTiny) => threads > 1 && Volatile.Read(ref _demand) >= Demand && !(isTiny && IsShort(bytes));

    /// <summary>Whether the next run is to use the pool, where there is a session for either.</summary>
    /// <param name="bytes">Of its inputs.</param>
    /// <param name="running">Runs that go on, it included.</param>
    public bool Prefers(long bytes, int running)
    {
        int own = _own.Count(bytes);
        if ((own > 0 ? _own.Mean(bytes) : _least[SizeOf(bytes)]) < WorthTicks)
        {
            return false;
        }

        int pooled = _pooled.Count(bytes);
        int turn = running == 1 ? ++_turns[SizeOf(bytes)] : 0;
        if (Math.Min(own, pooled) < Enough)
        {
            bool isTry = turn is > 0 and <= MostTries || (turn > 0 && turn % TriedEvery == 0);
            return isTry ? pooled <= own : !IsCrowded(running);
        }

        double gain = _own.Mean(bytes) / _pooled.Mean(bytes);
        if (running > 1)
        {
            return running <= Math.Min(gain, threads - 1);
        }

        bool isOtherWay = turn % (gain is > 1 / Alike and < Alike ? TriedOftenEvery : TriedEvery) == 0;
        return gain >= LeastGain != isOtherWay;
    }

    /// <summary>Counts a run that succeeded.</summary>
    /// <param name="bytes">Of its inputs.</param>
    /// <param name="isPooled">It used the pool.</param>
    /// <param name="ticks">Its time, in ticks of <see cref="Stopwatch"/>.</param>
    /// <param name="wasAlone">No other run went on at any time until its end.</param>
    public void Count(long bytes, bool isPooled, long ticks, bool wasAlone)
    {
        ref double least = ref _least[SizeOf(bytes)];
        double sample = Math.Max(1, ticks);
        least = least <= 0 || sample < least ? sample : least + (LeastUp * (Math.Min(sample, 2 * least) - least));
        if (wasAlone)
        {
            (isPooled ? _pooled : _own).Add(bytes, ticks);
        }

        if (isPooled && (!wasAlone || least < WorthTicks))
        {
            _demand++;
        }
    }

    private bool IsCrowded(int running) => running > LikelyShare * threads;

    private static int SizeOf(long bytes) => BitOperations.Log2((ulong)Math.Max(1, bytes));

    /// <summary>Mean times of late: not the shortest, as what a run takes may depend on what its inputs say.</summary>
    private sealed class Times
    {
        private const int Remembered = 8;

        // Memory is new to the first runs of a session.
        private const int Cold = 4;
        private readonly double[] _means = new double[Sizes];
        private readonly int[] _counts = new int[Sizes];

        public void Add(long bytes, long ticks)
        {
            int size = SizeOf(bytes);
            int count = Math.Min(++_counts[size] - Cold, Remembered);
            if (count <= 0)
            {
                return;
            }

            _counts[size] = count + Cold;

            // Of a run that was held up only so much is believed. Another thread may have counted and not come to the mean yet.
            double mean = _means[size];
            double sample = Math.Max(1.0, ticks);
            _means[size] = mean <= 0 ? sample : mean + ((Math.Min(sample, 4 * mean) - mean) / count);
        }

        public double Mean(long bytes) => _means[SizeOf(bytes)];

        public int Count(long bytes) => Math.Max(0, _counts[SizeOf(bytes)] - Cold);
    }
}
