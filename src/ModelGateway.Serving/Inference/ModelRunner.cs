using System.Diagnostics;
using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Logging;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Scheduling;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Inference;

/// <summary>Runs a model: at once on the caller's thread or by way of the version's <see cref="RunScheduler"/>, within a deadline.</summary>
internal sealed partial class ModelRunner(ILogger logger)
{
    private readonly RunDeadlines _deadlines = new();

    /// <summary>Runs once.</summary>
    /// <param name="servable">Held by a handle of the caller's.</param>
    /// <param name="inputs">Stay the caller's.</param>
    /// <param name="outputs">The outputs wanted; null for all.</param>
    /// <param name="patience">For queue and run together; null where the token alone ends them.</param>
    /// <param name="expected">How long whoever holds that token will wait; null for as long as it takes.</param>
    /// <param name="cache">What the answer says of the cache.</param>
    /// <param name="cancellationToken">It leaves the queue, or the run is stopped.</param>
    /// <returns>A response that the caller owns, or why there is none.</returns>
    public ValueTask<PredictResult> RunAsync(
        Servable servable, IReadOnlyList<NamedTensor> inputs, IReadOnlyList<string>? outputs, TimeSpan? patience, TimeSpan? expected, CacheReport cache, CancellationToken cancellationToken)
    {
        if (patience <= TimeSpan.Zero)
        {
            return new ValueTask<PredictResult>(PredictResult.Failure(PredictError.DeadlineExceeded(), default, cache));
        }

        if (cancellationToken.IsCancellationRequested)
        {
            return new ValueTask<PredictResult>(PredictResult.Failure(CallerLeft(), default, cache));
        }

        return servable.Scheduler.TryEnter(inputs, out InstanceLease? lease)
            ? new ValueTask<PredictResult>(RunHere(servable, lease, inputs, outputs, patience, cache, cancellationToken))
            : QueueAsync(servable, inputs, outputs, patience, expected, cache, cancellationToken);
    }

    /// <summary>The error for a caller who is gone.</summary>
    public static PredictError CallerLeft() => new(PredictErrorKind.Cancelled, "The caller left before the prediction was made.");

    private PredictResult RunHere(
        Servable servable, InstanceLease lease, IReadOnlyList<NamedTensor> inputs, IReadOnlyList<string>? outputs, TimeSpan? patience, CacheReport cache, CancellationToken caller)
    {
        using (lease)
        {
            using RunDeadline deadline = _deadlines.RentLookedOver(patience, caller);
            long started = Stopwatch.GetTimestamp();
            try
            {
                IReadOnlyList<OutputValue> values = servable.Scheduler.Run(lease, inputs, outputs, started, deadline.Token, out TimeSpan ran);
                return PredictResult.Success(new PredictResponse(servable.Id, values, new PredictTimings(TimeSpan.Zero, ran)), cache);
            }
            catch (Exception exception) when (exception is OperationCanceledException or ModelRunException)
            {
                return PredictResult.Failure(ErrorOf(servable, exception, caller), new PredictTimings(TimeSpan.Zero, Stopwatch.GetElapsedTime(started)), cache);
            }
        }
    }

    private async ValueTask<PredictResult> QueueAsync(
        Servable servable, IReadOnlyList<NamedTensor> inputs, IReadOnlyList<string>? outputs, TimeSpan? patience, TimeSpan? expected, CacheReport cache, CancellationToken caller)
    {
        using RunDeadline deadline = _deadlines.Rent(patience, caller);
        RunOutcome outcome = await servable.Scheduler.RunAsync(inputs, outputs, patience ?? expected, deadline.Token);
        var timings = new PredictTimings(outcome.Waited, outcome.Ran);
        return outcome.Outputs is { } values
            ? PredictResult.Success(new PredictResponse(servable.Id, values, timings), cache)
            : PredictResult.Failure(outcome.Refusal ?? ErrorOf(servable, outcome.Fault!, caller), timings, cache);
    }

    private PredictError ErrorOf(Servable servable, Exception fault, CancellationToken caller)
    {
        switch (fault)
        {
            case OperationCanceledException:
                return caller.IsCancellationRequested ? CallerLeft() : PredictError.DeadlineExceeded();
            case ModelRunException exception:
                return exception.InputAtFault ? Refused(servable, exception) : Failed(servable, exception);
            default:
                ExceptionDispatchInfo.Throw(fault);
                throw new UnreachableException();
        }
    }

    private PredictError Refused(Servable servable, ModelRunException exception)
    {
        // The reason is for the caller alone: it may quote what the caller sent, such as an index out of range.
        Log.RunRefused(logger, servable.Id.Model, servable.Id.Version);
        return new PredictError(PredictErrorKind.ModelRefused, $"The model cannot run on this input: {exception.Message}");
    }

    private PredictError Failed(Servable servable, ModelRunException exception)
    {
        Log.RunFailed(logger, servable.Id.Model, servable.Id.Version, exception.Message);
        return new PredictError(PredictErrorKind.RunFailed, $"The run failed: {exception.Message}");
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = EventIds.RunFailed, Level = LogLevel.Error, Message = "A run of {Model}/{Version} failed: {Reason}")]
        public static partial void RunFailed(ILogger logger, string model, long version, string reason);

        [LoggerMessage(EventId = EventIds.RunRefused, Level = LogLevel.Debug, Message = "A run of {Model}/{Version} was refused: its graph does not take these inputs, as the answer says")]
        public static partial void RunRefused(ILogger logger, string model, long version);
    }
}
