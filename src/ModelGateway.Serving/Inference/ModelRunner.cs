using Microsoft.Extensions.Logging;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Scheduling;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Inference;

/// <summary>Runs a model: an instance is rented (bounded queue, deadline), run on the thread that has it, given back.</summary>
internal sealed partial class ModelRunner(TimeProvider time, ILogger logger)
{
    private readonly RunDeadlines _deadlines = new();

    /// <summary>Runs once.</summary>
    /// <param name="servable">Held by a handle of the caller's.</param>
    /// <param name="inputs">Stay the caller's.</param>
    /// <param name="outputs">The outputs wanted; null for all.</param>
    /// <param name="patience">For queue and run together; null where the token alone ends them.</param>
    /// <param name="cache">What the answer says of the cache.</param>
    /// <param name="cancellationToken">It leaves the queue, or the run is stopped.</param>
    /// <returns>A response that the caller owns, or why there is none.</returns>
    public async ValueTask<PredictResult> RunAsync(
        Servable servable, IReadOnlyList<NamedTensor> inputs, IReadOnlyList<string>? outputs, TimeSpan? patience, CacheReport cache, CancellationToken cancellationToken)
    {
        long started = time.GetTimestamp();

        // To the pool's semaphore a wait of less than nothing could mean for ever.
        if (patience <= TimeSpan.Zero)
        {
            return PredictResult.Failure(DeadlineExceeded(), default, cache);
        }

        try
        {
            LeaseResult rented = await servable.Pool.RentAsync(patience ?? Timeout.InfiniteTimeSpan, cancellationToken);
            TimeSpan waited = time.GetElapsedTime(started);
            if (!rented.IsGranted)
            {
                return PredictResult.Failure(rented.Error, new PredictTimings(waited, TimeSpan.Zero), cache);
            }

            using InstanceLease lease = rented.Lease;
            if (patience is null)
            {
                return Run(servable, lease.Instance, inputs, outputs, waited, cache, cancellationToken, cancellationToken);
            }

            TimeSpan left = patience.Value - waited;
            if (left <= TimeSpan.Zero)
            {
                return PredictResult.Failure(DeadlineExceeded(), new PredictTimings(waited, TimeSpan.Zero), cache);
            }

            using RunDeadline deadline = _deadlines.Rent(left, cancellationToken);
            return Run(servable, lease.Instance, inputs, outputs, waited, cache, deadline.Token, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return PredictResult.Failure(CallerLeft(), default, cache);
        }
    }

    /// <summary>The error of a deadline that passed.</summary>
    public static PredictError DeadlineExceeded() => new(PredictErrorKind.DeadlineExceeded, "The prediction was not made before the deadline.");

    /// <summary>The error for a caller who is gone.</summary>
    public static PredictError CallerLeft() => new(PredictErrorKind.Cancelled, "The caller left before the prediction was made.");

    private PredictResult Run(
        Servable servable, IModelInstance instance, IReadOnlyList<NamedTensor> inputs, IReadOnlyList<string>? outputs, TimeSpan waited, CacheReport cache, CancellationToken stop, CancellationToken caller)
    {
        long started = time.GetTimestamp();
        PredictTimings Timings() => new(waited, time.GetElapsedTime(started));
        try
        {
            IReadOnlyList<OutputValue> values = instance.Run(inputs, outputs, stop);
            return PredictResult.Success(new PredictResponse(servable.Id, values, Timings()) { Cache = cache });
        }
        catch (OperationCanceledException) when (!caller.IsCancellationRequested)
        {
            return PredictResult.Failure(DeadlineExceeded(), Timings(), cache);
        }
        catch (ModelRunException exception)
        {
            return PredictResult.Failure(exception.InputAtFault ? Refused(servable, exception) : Failed(servable, exception), Timings(), cache);
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
