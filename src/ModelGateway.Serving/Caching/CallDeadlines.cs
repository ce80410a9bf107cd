using System.Collections.Concurrent;

namespace ModelGateway.Serving.Caching;

/// <summary>
/// Lends the cancellation sources that calls of a store are bounded with. One that did not fire is used again with its timer, so that a call
/// makes neither, and one that ends at once never arms it.
/// </summary>
internal sealed class CallDeadlines(TimeProvider time)
{
    private readonly ConcurrentQueue<CancellationTokenSource> _free = [];

    public CancellationTokenSource Take() => _free.TryDequeue(out CancellationTokenSource? source) ? source : new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);

    /// <summary>Takes one back that nobody looks at any more; one whose call goes on must be let go instead.</summary>
    public void Return(CancellationTokenSource source)
    {
        if (source.TryReset())
        {
            _free.Enqueue(source);
        }
        else
        {
            source.Dispose();
        }
    }
}
