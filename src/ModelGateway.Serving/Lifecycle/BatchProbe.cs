using Microsoft.Extensions.Logging;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Scheduling;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Lifecycle;

/// <summary>Decides at load whether requests for a version may be run together: only where trying it shows no other answers than one by one.</summary>
internal sealed partial class BatchProbe(TimeSpan longest, ILogger logger)
{
    // Ten times what the cache of rows allows: that keeps an answer, this gives one that the same request may also have got alone.
    private const double Slack = 10;

    // Unasked, no load is made longer by runs that take more: on a CPU, a run of that length gains nothing from more rows.
    private static readonly TimeSpan LongestUnasked = TimeSpan.FromMilliseconds(50);

    /// <summary>The rules; null where each request runs alone.</summary>
    /// <param name="id">Model and version.</param>
    /// <param name="instance">What is tried.</param>
    /// <param name="config">Says whether.</param>
    /// <param name="example">Inputs that ran while it warmed up; empty where none are known.</param>
    /// <param name="cost">What is known of its runs; what a batch costs is added.</param>
    /// <param name="cancellationToken">Calls the load off.</param>
    public BatchRules? Run(ServableId id, IModelInstance instance, ModelConfig config, IReadOnlyList<NamedTensor> example, RunCost cost, CancellationToken cancellationToken)
    {
        ModelBatchingConfig batching = config.Batching;
        bool isAutomatic = batching.Mode == BatchingMode.Automatic;
        int most = Math.Min(batching.MaxBatchSize, config.Limits.MaxBatchSize ?? int.MaxValue);
        if (batching.Mode == BatchingMode.Off || most < 2 || (isAutomatic && (cost.Predict(1) is not { } run || run > LongestUnasked)))
        {
            return null;
        }

        RowFinding finding = RowProbe.Run(instance, example, longest, cancellationToken, Slack);
        if (finding.Verdict == RowVerdict.Alone)
        {
            CostProbe.MeasureBatch(instance, finding.Rows, cost, cancellationToken);
        }
        else if (isAutomatic)
        {
            return null;
        }
        else if (finding.Verdict == RowVerdict.Dependent)
        {
            Log.NotBatched(logger, id.Model, id.Version, finding.Reason!);
            return null;
        }

        return new BatchRules(instance.Signature, most, isAutomatic)
        {
            Preferred = batching.PreferredSizes,
            MaxDelay = batching.MaxDelay ?? TimeSpan.Zero,
            Stopped = reason => Log.NotBatched(logger, id.Model, id.Version, reason + "."),
        };
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = EventIds.NotBatched, Level = LogLevel.Warning, Message = "Requests for {Model}/{Version} are not run together: {Reason}")]
        public static partial void NotBatched(ILogger logger, string model, long version, string reason);
    }
}
