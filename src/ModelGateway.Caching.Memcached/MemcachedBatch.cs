namespace ModelGateway.Caching.Memcached;

/// <summary>Requests that go out together, to each server in one piece. Made, sent once and waited for by one caller.</summary>
internal sealed class MemcachedBatch(MemcachedRing ring, IReadOnlyList<MemcachedNode> nodes)
{
    private readonly MemcachedCommands?[] _commands = new MemcachedCommands?[nodes.Count];

    /// <summary>Where commands about a key are put.</summary>
    public MemcachedCommands To(ReadOnlySpan<byte> key) => _commands[ring.PlaceOf(key)] ??= new MemcachedCommands();

    /// <summary>Sends the only request, and gives its answer or throws what it failed with.</summary>
    public async ValueTask<MemcachedAnswer> AnswerAsync(MemcachedRequest request, CancellationToken cancellationToken)
    {
        Send();
        using CancellationTokenRegistration leaving = cancellationToken.UnsafeRegister(static (request, token) => ((MemcachedRequest)request!).TrySetCanceled(token), request);
        return await request.Task;
    }

    /// <summary>Sends all and returns when each has its answer, has failed, or is left.</summary>
    public async Task SettleAsync(IReadOnlyList<MemcachedRequest> requests, CancellationToken cancellationToken)
    {
        Send();
        using CancellationTokenRegistration leaving = cancellationToken.UnsafeRegister(Leave, requests);
        await Task.WhenAll(requests.Select(request => request.Task)).ContinueWith(
            static settled => _ = settled.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

        static void Leave(object? requests, CancellationToken token)
        {
            foreach (MemcachedRequest request in (IReadOnlyList<MemcachedRequest>)requests!)
            {
                request.TrySetCanceled(token);
            }
        }
    }

    private void Send()
    {
        for (int place = 0; place < _commands.Length; place++)
        {
            if (_commands[place] is { } commands)
            {
                nodes[place].Send(commands);
            }
        }
    }
}
