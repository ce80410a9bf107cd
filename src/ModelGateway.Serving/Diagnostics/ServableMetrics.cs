using System.Collections.Concurrent;
using System.Globalization;
using Prometheus;

namespace ModelGateway.Serving.Diagnostics;

/// <summary>The series of one loaded version. While it is replaced by itself (a reload) two of these share the series: the last one out removes them.</summary>
public sealed class ServableMetrics : IDisposable
{
    private static readonly string[] Stages = ["read", "wait", "run", "write"];

    // Guarded by itself: how many live objects use the series of "model/version" of one registry.
    private static readonly Dictionary<(ServingMetrics, string, string), int> Users = [];

    private readonly ServingMetrics _metrics;
    private readonly string _model;
    private readonly string _version;
    private readonly ConcurrentDictionary<string, Counter.Child> _outcomes = new(StringComparer.Ordinal);
    private readonly Histogram.Child[] _stages;
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

    /// <summary>Observes the four stages of one request, in seconds.</summary>
    public void ObserveStages(double read, double wait, double run, double write)
    {
        _stages[0].Observe(read);
        _stages[1].Observe(wait);
        _stages[2].Observe(run);
        _stages[3].Observe(write);
    }

    /// <summary>What is known once the version is loaded.</summary>
    public void SetLoaded(int instances, long memoryBytes, TimeSpan loadTime)
    {
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
        foreach (string[] labels in _metrics.Requests.GetAllLabelValues().Where(IsMine))
        {
            _metrics.Requests.RemoveLabelled(labels);
        }

        foreach (string stage in Stages)
        {
            _metrics.StageSeconds.RemoveLabelled(_model, _version, stage);
        }

        _metrics.RequestSeconds.RemoveLabelled(_model, _version);
        foreach (Gauge gauge in new[]
        {
            _metrics.InFlight, _metrics.QueueDepth, _metrics.InstancesBusy, _metrics.Instances, _metrics.MemoryBytes, _metrics.LoadSeconds,
        })
        {
            gauge.RemoveLabelled(_model, _version);
        }
    }

    private bool IsMine(string[] labels) => labels[0] == _model && labels[1] == _version;
}
