using Prometheus;

namespace ModelGateway.Serving.Diagnostics;

/// <summary>Every <c>modelgateway_cache_*</c> series, registered once in one registry.</summary>
public sealed class CacheMetrics
{
    // From 20 microseconds to a second: a hit in a near store takes 45.
    private static readonly double[] StoreBuckets =
    [
        0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1,
    ];

    /// <summary>Registers the metrics in <paramref name="registry"/>.</summary>
    public CacheMetrics(CollectorRegistry registry)
    {
        MetricFactory metrics = Metrics.WithCustomRegistry(registry);
        StoreRequests = metrics.CreateCounter(
            "modelgateway_cache_store_requests_total", "Calls of the shared store, by what they ask for and how they end: success, timeout, error, cancelled (the caller left).",
            ["operation", "outcome"]);
        StoreSeconds = metrics.CreateHistogram(
            "modelgateway_cache_store_request_seconds", "Calls of the shared store, until they end or nobody waits any more.",
            ["operation"], new HistogramConfiguration { Buckets = StoreBuckets });
        StoreValues = metrics.CreateCounter(
            "modelgateway_cache_store_values_total", "Values that the shared store was asked for: hit, miss, or not usable: damaged, foreign, unauthentic.", ["outcome"]);
        StoreReadBytes = metrics.CreateCounter("modelgateway_cache_store_read_bytes_total", "Bytes of values that came from the shared store.");
        StoreWrittenBytes = metrics.CreateCounter("modelgateway_cache_store_written_bytes_total", "Bytes of values that the shared store took.");
        StoreWritesDropped = metrics.CreateCounter(
            "modelgateway_cache_store_writes_dropped_total", "Values that were not written to the shared store: queue_full, unavailable, too_large, failed.", ["reason"]);
        StoreQueuedWrites = metrics.CreateGauge("modelgateway_cache_store_queued_writes", "Writes that wait to be sent to the shared store.");
        StoreQueuedBytes = metrics.CreateGauge("modelgateway_cache_store_queued_bytes", "Bytes of payload that wait to be sent to the shared store.");
        StoreBreakerOpen = metrics.CreateGauge(
            "modelgateway_cache_store_breaker_open", "1 while the shared store is left alone because it failed, by what is kept from it: read, write.", ["calls"]);
        StoreBreakerOpenings = metrics.CreateCounter("modelgateway_cache_store_breaker_openings_total", "How often the shared store was taken out.", ["calls"]);
    }

    internal Counter StoreRequests { get; }

    internal Histogram StoreSeconds { get; }

    internal Counter StoreValues { get; }

    internal Counter StoreReadBytes { get; }

    internal Counter StoreWrittenBytes { get; }

    internal Counter StoreWritesDropped { get; }

    internal Gauge StoreQueuedWrites { get; }

    internal Gauge StoreQueuedBytes { get; }

    internal Gauge StoreBreakerOpen { get; }

    internal Counter StoreBreakerOpenings { get; }
}
