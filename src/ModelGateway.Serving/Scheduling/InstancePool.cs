using System.Diagnostics.CodeAnalysis;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;

namespace ModelGateway.Serving.Scheduling;

/// <summary>
/// Lends one model instance to a bounded number of runs at a time; who comes when all are out waits in a bounded queue.
/// </summary>
/// <remarks>
/// Shared by all requests of a version. <c>_free</c> holds the permits and keeps waiters in order of arrival;
/// <c>_waiting</c> is only counted, so at the very edge of the bound a few requests more or less may wait.
/// The instance is not owned: the servable disposes it when the last handle is back.
/// </remarks>
public sealed class InstancePool : IDisposable
{
    private readonly IModelInstance _instance;
    private readonly SemaphoreSlim _free;
    private readonly ServableMetrics _metrics;
    private readonly int _queueLength;
    private int _waiting;

    /// <summary>A pool over <paramref name="instance"/>.</summary>
    /// <param name="instance">What is lent.</param>
    /// <param name="concurrency">Runs at a time, at least 1.</param>
    /// <param name="queueLength">Requests that may wait, at least 0.</param>
    /// <param name="metrics">Where queue and use are shown.</param>
    public InstancePool(IModelInstance instance, int concurrency, int queueLength, ServableMetrics metrics)
    {
        _instance = instance;
        _free = new SemaphoreSlim(concurrency, concurrency);
        _queueLength = queueLength;
        _metrics = metrics;
        Concurrency = concurrency;
    }

    /// <summary>Runs allowed at a time.</summary>
    public int Concurrency { get; }

    /// <summary>
    /// Borrows the instance. Completes at once where one is free, else when one comes back or the wait ends.
    /// </summary>
    /// <param name="patience">The longest wait.</param>
    /// <param name="cancellationToken">The caller's; it leaves the queue at once when cancelled.</param>
    /// <exception cref="OperationCanceledException">The caller left.</exception>
    public ValueTask<LeaseResult> RentAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return _free.Wait(0, CancellationToken.None) ? new ValueTask<LeaseResult>(Lend()) : EnqueueAsync(patience, cancellationToken);
    }

    /// <summary>Ends the pool; nobody may hold a lease.</summary>
    public void Dispose() => _free.Dispose();

    internal void Return()
    {
        _metrics.InstancesBusy.Dec();
        _free.Release();
    }

    private LeaseResult Lend()
    {
        _metrics.InstancesBusy.Inc();
        return new LeaseResult(new InstanceLease(this, _instance), null);
    }

    private async ValueTask<LeaseResult> EnqueueAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        if (Interlocked.Increment(ref _waiting) > _queueLength)
        {
            Interlocked.Decrement(ref _waiting);
            return new LeaseResult(null, new PredictError(PredictErrorKind.QueueFull, $"The model's queue is full ({_queueLength} requests wait).")
            {
                RetryAfter = TimeSpan.FromSeconds(1),
            });
        }

        _metrics.QueueDepth.Inc();
        try
        {
            return await _free.WaitAsync(patience, cancellationToken)
                ? Lend()
                : new LeaseResult(null, new PredictError(PredictErrorKind.DeadlineExceeded, "No instance of the model was free before the deadline."));
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
            _metrics.QueueDepth.Dec();
        }
    }
}

/// <summary>Either a lease, which the caller disposes, or the refusal.</summary>
/// <param name="Lease">The lease, or null.</param>
/// <param name="Error">The refusal, or null.</param>
public readonly record struct LeaseResult(InstanceLease? Lease, PredictError? Error)
{
    /// <summary>A lease was given.</summary>
    [MemberNotNullWhen(true, nameof(Lease))]
    [MemberNotNullWhen(false, nameof(Error))]
    public bool IsGranted => Lease is not null;
}
