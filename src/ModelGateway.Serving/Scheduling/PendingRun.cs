using System.Threading.Tasks.Sources;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Scheduling;

/// <summary>
/// A request in a <see cref="RunScheduler"/>. It ends exactly once: by the run that took it, or, while it waits, by its caller's leaving. Its tensors
/// must stay until then.
/// </summary>
/// <remarks>
/// The links, <c>IsWaiting</c> and <c>Batch</c> are guarded by the queue's lock: whoever takes it out of the queue has it to himself and ends it. Those who wait
/// for it go on on a thread of the pool, never on the one that ends it.
/// </remarks>
internal sealed class PendingRun : IValueTaskSource<RunOutcome>
{
    private readonly TimeProvider _time;
    private ManualResetValueTaskSourceCore<RunOutcome> _source = new() { RunContinuationsAsynchronously = true };

    public PendingRun(RunScheduler scheduler, IReadOnlyList<NamedTensor> inputs, IReadOnlyList<string>? outputs, bool canBeJoined, TimeProvider time, CancellationToken stop)
    {
        Scheduler = scheduler;
        Inputs = inputs;
        Outputs = outputs;
        Stop = stop;
        Rows = RunRows.Of(inputs);
        Bytes = NamedTensor.BytesOf(inputs);
        CanBeJoined = canBeJoined;
        Queued = time.GetTimestamp();
        _time = time;
    }

    public RunScheduler Scheduler { get; }

    public IReadOnlyList<NamedTensor> Inputs { get; }

    public IReadOnlyList<string>? Outputs { get; }

    /// <summary>Cancelled when its caller left or its time is over.</summary>
    public CancellationToken Stop { get; }

    /// <summary>Rows, at least 1.</summary>
    public long Rows { get; }

    /// <summary>Of all inputs.</summary>
    public long Bytes { get; }

    /// <summary>Its place in the queue when it came, from 1.</summary>
    public int Place { get; set; } = 1;

    /// <summary>Its rows may be run with those of others.</summary>
    public bool CanBeJoined { get; }

    /// <summary>When, as a timestamp of the clock.</summary>
    public long Queued { get; }

    /// <summary>What took it out of the queue; null while it waits.</summary>
    public RunBatch? Batch { get; set; }

    public PendingRun? Next { get; set; }

    public PendingRun? Previous { get; set; }

    public bool IsWaiting { get; set; }

    /// <summary>For the one caller.</summary>
    public ValueTask<RunOutcome> Outcome => new(this, _source.Version);

    /// <summary>What it ends with; set before <see cref="End"/>.</summary>
    public RunOutcome Result { get; set; }

    public TimeSpan WaitedUntilNow() => _time.GetElapsedTime(Queued);

    public void End() => _source.SetResult(Result);

    RunOutcome IValueTaskSource<RunOutcome>.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<RunOutcome>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<RunOutcome>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);
}
