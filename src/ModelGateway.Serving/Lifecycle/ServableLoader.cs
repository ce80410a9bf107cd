using System.Diagnostics;
using Microsoft.Extensions.Logging;
using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Repository.Encryption;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Scheduling;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Lifecycle;

/// <summary>Brings one version from the repository to Ready: fetch, check, load, warm up. Runs on a loader thread.</summary>
internal sealed partial class ServableLoader(
    ArtifactCache artifacts, IModelRuntime runtime, ServingMetrics metrics, ServingOptions options, TimeProvider time, ILogger<ServableManager> logger,
    PredictionCache? cache, RunWorkers workers)
{
    /// <summary>Loads a version; the caller owns the one reference that the servable starts with.</summary>
    /// <param name="id">Model and version.</param>
    /// <param name="listing">The files.</param>
    /// <param name="config">The configuration to load with.</param>
    /// <param name="enter">Told of every state on the way, and once the files are here of their digest.</param>
    /// <param name="unloaded">Told when the servable is gone from memory.</param>
    /// <param name="cancellationToken">Calls the load off.</param>
    public Servable Load(
        ServableId id, VersionListing listing, ModelConfig config, Action<ServableState, string?> enter, Action<Servable> unloaded, CancellationToken cancellationToken)
    {
        // For lines that know nothing of models, such as ONNX Runtime's about a graph.
        using IDisposable? scope = logger.BeginScope(new Dictionary<string, object> { ["Model"] = id.Model, ["Version"] = id.Version });
        long started = time.GetTimestamp();
        using var spans = new LoadSpans(id);
        try
        {
            return Load(id, listing, config, (state, digest) => Enter(spans, enter, state, digest), unloaded, started, cancellationToken);
        }
        catch (Exception exception)
        {
            spans.Fail(exception);
            throw;
        }
    }

    private static void Enter(LoadSpans spans, Action<ServableState, string?> enter, ServableState state, string? digest)
    {
        spans.Enter(state);
        enter(state, digest);
    }

    private Servable Load(
        ServableId id, VersionListing listing, ModelConfig config, Action<ServableState, string?> enter, Action<Servable> unloaded, long started, CancellationToken cancellationToken)
    {
        options.Signatures.CheckListed(listing);
        enter(ServableState.Fetching, null);

        (ModelArtifact artifact, listing) = Fetch(listing, cancellationToken);
        IModelInstance? instance = null;
        try
        {
            enter(ServableState.Verifying, artifact.Digest);
            options.Signatures.Check(listing, artifact);
            var files = new ArtifactFiles(artifact, options.Encryption);
            string[] labels = ReadLabels(files, cancellationToken);
            ColumnNames? columns = ColumnFile.Read(files, cancellationToken);
            enter(ServableState.Loading, null);
            instance = runtime.Load(artifact, config, cancellationToken);
            CheckAgainst(instance.Signature, config);
            ModelSignature signature = columns is null ? instance.Signature : ColumnFile.AddTo(instance.Signature, columns);
            enter(ServableState.Warming, null);
            long warming = Stopwatch.GetTimestamp();
            IReadOnlyList<NamedTensor> example = Warmup.Run(
                instance, config, options.WarmupTimeout, reason => Log.WarmupSkipped(logger, id.Model, id.Version, reason), cancellationToken);
            var cost = new RunCost();
            CostProbe.Measure(instance, example, Stopwatch.GetElapsedTime(warming), cost, cancellationToken);
            bool answersRowsAlone = CanBeCached(id, instance) && AnswersRowsAlone(id, instance, config, example, cancellationToken);
            BatchRules? batching = new BatchProbe(options.WarmupTimeout, logger).Run(id, instance, config, example, cost, cancellationToken);
            Servable servable = Create(id, config, artifact, instance, unloaded, started, answersRowsAlone, batching, labels, example, cost);
            servable.Signature = signature;
            servable.Cache = cache?.Open(id, artifact.Digest, config, signature, instance.Metadata.NondeterministicNode, servable.AnswersRowsAlone);
            return servable;
        }
        catch
        {
            instance?.Dispose();
            artifact.Dispose();
            throw;
        }
    }

    // A loader thread may block: it answers nobody.
    private (ModelArtifact Artifact, VersionListing Listing) Fetch(VersionListing listing, CancellationToken cancellationToken)
    {
        for (bool isAgain = false; ; isAgain = true)
        {
            try
            {
                return (artifacts.FetchAsync(listing, cancellationToken).GetAwaiter().GetResult(), listing);
            }
            catch (InvalidDataException exception)
            {
                // It may be the manifest that was damaged on the way, and not the file that was compared with it.
                VersionListing? other = listing.ReadManifestAgainAsync?.Invoke(cancellationToken).GetAwaiter().GetResult();
                if (other is null)
                {
                    throw;
                }

                if (isAgain || other.WaitReason is not null)
                {
                    // Another one each time: it may come right later.
                    throw new IOException(other.WaitReason ?? exception.Message, exception);
                }

                listing = other;
            }
        }
    }

    private Servable Create(
        ServableId id, ModelConfig config, ModelArtifact artifact, IModelInstance instance, Action<Servable> unloaded, long started, bool answersRowsAlone, BatchRules? batching,
        string[] labels, IReadOnlyList<NamedTensor> example, RunCost cost)
    {
        ServableMetrics series = metrics.ForServable(id.Model, id.Version);
        int concurrency = config.Instances ?? Environment.ProcessorCount;
        var pool = new InstancePool(instance, concurrency, series);
        var statistics = new ServableStatistics(series);
        int queueLimit = config.Limits.QueueLength ?? options.QueueLength;
        var servable = new Servable(id, config, artifact, instance, pool, series, unloaded)
        {
            Scheduler = new RunScheduler(
                pool, workers, new RunSettings(config.Weight, queueLimit, batching), cost, (series, statistics), time),
            AnswersRowsAlone = answersRowsAlone,
            Statistics = statistics,
            ClassLabels = MergeLabels(instance.Signature, config, labels),
            Example = example,
            LoadTime = time.GetElapsedTime(started),
            ReadyAt = time.GetUtcNow(),
        };
        series.SetLoaded(concurrency, queueLimit, instance.MemoryEstimate, servable.LoadTime);
        return servable;
    }

    private bool CanBeCached(ServableId id, IModelInstance instance)
    {
        if (instance.Metadata.NondeterministicNode is { } node)
        {
            Log.NotCached(logger, id.Model, id.Version, node);
        }

        return instance.Metadata.NondeterministicNode is null;
    }

    // The operator's word is not enough: a cache that mixed up rows would answer wrongly, and nobody would see it.
    private bool AnswersRowsAlone(ServableId id, IModelInstance instance, ModelConfig config, IReadOnlyList<NamedTensor> example, CancellationToken cancellationToken)
    {
        string? obstacle = config.RowsIndependent ? RowProbe.Run(instance, example, options.WarmupTimeout, cancellationToken).Reason : null;
        if (obstacle is not null)
        {
            Log.RowsNotIndependent(logger, id.Model, id.Version, obstacle);
        }

        return config.RowsIndependent && obstacle is null;
    }

    private static void CheckAgainst(ModelSignature signature, ModelConfig config)
    {
        foreach (string output in config.ClassLabels.Keys.Where(output => signature.IndexOfOutput(output) < 0))
        {
            throw new ModelLoadException(
                $"model.yaml: class_labels names an output '{output}' that the model does not have."
                + NameSuggestion.For(output, signature.Outputs.Select(spec => spec.Name)));
        }
    }

    private static string[] ReadLabels(ArtifactFiles files, CancellationToken cancellationToken)
    {
        string[] lines = [.. (files.ReadText("labels.txt", cancellationToken) ?? "").Split('\n').Select(line => line.Trim())];

        // An empty line at the end is the end of the file; one between two labels is a class without a name, and keeps its place.
        return lines[..(Array.FindLastIndex(lines, line => line.Length > 0) + 1)];
    }

    // labels.txt names no output: it is for those whose last dimension is as long as the list, or free.
    private static Dictionary<string, IReadOnlyList<string>> MergeLabels(ModelSignature signature, ModelConfig config, string[] labels)
    {
        var merged = new Dictionary<string, IReadOnlyList<string>>(config.ClassLabels, StringComparer.Ordinal);
        if (labels.Length > 0)
        {
            foreach (OutputSpec output in signature.Outputs.Where(output => output is { Kind: OutputKind.Tensor, Values.Dimensions.Length: > 0 }))
            {
                long last = output.Values.Dimensions![^1];
                if (last == labels.Length || last < 0)
                {
                    merged.TryAdd(output.Name, labels);
                }
            }
        }

        return merged;
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = EventIds.WarmupSkipped, Level = LogLevel.Information, Message = "{Model}/{Version} was not warmed up: {Reason} Give it warmup inputs in its model.yaml")]
        public static partial void WarmupSkipped(ILogger logger, string model, long version, string reason);

        [LoggerMessage(EventId = EventIds.NotCached, Level = LogLevel.Information, Message = "{Model}/{Version} is not cached: its graph has the node {Node}, which gives other values on every run")]
        public static partial void NotCached(ILogger logger, string model, long version, string node);

        [LoggerMessage(EventId = EventIds.RowsNotIndependent, Level = LogLevel.Warning, Message = "{Model}/{Version} is marked rows_independent, but its rows are not kept one by one: {Reason}")]
        public static partial void RowsNotIndependent(ILogger logger, string model, long version, string reason);
    }
}
