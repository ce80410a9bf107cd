using ModelGateway.Serving.Diagnostics;
using Prometheus;

namespace ModelGateway.Serving.Caching;

/// <summary>One kind of call: its name, how long it may take, which breaker it counts for, and its series.</summary>
internal sealed class StoreOperation(CacheMetrics metrics, string name, TimeSpan timeout, StoreBreaker? breaker)
{
    private readonly Histogram.Child _seconds = metrics.StoreSeconds.WithLabels(name);
    private readonly Counter.Child _succeeded = metrics.StoreRequests.WithLabels(name, "success");
    private readonly Counter.Child _late = metrics.StoreRequests.WithLabels(name, "timeout");
    private readonly Counter.Child _failed = metrics.StoreRequests.WithLabels(name, "error");
    private readonly Counter.Child _cancelled = metrics.StoreRequests.WithLabels(name, "cancelled");

    public TimeSpan Timeout => timeout;

    public void Succeeded(TimeSpan elapsed)
    {
        _succeeded.Inc();
        _seconds.Observe(elapsed.TotalSeconds);
        breaker?.Succeeded();
    }

    public void TimedOut(TimeSpan elapsed)
    {
        _late.Inc();
        _seconds.Observe(elapsed.TotalSeconds);
        breaker?.Failed($"{name} took longer than {timeout.TotalMilliseconds:0} ms");
    }

    // A message of a client may tell where and as whom it connects: its type does not.
    public void Failed(TimeSpan elapsed, Exception? exception)
    {
        _failed.Inc();
        _seconds.Observe(elapsed.TotalSeconds);
        breaker?.Failed($"{name} failed with {exception?.GetType().Name ?? "a cancellation"}");
    }

    // Says nothing about the store.
    public void Cancelled() => _cancelled.Inc();
}
