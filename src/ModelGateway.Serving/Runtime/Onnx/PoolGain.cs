using System.Diagnostics;
using System.Numerics;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>
/// Whether a run of one model should use the threads of the pool that all models share, or none but its own. Learned while serving, by the power of two that the
/// bytes of all inputs reach; shared by all runs, estimates, read and written without a lock.
/// </summary>
/// <remarks>
/// A run on all cores is over sooner, but uses more of their time for it: its threads wait for each other. So it pays as long as fewer runs go on than it is
/// times faster. Measured on two cores, a run alone on the pool against one on its own thread: a text recognizer of 25 ms 1.2 times faster, a
/// detector of 23 ms 1.4 times, a large convolution 1.9 times, a classifier of 1 ms 0.75 times; four callers of the recognizer got 1.35 times as much done without the pool.
/// </remarks>
/// <param name="threads">Of the pool; at least 2.</param>
internal sealed class PoolGain(int threads)
{
    // Threads that must be woken and waited for at each node of the graph only pay in longer runs.
    private static readonly double WorthTicks = Stopwatch.Frequency / 500.0;

    // Of what is shorter nothing need be known but that it is; a measurement would be felt.
    private static readonly double ShortTicks = Stopwatch.Frequency / 10_000.0;

    // How often each way is tried first; afterwards one lone run in so many goes the other way, so that a change is noticed.
    private const int FirstTries = 4;
    private const int TriedEvery = 256;

    // What a pool is likely to gain, of what its threads would at best.
    private const double LikelyShare = 0.7;

    private readonly Times _own = new();
    private readonly Times _pooled = new();
    private int _turn;

    /// <summary>Of the pool.</summary>
    public int Threads => threads;

    /// <summary>Whether runs on inputs of so many bytes are known to be over within a tenth of a millisecond.</summary>
    public bool IsShort(long bytes) => _own.Predict(bytes) is > 0 and var ticks && ticks < ShortTicks;

    /// <summary>Whether a run on the pool is likely to be over sooner; asked where there is no session for it yet.</summary>
    /// <param name="bytes">Of its inputs.</param>
    /// <param name="running">Runs that go on, it included.</param>
    public bool IsPromising(long bytes, int running) => _own.Predict(bytes) >= WorthTicks && running <= LikelyShare * threads;

    /// <summary>Whether the next run is to use the pool.</summary>
    /// <param name="bytes">Of its inputs.</param>
    /// <param name="running">Runs that go on, it included.</param>
    public bool Prefers(long bytes, int running)
    {
        double own = _own.Predict(bytes);
        if (own < WorthTicks)
        {
            // Also where nothing is known yet.
            return false;
        }

        double pooled = _pooled.Predict(bytes);
        bool prefers = pooled <= 0 ? IsPromising(bytes, running) : running <= Math.Min(own / pooled, threads - 1);
        if (running > 1)
        {
            return prefers;
        }

        int tries = _pooled.CountOf(bytes);
        return Math.Min(tries, _own.CountOf(bytes)) < FirstTries
            ? tries <= _own.CountOf(bytes)
            : prefers ^ (++_turn % TriedEvery == 0);
    }

    /// <summary>Counts a run that succeeded, where no more went on when it began than there are threads for.</summary>
    /// <param name="bytes">Of its inputs.</param>
    /// <param name="isPooled">It used the pool, and was alone.</param>
    /// <param name="ticks">Its time, in ticks of <see cref="Stopwatch"/>.</param>
    public void Count(long bytes, bool isPooled, long ticks) => (isPooled ? _pooled : _own).Add(bytes, ticks);

    /// <summary>Time a byte, as others can only make it longer: a shorter sample counts at once, a longer one little.</summary>
    private sealed class Times
    {
        private const double Up = 1.0 / 16;
        private readonly double[] _ticksAByte = new double[64];
        private readonly int[] _counts = new int[64];

        public void Add(long bytes, long ticks)
        {
            int size = SizeOf(bytes);
            ref double known = ref _ticksAByte[size];
            double sample = Math.Max(1.0, ticks) / Math.Max(1, bytes);
            known = known <= 0 || sample < known ? sample : known + (Up * (Math.Min(sample, known * 2) - known));
            _counts[size] = Math.Min(_counts[size] + 1, FirstTries);
        }

        public double Predict(long bytes) => _ticksAByte[SizeOf(bytes)] * Math.Max(1, bytes);

        public int CountOf(long bytes) => _counts[SizeOf(bytes)];

        private static int SizeOf(long bytes) => BitOperations.Log2((ulong)Math.Max(1, bytes));
    }
}
