namespace ModelGateway.Caching.Memcached;

/// <summary>A request and the wait for its answer. A caller that leaves cancels the wait; the answer is then read off the wire all the same.</summary>
/// <param name="allowed">The answers that it takes; others mean that the connection is not what it should be.</param>
internal sealed class MemcachedRequest(AnswerCodes allowed) : TaskCompletionSource<MemcachedAnswer>(TaskCreationOptions.RunContinuationsAsynchronously)
{
    private static uint _last;

    /// <summary>The server repeats it in the answer, so that one for another request is noticed.</summary>
    public uint Opaque { get; } = Interlocked.Increment(ref _last);

    /// <summary>Whether such a line answers this request.</summary>
    public bool Takes(AnswerLine line) => line.Code == AnswerCodes.ServerError
        || (line.Code & allowed) != 0 && (line.Opaque == Opaque || line is { Code: AnswerCodes.Missing, Opaque: null });
}
