using System.Collections.Concurrent;
using Prometheus;

namespace ModelGateway.Serving.Diagnostics;

/// <summary>
/// Every <c>modelgateway_*</c> series that the core produces, registered once in one registry.
/// Series of one model version are made by <see cref="ForServable"/> and go when that object is disposed.
/// </summary>
public sealed class ServingMetrics
{
    private static readonly double[] BatchBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256, 1024];

    // From 50 microseconds to 60 seconds, three to four buckets a decade.
    internal static readonly double[] LatencyBuckets =
    [
        0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
    ];

    private static readonly double[] FetchBuckets = [0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 180, 600, 1800];

    private static readonly string[] ServableLabels = ["model", "version"];

    private readonly ConcurrentDictionary<ServableMetrics, byte> _servables = new();

    /// <summary>Registers the metrics in <paramref name="registry"/>.</summary>
    public ServingMetrics(CollectorRegistry registry)
    {
        MetricFactory metrics = Metrics.WithCustomRegistry(registry);
        registry.AddBeforeCollectCallback(Publish);
        Requests = metrics.CreateCounter(
            "modelgateway_requests_total", "Prediction requests by outcome.", ["model", "version", "outcome"]);
        RequestSeconds = metrics.CreateHistogram(
            "modelgateway_request_seconds", "Whole prediction requests, from the first byte of the body read to the last of the answer handed over.",
            ServableLabels, new HistogramConfiguration { Buckets = LatencyBuckets });
        StageSeconds = metrics.CreateHistogram(
            "modelgateway_stage_seconds", "Stages of a prediction request that the model ran for: read, cache (the look into it), wait, run, write.",
            ["model", "version", "stage"], new HistogramConfiguration { Buckets = LatencyBuckets });
        InFlight = metrics.CreateGauge("modelgateway_requests_in_flight", "Prediction requests being handled.", ServableLabels);
        QueueDepth = metrics.CreateGauge("modelgateway_queue_depth", "Requests waiting for an instance.", ServableLabels);
        InstancesBusy = metrics.CreateGauge("modelgateway_instances_busy", "Runs in progress.", ServableLabels);
        Instances = metrics.CreateGauge("modelgateway_instances", "Runs allowed at the same time.", ServableLabels);
        QueueLimit = metrics.CreateGauge("modelgateway_queue_limit", "Requests that may wait for an instance; more are refused.", ServableLabels);
        BatchRows = metrics.CreateHistogram(
            "modelgateway_batch_rows", "Rows of the runs of models whose requests may be run together.", ServableLabels, new HistogramConfiguration { Buckets = BatchBuckets });
        BatchRequests = metrics.CreateHistogram(
            "modelgateway_batch_requests", "Requests that shared a run, of models whose requests may be run together.", ServableLabels,
            new HistogramConfiguration { Buckets = BatchBuckets });
        MemoryBytes = metrics.CreateGauge("modelgateway_model_memory_bytes", "Estimate of the native memory that a loaded version holds.", ServableLabels);
        LoadSeconds = metrics.CreateGauge("modelgateway_model_load_seconds", "Time from the start of fetching until Ready.", ServableLabels);
        ModelsByState = metrics.CreateGauge("modelgateway_model_versions", "Model versions by state.", ["state"]);
        ModelMemoryBytes = metrics.CreateGauge("modelgateway_models_memory_bytes", "Estimate of the native memory that all models in memory hold, draining ones included.");
        ModelMemoryBudget = metrics.CreateGauge("modelgateway_models_memory_budget_bytes", "What all models in memory may hold together.");
        Evictions = metrics.CreateCounter("modelgateway_model_evictions_total", "Versions that left the memory because others needed the room.");
        Wakes = metrics.CreateCounter("modelgateway_model_wakes_total", "Versions that were loaded because a request asked for them.");
        WakeSeconds = metrics.CreateHistogram(
            "modelgateway_model_wake_seconds", "Time that a request waited until the version that it asks for was loaded.", new HistogramConfiguration { Buckets = LatencyBuckets });
        LoadFailures = metrics.CreateCounter("modelgateway_model_load_failures_total", "Loads that ended in Failed.");
        ConfigFailures = metrics.CreateCounter("modelgateway_model_config_failures_total", "Reads of a model.yaml that found faults; the last good one stays in force.");
        RepositoryScans = metrics.CreateCounter("modelgateway_repository_scans_total", "Scans of the model repositories by outcome: success, unchanged, error.", ["repository", "outcome"]);
        RepositoryLastScan = metrics.CreateGauge(
            "modelgateway_repository_last_scan_timestamp_seconds", "When the repository was last looked at without error, whether or not it had changed, as Unix time.", ["repository"]);
        RepositoryUnreadable = metrics.CreateGauge("modelgateway_repository_unreadable", "1 while the last look at the repository failed, 0 otherwise.", ["repository"]);
        RepositoryPollInterval = metrics.CreateGauge("modelgateway_repository_poll_interval_seconds", "Time between two looks at the repository, as configured.", ["repository"]);
        RepositoryConflicts = metrics.CreateGauge("modelgateway_repository_conflicts", "Model names that more than one repository offers; nothing new of them is loaded.");
        FetchSeconds = metrics.CreateHistogram(
            "modelgateway_model_fetch_seconds", "Time to bring the files of a version to the local disk, or to find them there and check them.",
            new HistogramConfiguration { Buckets = FetchBuckets });
        ArtifactCacheBytes = metrics.CreateGauge("modelgateway_artifact_cache_bytes", "Size of the files in the artifact cache.");
        ArtifactCacheFiles = metrics.CreateCounter(
            "modelgateway_artifact_cache_files_total", "Files of the artifact cache that were found (hit), fetched (miss), damaged on disk or on the way, evicted.", ["outcome"]);
        GraphCacheBytes = metrics.CreateGauge("modelgateway_graph_cache_bytes", "Size of the optimized graphs that are kept.");
        GraphCacheGraphs = metrics.CreateCounter(
            "modelgateway_graph_cache_graphs_total", "Optimized graphs that were found (hit) or not (miss), damaged, saved, not saved for want of room (unsaved), evicted.", ["outcome"]);
        FurtherSessionsFailed = metrics.CreateCounter("modelgateway_further_sessions_failed_total", "Times that a model could not get a further session, and goes on with those it has.");
        StoreRequests = metrics.CreateCounter(
            "modelgateway_store_requests_total", "Requests to the stores of the model repositories, by what they ask for and how they end.", ["repository", "operation", "outcome"]);
        StoreBytes = metrics.CreateCounter("modelgateway_store_received_bytes_total", "Bytes of content received from the stores of the model repositories.", ["repository"]);
        CacheLookups = metrics.CreateCounter(
            "modelgateway_cache_lookups_total",
            "Looks into the prediction cache by level (answer: finished answers by the body's bytes; memory: predictions; row: rows of batches; store: the shared store; flight: runs under way) and outcome (hit, miss, stale).",
            ["model", "version", "level", "outcome"]);
        CacheBypasses = metrics.CreateCounter(
            "modelgateway_cache_bypass_total", "Prediction requests that passed the cache by, by reason.", ["model", "version", "reason"]);
        CacheBytes = metrics.CreateGauge("modelgateway_cache_memory_bytes", "What the prediction cache takes up in memory, by level.", ["level"]);
        CacheEntries = metrics.CreateGauge("modelgateway_cache_memory_entries", "Entries of the prediction cache in memory, by level.", ["level"]);
        CacheEvictions = metrics.CreateCounter("modelgateway_cache_evictions_total", "Entries that left the memory because others needed the room, by level.", ["level"]);
        CacheRefusals = metrics.CreateCounter(
            "modelgateway_cache_refusals_total", "Entries that were not let into the memory, because what is there is asked for more often or they are too large, by level.", ["level"]);
    }

    internal Counter Requests { get; }

    /// <summary>By model, version, level, outcome.</summary>
    internal Counter CacheLookups { get; }

    /// <summary>By model, version, reason.</summary>
    internal Counter CacheBypasses { get; }

    /// <summary>By level.</summary>
    public Gauge CacheBytes { get; }

    /// <summary>By level.</summary>
    public Gauge CacheEntries { get; }

    /// <summary>By level.</summary>
    public Counter CacheEvictions { get; }

    /// <summary>By level.</summary>
    public Counter CacheRefusals { get; }

    internal Histogram RequestSeconds { get; }

    internal Histogram StageSeconds { get; }

    internal Gauge InFlight { get; }

    internal Gauge QueueDepth { get; }

    internal Gauge InstancesBusy { get; }

    internal Gauge Instances { get; }

    internal Gauge QueueLimit { get; }

    internal Histogram BatchRows { get; }

    internal Histogram BatchRequests { get; }

    internal Gauge MemoryBytes { get; }

    internal Gauge LoadSeconds { get; }

    internal Gauge ModelsByState { get; }

    internal Gauge ModelMemoryBytes { get; }

    internal Gauge ModelMemoryBudget { get; }

    internal Counter Evictions { get; }

    internal Counter Wakes { get; }

    internal Histogram WakeSeconds { get; }

    internal Counter LoadFailures { get; }

    internal Counter ConfigFailures { get; }

    internal Counter RepositoryScans { get; }

    internal Gauge RepositoryLastScan { get; }

    internal Gauge RepositoryUnreadable { get; }

    internal Gauge RepositoryPollInterval { get; }

    internal Gauge RepositoryConflicts { get; }

    internal Histogram FetchSeconds { get; }

    internal Gauge ArtifactCacheBytes { get; }

    internal Counter ArtifactCacheFiles { get; }

    internal Gauge GraphCacheBytes { get; }

    /// <summary>By outcome.</summary>
    internal Counter GraphCacheGraphs { get; }

    internal Counter FurtherSessionsFailed { get; }

    internal Counter StoreRequests { get; }

    internal Counter StoreBytes { get; }

    /// <summary>The series of one repository's store.</summary>
    /// <param name="repository">Its location as operators know it, without secrets.</param>
    public StoreTraffic ForStore(string repository) => new(this, repository);

    internal Gauge.Child ModelVersions<TState>(TState state)
        where TState : struct, Enum => ModelsByState.WithLabels(Enum.GetName(state)!.ToLowerInvariant());

    /// <summary>The series of one version, resolved once so that a request touches no dictionary.</summary>
    public ServableMetrics ForServable(string model, long version) => new(this, model, version);

    /// <summary>Brings all series up to what was counted; done before they are collected.</summary>
    internal void Publish()
    {
        foreach (ServableMetrics servable in _servables.Keys)
        {
            servable.Publish();
        }
    }

    internal void Add(ServableMetrics servable) => _servables.TryAdd(servable, 0);

    internal void Remove(ServableMetrics servable) => _servables.TryRemove(servable, out _);

    /// <summary>Counts a request that never reached a version: the model is unknown or not ready. No client text becomes a label.</summary>
    public void CountUnrouted(string outcome) => Requests.WithLabels("", "", outcome).Inc();
}
