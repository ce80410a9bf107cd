using System.Diagnostics;

namespace ModelGateway.Serving.Diagnostics;

/// <summary>
/// What each request of one loaded version counts: <see cref="ServableMetrics"/> shows it to Prometheus and <see cref="ServableStatistics"/> to the
/// statistics of the protocols, so that a request counts once for both.
/// </summary>
internal sealed class ServableCounters
{
    private const int InFlight = 0;
    private const int Rows = 1;
    private const int LastRun = 2;
    private const int FailCount = 3;
    private const int FailTicks = 4;
    private const int HitCount = 5;
    private const int HitTicks = 6;
    private const int MissCount = 7;
    private const int MissTicks = 8;
    private const int SingleCount = 9;
    private const int SingleTicks = 10;
    private const int JoinableCount = 11;
    private const int Lookups = 12;
    private static readonly int Outcomes = Enum.GetValues<CacheOutcome>().Length;
    private static readonly int LookupCount = Enum.GetValues<CacheLevel>().Length * Outcomes;
    private static readonly int Histograms = Lookups + LookupCount;
    private static readonly int HistogramSize = CoreHistogram.Size(ServingMetrics.LatencyBuckets.Length);

    private readonly CoreCounters _counters = new(Histograms + (6 * HistogramSize));

    public ServableCounters()
    {
        Total = HistogramAt(0);
        Read = HistogramAt(1);
        Cache = HistogramAt(2);
        Wait = HistogramAt(3);
        Run = HistogramAt(4);
        Write = HistogramAt(5);
    }

    /// <summary>Whole requests that were answered.</summary>
    public CoreHistogram Total { get; }

    /// <summary>Reading the body and its tensors. This and the other stages: of requests that the model ran for.</summary>
    public CoreHistogram Read { get; }

    /// <summary>The look into the cache.</summary>
    public CoreHistogram Cache { get; }

    /// <summary>Waiting for an instance.</summary>
    public CoreHistogram Wait { get; }

    /// <summary>The run.</summary>
    public CoreHistogram Run { get; }

    /// <summary>Writing the answer.</summary>
    public CoreHistogram Write { get; }

    /// <summary>Requests that are being handled.</summary>
    public long NowInFlight => _counters.Read(InFlight);

    /// <summary>Rows predicted.</summary>
    public long RowsRun => _counters.Read(Rows);

    /// <summary>When the last answer to a run was made; a timestamp of <see cref="Stopwatch"/>, 0 where there was none.</summary>
    public long LastRunTimestamp => _counters.ReadLargest(LastRun);

    /// <summary>Requests refused or failed.</summary>
    public (long Count, long Ticks) Failures => (_counters.Read(FailCount), _counters.Read(FailTicks));

    /// <summary>Answers from the cache and the time of looking.</summary>
    public (long Count, long Ticks) Hits => (_counters.Read(HitCount), _counters.Read(HitTicks));

    /// <summary>Looks that found nothing.</summary>
    public (long Count, long Ticks) Misses => (_counters.Read(MissCount), _counters.Read(MissTicks));

    /// <summary>Runs of one row on the thread of its request.</summary>
    public (long Count, long Ticks) SingleRuns => (_counters.Read(SingleCount), _counters.Read(SingleTicks));

    /// <summary>Those of them that could have been run together with others.</summary>
    public long JoinableRuns => _counters.Read(JoinableCount);

    public void Enter() => _counters.Mine().Add(InFlight, 1);

    public void Leave() => _counters.Mine().Add(InFlight, -1);

    public void CountFailure(TimeSpan total)
    {
        CoreCounters.Copy mine = _counters.Mine();
        mine.Add(FailTicks, total.Ticks);
        mine.Add(FailCount, 1);
    }

    public void CountHit(TimeSpan total, TimeSpan lookup)
    {
        CoreCounters.Copy mine = _counters.Mine();
        Total.Observe(mine, total);
        mine.Add(HitTicks, lookup.Ticks);
        mine.Add(HitCount, 1);
    }

    /// <param name="rows">Of the request.</param>
    /// <param name="stages">Where its time went.</param>
    /// <param name="isMiss">The cache was looked into.</param>
    /// <param name="now">A timestamp of <see cref="Stopwatch"/>.</param>
    public void CountAnswer(long rows, in AnswerStages stages, bool isMiss, long now)
    {
        CoreCounters.Copy mine = _counters.Mine();
        Total.Observe(mine, stages.Total);
        Read.Observe(mine, stages.Read);
        Cache.Observe(mine, stages.Cache);
        Wait.Observe(mine, stages.Wait);
        Run.Observe(mine, stages.Run);
        Write.Observe(mine, stages.Write);
        mine.Add(Rows, rows);
        mine.Set(LastRun, now);
        if (isMiss)
        {
            mine.Add(MissTicks, stages.Cache.Ticks);
            mine.Add(MissCount, 1);
        }
    }

    public void CountSingleRun(TimeSpan run, bool isJoinable)
    {
        CoreCounters.Copy mine = _counters.Mine();
        mine.Add(SingleTicks, run.Ticks);
        mine.Add(SingleCount, 1);
        if (isJoinable)
        {
            mine.Add(JoinableCount, 1);
        }
    }

    public void CountLookup(CacheLevel level, CacheOutcome outcome) => _counters.Mine().Add(Lookups + LookupOf(level, outcome), 1);

    public long LookupsOf(CacheLevel level, CacheOutcome outcome) => _counters.Read(Lookups + LookupOf(level, outcome));

    private static int LookupOf(CacheLevel level, CacheOutcome outcome) => ((int)level * Outcomes) + (int)outcome;

    private CoreHistogram HistogramAt(int place) => new(_counters, Histograms + (place * HistogramSize), ServingMetrics.LatencyBuckets);
}

/// <summary>Where the time of an answer went that the model ran for.</summary>
/// <param name="Total">From the first byte of the body to the last of the answer.</param>
/// <param name="Read">Reading the body and its tensors.</param>
/// <param name="Cache">The look into the cache.</param>
/// <param name="Wait">Waiting for an instance.</param>
/// <param name="Run">The run.</param>
/// <param name="Write">Writing the answer.</param>
public readonly record struct AnswerStages(TimeSpan Total, TimeSpan Read, TimeSpan Cache, TimeSpan Wait, TimeSpan Run, TimeSpan Write);
