namespace ModelGateway.Serving.Lifecycle;

/// <summary>Keeps a servable alive for one request. Take it late, dispose it when the answer is written.</summary>
public sealed class ServableHandle : IDisposable
{
    private int _disposed;

    internal ServableHandle(Servable servable) => Servable = servable;

    /// <summary>What is held; not to be used after the handle is disposed.</summary>
    public Servable Servable { get; }

    /// <summary>Lets go. A second call does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            Servable.Release();
        }
    }
}
