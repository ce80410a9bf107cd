using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;

namespace ModelGateway.Serving.Scheduling;

/// <summary>How a request left the queue: with outputs, which its caller then owns, refused, with what the run threw, or with nothing because it was called off.</summary>
/// <param name="Waited">Until the run began.</param>
/// <param name="Ran">The run that the request was part of.</param>
public readonly record struct RunOutcome(TimeSpan Waited, TimeSpan Ran)
{
    /// <summary>The outputs asked for, in that order; null where there are none.</summary>
    public IReadOnlyList<OutputValue>? Outputs { get; init; }

    /// <summary>What the run threw; <see cref="OperationCanceledException"/> for one that was stopped.</summary>
    public Exception? Fault { get; init; }

    /// <summary>Why the request was not even queued.</summary>
    public PredictError? Refusal { get; init; }
}
