using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;

namespace ModelGateway.Audit;

/// <summary>Records what the files of the repositories bring about: versions that begin to answer, fail or go, and labels that move.</summary>
/// <remarks>Compares what is known with what was known the last time, so what came and went within <see cref="Interval"/> is not seen.</remarks>
internal sealed class RepositoryAudit(ServableManager manager, AuditLog log, TimeProvider time) : BackgroundService
{
    // With many models every look costs, and thousands change at the start.
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);
    private Dictionary<ServableId, Known> _versions = [];
    private Dictionary<string, IReadOnlyDictionary<string, long>> _labels = new(StringComparer.Ordinal);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!log.IsOn)
        {
            return;
        }

        try
        {
            while (true)
            {
                Task changed = manager.NextChange();
                Compare(manager.Snapshot());
                await changed.WaitAsync(stoppingToken);
                await Task.Delay(Interval, time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // All versions go now, and nobody did anything to them.
        }
    }

    /// <summary>Records what is new in a view.</summary>
    internal void Compare(RepositoryView view)
    {
        var versions = new Dictionary<ServableId, Known>();
        var labels = new Dictionary<string, IReadOnlyDictionary<string, long>>(StringComparer.Ordinal);
        foreach (ModelView model in view.Models.Values)
        {
            labels[model.Name] = model.Labels;
            CompareLabels(model.Name, _labels.GetValueOrDefault(model.Name), model.Labels);
            foreach (VersionView version in model.Versions)
            {
                versions[version.Id] = Compare(version, _versions.GetValueOrDefault(version.Id));
            }
        }

        foreach ((ServableId id, _) in _versions.Where(known => known.Value.Answers && !versions.ContainsKey(known.Key)))
        {
            Record("version.gone", $"{id.Model}/{id.Version}", AuditEvent.Success, null);
        }

        (_versions, _labels) = (versions, labels);
    }

    private Known Compare(VersionView version, Known? before)
    {
        string target = $"{version.Id.Model}/{version.Id.Version}";
        bool answers = version.Servable is not null || version.IsOnDemand;
        bool isOther = version.Digest is { } digest && before?.Digest is { } last && digest != last;
        if (answers && (before is not { Answers: true } || (version.Servable is not null && isOther)))
        {
            Record("version.ready", target, AuditEvent.Success, $"source {version.Source}, digest {version.Digest ?? "not known yet"}");
        }
        else if (!answers && before is { Answers: true })
        {
            Record("version.gone", target, AuditEvent.Success, null);
        }

        string? failure = version.State == ServableState.Failed ? version.Reason ?? "" : null;
        if (failure is not null && failure != before?.Failure)
        {
            Record("version.failed", target, AuditEvent.Failed, failure);
        }

        return new Known(answers, version.Digest ?? before?.Digest, failure);
    }

    private void CompareLabels(string model, IReadOnlyDictionary<string, long>? before, IReadOnlyDictionary<string, long> now)
    {
        foreach ((string label, long version) in now)
        {
            bool had = before is not null && before.ContainsKey(label);
            if (!had || before![label] != version)
            {
                Record("label.moved", model, AuditEvent.Success, had ? $"{label} from {before![label]} to {version}" : $"{label} to {version}");
            }
        }

        foreach ((string label, long version) in (before ?? new Dictionary<string, long>()).Where(label => !now.ContainsKey(label.Key)))
        {
            Record("label.removed", model, AuditEvent.Success, $"{label} from {version}");
        }
    }

    private void Record(string action, string target, string outcome, string? detail) =>
        log.Record(new AuditEvent(log.Now, AuditEvent.Repository, action, target, outcome) { Detail = detail });

    private sealed record Known(bool Answers, string? Digest, string? Failure);
}
