using ModelGateway.Serving.Runtime;

namespace ModelGateway.Serving.Scheduling;

/// <summary>The right to run an instance, until disposed. One run at a time on one lease.</summary>
public sealed class InstanceLease : IDisposable
{
    private InstancePool? _pool;

    internal InstanceLease(InstancePool pool, IModelInstance instance)
    {
        _pool = pool;
        Instance = instance;
    }

    /// <summary>What was borrowed.</summary>
    public IModelInstance Instance { get; }

    /// <summary>Gives the instance back. A second call does nothing.</summary>
    public void Dispose() => Interlocked.Exchange(ref _pool, null)?.Return();
}
