namespace ModelGateway.Serving.Models;

/// <summary>Why there is no prediction; each protocol has its own spelling of these.</summary>
public enum PredictErrorKind
{
    /// <summary>The request does not fit the protocol or the model's signature.</summary>
    InvalidRequest,

    /// <summary>No model of that name.</summary>
    UnknownModel,

    /// <summary>The model has no such version or label.</summary>
    UnknownVersion,

    /// <summary>The version is known but not ready: still loading, unloaded, or failed.</summary>
    NotReady,

    /// <summary>The body is larger than allowed.</summary>
    TooLarge,

    /// <summary>The body's Content-Encoding is none that the gateway can undo.</summary>
    UnsupportedEncoding,

    /// <summary>The caller took longer to send the body than it is given.</summary>
    BodyTimeout,

    /// <summary>The model's queue is full.</summary>
    QueueFull,

    /// <summary>The deadline passed in the queue or during the run.</summary>
    DeadlineExceeded,

    /// <summary>The caller left.</summary>
    Cancelled,

    /// <summary>The caller wants an answer from the cache or none, and none is there.</summary>
    NotCached,

    /// <summary>ONNX Runtime refused the input while running the graph.</summary>
    ModelRefused,

    /// <summary>ONNX Runtime failed for a reason of its own.</summary>
    RunFailed,
}

/// <summary>A refusal as a value: cheap to make, complete enough to act on, never holding the input's values.</summary>
/// <param name="Kind">What went wrong.</param>
/// <param name="Message">One sentence for people.</param>
public sealed record PredictError(PredictErrorKind Kind, string Message)
{
    /// <summary>Every fault found in the request, in the order found; empty unless the request is at fault.</summary>
    public IReadOnlyList<RequestFault> Faults { get; init; } = [];

    /// <summary>When trying again makes sense; null where it does not.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>It failed for the time that it had, in which it was not run or was not expected to be.</summary>
    public bool IsForTime { get; init; }

    /// <summary>That time was the caller's own, shorter than the model's: no sign of trouble here.</summary>
    public bool IsForCallersTime { get; init; }

    /// <summary>The deadline passed.</summary>
    public static PredictError DeadlineExceeded() => new(PredictErrorKind.DeadlineExceeded, "The prediction was not made before the deadline.") { IsForTime = true };
}
