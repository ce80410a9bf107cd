using System.Collections.Concurrent;
using System.Globalization;
using Prometheus;

namespace ModelGateway.Serving.Diagnostics;

/// <summary>The series of one loaded version. While it is replaced by itself (a reload) two of these share the series: the last one out removes them.</summary>
/// <remarks>What every request counts goes to <see cref="ServableCounters"/> and from there to the series when they are read.</remarks>
public sealed class ServableMetrics : IDisposable
{
    private static readonly CacheLevel[] Levels = Enum.GetValues<CacheLevel>();
    private static readonly CacheOutcome[] LookupOutcomes = Enum.GetValues<CacheOutcome>();
    private static readonly string[] Stages = ["read", "cache", "wait", "run", "write"];

    // Guarded by itself: how many live objects use the series of "model/version" of one registry.
    private static readonly Dictionary<(ServingMetrics, string, string), int> Users = [];

    private readonly ServingMetrics _metrics;
    private readonly string _model;
    private readonly string _version;
    private readonly ConcurrentDictionary<string, Counter.Child> _outcomes = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Counter.Child> _bypasses = new(StringComparer.Ordinal);
    private readonly Histogram.Child _total;
    private readonly (CoreHistogram Counted, Histogram.Child Shown)[] _stages;
    private readonly Gauge.Child _inFlight;
    private readonly Gauge.Child _instancesBusy;

    // What the series have of the counters; guarded by the gate, as is all that is published.
    private readonly Lock _gate = new();
    private readonly Dictionary<(CacheLevel, CacheOutcome), long> _publishedLookups = [];
    private long _publishedInFlight;
    private int _publishedBusy;
    private long _publishedJoinable;
    private long _publishedSuccesses;
    private Histogram.Child? _batchRows;
    private Histogram.Child? _batchRequests;
    private bool _isClosed;
    private bool _disposed;

    internal ServableMetrics(ServingMetrics metrics, string model, long version)
    {
        _metrics = metrics;
        _model = model;
        _version = version.ToString(CultureInfo.InvariantCulture);
        lock (Users)
        {
            Users[Key] = Users.GetValueOrDefault(Key) + 1;
        }

        _total = metrics.RequestSeconds.WithLabels(_model, _version);
        CoreHistogram[] counted = [Counters.Read, Counters.Cache, Counters.Wait, Counters.Run, Counters.Write];
        _stages = [.. Stages.Zip(counted, (stage, histogram) => (histogram, metrics.StageSeconds.WithLabels(_model, _version, stage)))];
        _inFlight = metrics.InFlight.WithLabels(_model, _version);
        QueueDepth = metrics.QueueDepth.WithLabels(_model, _version);
        _instancesBusy = metrics.InstancesBusy.WithLabels(_model, _version);
        metrics.Add(this);
    }

    /// <summary>Requests waiting for an instance.</summary>
    public Gauge.Child QueueDepth { get; }

    /// <summary>Where requests count.</summary>
    internal ServableCounters Counters { get; } = new();

    /// <summary>Tells the runs in progress; null until there is a pool.</summary>
    internal Func<int>? InstancesBusy { get; set; }

    private (ServingMetrics Metrics, string Model, string Version) Key => (_metrics, _model, _version);

    /// <summary>Counts one request; the outcome is one of a small fixed set, such as <c>success</c> or <c>invalid_request</c>.</summary>
    public void Count(string outcome) =>
        _outcomes.GetOrAdd(outcome, static (key, self) => self._metrics.Requests.WithLabels(self._model, self._version, key), this).Inc();

    /// <summary>A request is being handled, until <see cref="Leave"/>.</summary>
    public void Enter() => Counters.Enter();

    /// <summary>A request is no longer handled.</summary>
    public void Leave() => Counters.Leave();

    /// <summary>Counts a request that was answered without a run of its own: as other servers do, neither an inference nor an execution.</summary>
    public void CountHit(TimeSpan total, TimeSpan lookup) => Counters.CountHit(total, lookup);

    /// <summary>Counts an answered request that the model ran for; the run itself is counted apart.</summary>
    /// <param name="rows">Its rows; what has no batch dimension has one.</param>
    /// <param name="stages">Where its time went.</param>
    /// <param name="isMiss">The cache was looked into, and found nothing.</param>
    /// <param name="now">A timestamp of <see cref="System.Diagnostics.Stopwatch"/>.</param>
    public void CountAnswer(long rows, in AnswerStages stages, bool isMiss, long now) => Counters.CountAnswer(rows, stages, isMiss, now);

    /// <summary>Counts a request that was refused or failed, besides its outcome.</summary>
    public void CountFailure(TimeSpan total) => Counters.CountFailure(total);

    /// <summary>Counts a look into the cache.</summary>
    public void CountLookup(CacheLevel level, CacheOutcome outcome) => Counters.CountLookup(level, outcome);

    /// <summary>Counts a request that passes the cache by; the reason is one of a small fixed set.</summary>
    public void CountBypass(string reason) =>
        _bypasses.GetOrAdd(reason, static (key, self) => self._metrics.CacheBypasses.WithLabels(self._model, self._version, key), this).Inc();

    /// <summary>Observes a run of a model whose requests may be run together.</summary>
    /// <param name="rows">Of the run.</param>
    /// <param name="requests">That shared it.</param>
    /// <param name="runs">How many such runs.</param>
    public void ObserveBatch(long rows, int requests, long runs = 1)
    {
        (_batchRows ??= _metrics.BatchRows.WithLabels(_model, _version)).Observe(rows, runs);
        (_batchRequests ??= _metrics.BatchRequests.WithLabels(_model, _version)).Observe(requests, runs);
    }

    /// <summary>What is known once the version is loaded.</summary>
    public void SetLoaded(int instances, int queueLimit, long memoryBytes, TimeSpan loadTime)
    {
        _metrics.QueueLimit.WithLabels(_model, _version).Set(queueLimit);
        _metrics.Instances.WithLabels(_model, _version).Set(instances);
        _metrics.MemoryBytes.WithLabels(_model, _version).Set(memoryBytes);
        _metrics.LoadSeconds.WithLabels(_model, _version).Set(loadTime.TotalSeconds);
    }

    /// <summary>Brings the series up to what was counted.</summary>
    internal void Publish()
    {
        lock (_gate)
        {
            if (_isClosed)
            {
                return;
            }

            Counters.Total.Publish(_total);
            foreach ((CoreHistogram counted, Histogram.Child shown) in _stages)
            {
                counted.Publish(shown);
            }

            if (Counters.Total.Total.Count is var successes && successes > _publishedSuccesses)
            {
                _metrics.Requests.WithLabels(_model, _version, "success").Inc(successes - _publishedSuccesses);
                _publishedSuccesses = successes;
            }

            if (Counters.JoinableRuns is var joinable && joinable > _publishedJoinable)
            {
                ObserveBatch(1, 1, joinable - _publishedJoinable);
                _publishedJoinable = joinable;
            }

            PublishLookups();
            long inFlight = Counters.NowInFlight;
            _inFlight.Inc(inFlight - _publishedInFlight);
            _publishedInFlight = inFlight;
            int busy = InstancesBusy?.Invoke() ?? 0;
            _instancesBusy.Inc(busy - _publishedBusy);
            _publishedBusy = busy;
        }
    }

    /// <summary>Removes every series of the version, unless a reload of it still uses them.</summary>
    public void Dispose()
    {
        lock (Users)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            _metrics.Remove(this);
            bool isShared = --Users[Key] > 0;
            if (isShared)
            {
                // A ticket of callers who have all left may still be out: the other's runs are those that count.
                InstancesBusy = null;
                Publish();
            }

            // A scrape that has begun must not bring back what is removed below.
            lock (_gate)
            {
                _isClosed = true;
            }

            if (isShared)
            {
                return;
            }

            Users.Remove(Key);
            Remove();
        }
    }

    private void PublishLookups()
    {
        foreach (CacheLevel level in Levels)
        {
            foreach (CacheOutcome outcome in LookupOutcomes)
            {
                long counted = Counters.LookupsOf(level, outcome);
                long added = counted - _publishedLookups.GetValueOrDefault((level, outcome));
                if (added > 0)
                {
                    _metrics.CacheLookups.WithLabels(_model, _version, level.ToString().ToLowerInvariant(), outcome.ToString().ToLowerInvariant()).Inc(added);
                    _publishedLookups[(level, outcome)] = counted;
                }
            }
        }
    }

    private void Remove()
    {
        foreach (Counter counter in new[] { _metrics.Requests, _metrics.CacheLookups, _metrics.CacheBypasses })
        {
            foreach (string[] labels in counter.GetAllLabelValues().Where(IsMine))
            {
                counter.RemoveLabelled(labels);
            }
        }

        foreach (string stage in Stages)
        {
            _metrics.StageSeconds.RemoveLabelled(_model, _version, stage);
        }

        _metrics.RequestSeconds.RemoveLabelled(_model, _version);
        _metrics.BatchRows.RemoveLabelled(_model, _version);
        _metrics.BatchRequests.RemoveLabelled(_model, _version);
        foreach (Gauge gauge in new[]
        {
            _metrics.InFlight, _metrics.QueueDepth, _metrics.InstancesBusy, _metrics.Instances, _metrics.QueueLimit, _metrics.MemoryBytes, _metrics.LoadSeconds,
        })
        {
            gauge.RemoveLabelled(_model, _version);
        }
    }

    private bool IsMine(string[] labels) => labels[0] == _model && labels[1] == _version;
}

/// <summary>The levels of the prediction cache, as metrics name them.</summary>
public enum CacheLevel
{
    /// <summary>Finished answers, found by the bytes of the body.</summary>
    Answer,

    /// <summary>Predictions in memory.</summary>
    Memory,

    /// <summary>Single rows of batches.</summary>
    Row,

    /// <summary>The shared store.</summary>
    Store,

    /// <summary>Runs under way: an equal request waits for them.</summary>
    Flight,
}

/// <summary>What a look found.</summary>
public enum CacheOutcome
{
    /// <summary>A fresh answer.</summary>
    Hit,

    /// <summary>Nothing that may be answered.</summary>
    Miss,

    /// <summary>An answer past its time, given while a new one is made.</summary>
    Stale,
}
