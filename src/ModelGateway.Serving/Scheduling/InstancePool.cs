using System.Diagnostics.CodeAnalysis;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Runtime;

namespace ModelGateway.Serving.Scheduling;

/// <summary>Lends one model instance to a bounded number of runs at a time. Nobody waits here: that is what <see cref="RunScheduler"/> is for.</summary>
/// <remarks>
/// Shared by all requests of a version; <c>_lent</c> counts what is out (Interlocked). The instance is not owned: the servable disposes it
/// when the last handle is back.
/// </remarks>
public sealed class InstancePool
{
    private readonly IModelInstance _instance;
    private int _lent;

    /// <summary>A pool over <paramref name="instance"/>.</summary>
    /// <param name="instance">What is lent.</param>
    /// <param name="concurrency">Runs at a time, at least 1.</param>
    /// <param name="metrics">Where the use is shown.</param>
    public InstancePool(IModelInstance instance, int concurrency, ServableMetrics metrics)
    {
        _instance = instance;
        Concurrency = concurrency;
        metrics.InstancesBusy = () => Lent;
    }

    /// <summary>Runs allowed at a time.</summary>
    public int Concurrency { get; }

    /// <summary>What is out now.</summary>
    public int Lent => Volatile.Read(ref _lent);

    /// <summary>Told after each return, on the thread that returns.</summary>
    internal Action? Returned { get; set; }

    /// <summary>Borrows the instance; false where all that may run does.</summary>
    public bool TryRent([NotNullWhen(true)] out InstanceLease? lease)
    {
        int lent = Volatile.Read(ref _lent);
        while (lent < Concurrency)
        {
            int seen = Interlocked.CompareExchange(ref _lent, lent + 1, lent);
            if (seen == lent)
            {
                lease = new InstanceLease(this, _instance);
                return true;
            }

            lent = seen;
        }

        lease = null;
        return false;
    }

    internal void Return()
    {
        Interlocked.Decrement(ref _lent);
        Returned?.Invoke();
    }
}
