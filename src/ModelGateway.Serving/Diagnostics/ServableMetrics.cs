using System.Collections.Concurrent;
using System.Globalization;
using Prometheus;

namespace ModelGateway.Serving.Diagnostics;

/// <summary>The series of one loaded version. While it is replaced by itself (a reload) two of these share the series: the last one out removes them.</summary>
public sealed class ServableMetrics : IDisposable
{
    private static readonly int OutcomeCount = Enum.GetValues<CacheOutcome>().Length;
    private static readonly string[] Stages = ["read", "cache", "wait", "run", "write"];

    // Guarded by itself: how many live objects use the series of "model/version" of one registry.
    private static readonly Dictionary<(ServingMetrics, string, string), int> Users = [];

    private readonly ServingMetrics _metrics;
    private readonly string _model;
    private readonly string _version;
    private readonly ConcurrentDictionary<string, Counter.Child> _outcomes = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Counter.Child> _bypasses = new(StringComparer.Ordinal);
    private readonly Histogram.Child[] _stages;
    private readonly Counter.Child?[] _lookups = new Counter.Child?[Enum.GetValues<CacheLevel>().Length * OutcomeCount];
    private Counter.Child? _successes;
    private Histogram.Child? _batchRows;
    private Histogram.Child? _batchRequests;
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

        RequestSeconds = metrics.RequestSeconds.WithLabels(_model, _version);
        _stages = [.. Stages.Select(stage => metrics.StageSeconds.WithLabels(_model, _version, stage))];
        InFlight = metrics.InFlight.WithLabels(_model, _version);
        QueueDepth = metrics.QueueDepth.WithLabels(_model, _version);
        InstancesBusy = metrics.InstancesBusy.WithLabels(_model, _version);
    }

    /// <summary>Whole requests.</summary>
    public Histogram.Child RequestSeconds { get; }

    /// <summary>Requests being handled.</summary>
    public Gauge.Child InFlight { get; }

    /// <summary>Requests waiting for an instance.</summary>
    public Gauge.Child QueueDepth { get; }

    /// <summary>Runs in progress.</summary>
    public Gauge.Child InstancesBusy { get; }

    private (ServingMetrics Metrics, string Model, string Version) Key => (_metrics, _model, _version);

    /// <summary>Counts one request; the outcome is one of a small fixed set, such as <c>success</c> or <c>invalid_request</c>.</summary>
    public void Count(string outcome) =>
        _outcomes.GetOrAdd(outcome, static (key, self) => self._metrics.Requests.WithLabels(self._model, self._version, key), this).Inc();

    /// <summary>Counts a request that was answered.</summary>
    public void CountSuccess(TimeSpan total)
    {
        (_successes ??= _metrics.Requests.WithLabels(_model, _version, "success")).Inc();
        RequestSeconds.Observe(total.TotalSeconds);
    }

    /// <summary>Counts a look into the cache.</summary>
    public void CountLookup(CacheLevel level, CacheOutcome outcome)
    {
        // Two threads that make a series at once get the same one.
        int index = ((int)level * OutcomeCount) + (int)outcome;
        Counter.Child series = _lookups[index] ??= _metrics.CacheLookups.WithLabels(
            _model, _version, level.ToString().ToLowerInvariant(), outcome.ToString().ToLowerInvariant());
        series.Inc();
    }

    /// <summary>Counts a request that passes the cache by; the reason is one of a small fixed set.</summary>
    public void CountBypass(string reason) =>
        _bypasses.GetOrAdd(reason, static (key, self) => self._metrics.CacheBypasses.WithLabels(self._model, self._version, key), this).Inc();

    /// <summary>Observes the stages of one request that the model ran for, in seconds.</summary>
    public void ObserveStages(double read, double cache, double wait, double run, double write)
    {
        _stages[0].Observe(read);
        _stages[1].Observe(cache);
        _stages[2].Observe(wait);
        _stages[3].Observe(run);
        _stages[4].Observe(write);
    }

    /// <summary>Observes a run of a model whose requests may be run together.</summary>
    public void ObserveBatch(long rows, int requests)
    {
        (_batchRows ??= _metrics.BatchRows.WithLabels(_model, _version)).Observe(rows);
        (_batchRequests ??= _metrics.BatchRequests.WithLabels(_model, _version)).Observe(requests);
    }

    /// <summary>What is known once the version is loaded.</summary>
    public void SetLoaded(int instances, int queueLimit, long memoryBytes, TimeSpan loadTime)
    {
        _metrics.QueueLimit.WithLabels(_model, _version).Set(queueLimit);
        _metrics.Instances.WithLabels(_model, _version).Set(instances);
        _metrics.MemoryBytes.WithLabels(_model, _version).Set(memoryBytes);
        _metrics.LoadSeconds.WithLabels(_model, _version).Set(loadTime.TotalSeconds);
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
            if (--Users[Key] > 0)
            {
                return;
            }

            Users.Remove(Key);
            Remove();
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
