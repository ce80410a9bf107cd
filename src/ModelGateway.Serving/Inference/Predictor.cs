using Microsoft.Extensions.Logging;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Scheduling;

namespace ModelGateway.Serving.Inference;

/// <summary>The one data plane: every protocol ends here.</summary>
/// <remarks>
/// The way of a request, whatever its protocol:
/// <code>
/// 1  the model is looked up (no handle taken: an unknown one is refused before the body is read), then the body is read, bounded and pooled
/// 2  ServableManager.TryAcquire: a handle keeps the version alive
/// 3  the protocol's reader: body and signature become a PredictRequest, or all faults at once
/// 4  PredictAsync: an instance is rented (bounded queue, deadline), run on this thread, given back
/// 5  the protocol's writer
/// 6  response, request, handle, body are given back by using, in that order
/// </code>
/// </remarks>
public sealed partial class Predictor(ServingOptions options, TimeProvider time, ILogger<Predictor> logger)
{
    private readonly RunDeadlines _deadlines = new();

    /// <summary>Predicts. The request must have passed <see cref="RequestValidator"/> against the servable's signature.</summary>
    /// <param name="servable">Held by a handle of the caller's until the response is written.</param>
    /// <param name="request">Stays the caller's.</param>
    /// <param name="cancellationToken">The caller's: it leaves the queue, or the run is stopped.</param>
    /// <returns>A response that the caller owns, or why there is none.</returns>
    public async ValueTask<PredictResult> PredictAsync(Servable servable, PredictRequest request, CancellationToken cancellationToken)
    {
        long started = time.GetTimestamp();
        TimeSpan limit = servable.Config.Limits.Timeout ?? options.PredictTimeout;
        TimeSpan patience = request.Timeout is { } wanted && wanted < limit ? wanted : limit;

        // To the pool's semaphore a wait of less than nothing could mean for ever.
        if (patience <= TimeSpan.Zero)
        {
            return PredictResult.Failure(DeadlineExceeded());
        }

        try
        {
            LeaseResult rented = await servable.Pool.RentAsync(patience, cancellationToken);
            if (!rented.IsGranted)
            {
                return PredictResult.Failure(rented.Error, new PredictTimings(time.GetElapsedTime(started), TimeSpan.Zero));
            }

            using InstanceLease lease = rented.Lease;
            TimeSpan waited = time.GetElapsedTime(started);
            return Run(servable, lease.Instance, request, waited, patience - waited, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return PredictResult.Failure(new PredictError(PredictErrorKind.Cancelled, "The caller left before the prediction was made."));
        }
    }

    private PredictResult Run(Servable servable, IModelInstance instance, PredictRequest request, TimeSpan waited, TimeSpan left, CancellationToken cancellationToken)
    {
        if (left <= TimeSpan.Zero)
        {
            return PredictResult.Failure(DeadlineExceeded(), new PredictTimings(waited, TimeSpan.Zero));
        }

        long started = time.GetTimestamp();
        PredictTimings Timings() => new(waited, time.GetElapsedTime(started));
        using RunDeadline deadline = _deadlines.Rent(left, cancellationToken);
        try
        {
            IReadOnlyList<OutputValue> outputs = instance.Run(request.Inputs, request.Outputs, deadline.Token);
            return PredictResult.Success(new PredictResponse(servable.Id, outputs, Timings()));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return PredictResult.Failure(DeadlineExceeded(), Timings());
        }
        catch (ModelRunException exception)
        {
            return PredictResult.Failure(exception.InputAtFault ? Refused(servable, exception) : Failed(servable, exception), Timings());
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

    private static PredictError DeadlineExceeded() => new(PredictErrorKind.DeadlineExceeded, "The prediction was not made before the deadline.");

    private static partial class Log
    {
        [LoggerMessage(EventId = EventIds.RunFailed, Level = LogLevel.Error, Message = "A run of {Model}/{Version} failed: {Reason}")]
        public static partial void RunFailed(ILogger logger, string model, long version, string reason);

        [LoggerMessage(EventId = EventIds.RunRefused, Level = LogLevel.Debug, Message = "A run of {Model}/{Version} was refused: its graph does not take these inputs, as the answer says")]
        public static partial void RunRefused(ILogger logger, string model, long version);
    }
}
