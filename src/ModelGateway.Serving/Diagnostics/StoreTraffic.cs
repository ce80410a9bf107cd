using Prometheus;

namespace ModelGateway.Serving.Diagnostics;

/// <summary>
/// Counts what one repository's store is asked for: every request that leaves the process, those that an SDK repeats included.
/// Safe for any thread. <c>repository</c> is the location from the configuration, so that the series are few.
/// </summary>
public sealed class StoreTraffic
{
    private readonly ServingMetrics _metrics;
    private readonly string _repository;
    private readonly Counter.Child _bytes;

    internal StoreTraffic(ServingMetrics metrics, string repository)
    {
        _metrics = metrics;
        _repository = repository;
        _bytes = metrics.StoreBytes.WithLabels(repository);
    }

    /// <summary>One request was answered or failed.</summary>
    /// <param name="operation">What it asked for: <c>list</c>, <c>head</c>, <c>get</c>, or <c>token</c>; a store may have others. Few, and none from outside.</param>
    /// <param name="outcome"><c>success</c>, <c>unchanged</c> (304), <c>not_found</c> (404), <c>refused</c> (401, 403), <c>changed</c> (409, 412), <c>error</c>.</param>
    public void Count(string operation, string outcome) => _metrics.StoreRequests.WithLabels(_repository, operation, outcome).Inc();

    /// <summary>Bytes of content that arrived.</summary>
    public void AddBytes(long bytes) => _bytes.Inc(bytes);
}
