namespace ModelGateway.Serving.Caching;

/// <summary>
/// Whether the cache pays for one loaded version: compares, measured while serving, what looking costs with what hits save. Shared by all
/// requests; the numbers are estimates, so they are read and written without a lock, and a lost update does no harm.
/// </summary>
/// <remarks>
/// Looking pays while <c>share of hits x cost of a run &gt; cost of looking</c>. Where it does not, all but one in <see cref="SampledEvery"/>
/// requests pass the cache by; the sampled ones keep the share known, so that a change is noticed. A model whose run costs more than
/// <see cref="NegligibleShare"/> looks is never passed by: there a look costs nothing that shows.
/// </remarks>
public sealed class CacheEconomy
{
    /// <summary>Of the requests that pass by, one in so many looks all the same.</summary>
    public const int SampledEvery = 32;

    private const int Trusted = 256;

    // The first looks are compiled while they are measured, a thousand times slower than those that follow; after so many misses they have no weight.
    private const int Measured = 160;
    private const int Halved = 2048;
    private const int NegligibleShare = 50;
    private const double Weight = 1.0 / 16;

    private double _runTicks;
    private double _lookTicks;
    private int _looks;
    private int _hits;
    private int _misses;
    private int _turn;
    private int _storeLooks;
    private double _storeHits;
    private int _storeTurn;

    /// <summary>The mean cost of a run of late; zero while unknown.</summary>
    public TimeSpan RunCost => TimeSpan.FromTicks((long)_runTicks);

    /// <summary>Whether this request should look.</summary>
    public bool ShouldLook()
    {
        int looks = _looks;
        if (looks < Trusted || _misses < Measured || _runTicks <= 0 || _lookTicks * NegligibleShare < _runTicks || (double)_hits / looks * _runTicks > _lookTicks)
        {
            return true;
        }

        return (Interlocked.Increment(ref _turn) & (SampledEvery - 1)) == 0;
    }

    /// <summary>
    /// Whether the shared store should be asked: what its hits save is more than the trip, or nobody knows yet. One request in
    /// <see cref="SampledEvery"/> asks all the same, so that a change of either is noticed.
    /// </summary>
    /// <param name="trip">What a trip takes.</param>
    public bool ShouldAskStore(TimeSpan trip)
    {
        int looks = _storeLooks;
        return _runTicks <= 0
            || (_runTicks > trip.Ticks && (looks < Trusted || _storeHits / looks * _runTicks > trip.Ticks))
            || (Interlocked.Increment(ref _storeTurn) & (SampledEvery - 1)) == 0;
    }

    /// <summary>Whether an answer is worth being put into the shared store: others may ask for it, and a run costs more than the trip.</summary>
    /// <param name="trip">What a trip takes.</param>
    public bool ShouldFillStore(TimeSpan trip) => _runTicks > trip.Ticks;

    /// <summary>An answer of the store.</summary>
    public void CountStore(bool isHit) => CountStore(isHit ? 1 : 0, 1);

    /// <summary>An answer of the store to a question for many values at once. They are one look: what a batch finds says little of the next one's, however many rows it has.</summary>
    public void CountStore(int found, int asked)
    {
        _storeHits += (double)found / asked;
        if (++_storeLooks >= Halved)
        {
            _storeHits /= 2;
            _storeLooks /= 2;
        }
    }

    /// <summary>A look that found something.</summary>
    public void CountHit() => CountHits(1);

    /// <summary>Looks that found something, of a caller who makes so many that each of them would be felt.</summary>
    public void CountHits(int count)
    {
        _hits += count;
        CountLooks(count);
    }

    /// <summary>A look that found nothing.</summary>
    /// <param name="cost">What it took, without the run: hashing, looking, keeping.</param>
    public void CountMiss(TimeSpan cost)
    {
        _lookTicks = Mean(_lookTicks, cost.Ticks);
        _misses += _misses < Measured ? 1 : 0;
        CountLooks(1);
    }

    /// <summary>A run of the model, or what the maker of a stored answer said that it took.</summary>
    public void CountRun(TimeSpan cost) => _runTicks = Mean(_runTicks, Math.Max(1, cost.Ticks));

    private static double Mean(double mean, long ticks) => mean <= 0 ? ticks : mean + (Weight * (Math.Min(ticks, mean * 8) - mean));

    private void CountLooks(int count)
    {
        _looks += count;
        if (_looks >= Halved)
        {
            // What was long ago counts less.
            _hits /= 2;
            _looks /= 2;
        }
    }
}
