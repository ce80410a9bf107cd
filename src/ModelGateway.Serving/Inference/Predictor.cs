using Microsoft.Extensions.Logging;
using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Lifecycle;

namespace ModelGateway.Serving.Inference;

/// <summary>The one data plane: every protocol ends here.</summary>
/// <remarks>
/// The way of a request, whatever its protocol:
/// <code>
/// 1  the model is looked up (no handle taken: an unknown one is refused before the body is read), then the body is read, bounded and pooled
/// 2  ServableManager.TryAcquire: a handle keeps the version alive
/// 3  the protocol's reader: body and signature become a PredictRequest, or all faults at once
/// 4  PredictAsync
///    a  PredictionKey: the hash of what the answer depends on
///    b  PredictionCache: memory, then the shared store; one flight for all equal requests
///    c  RunScheduler: at once on this thread where the run is short and an instance free; else in order, on the thread pool or on RunWorkers
/// 5  the protocol's writer
/// 6  response, request, handle, body are given back by using, in that order
/// </code>
/// A body that was answered before, byte by byte the same, is answered between 2 and 3 by the host.
/// </remarks>
public sealed class Predictor
{
    private readonly ServingOptions _options;
    private readonly ModelRunner _runner;
    private readonly CachedPredictor? _cached;

    /// <summary>A predictor.</summary>
    /// <param name="options">Bounds that hold where a model sets none of its own.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">For runs that fail.</param>
    /// <param name="cache">What predictions are remembered in; null for nothing.</param>
    public Predictor(ServingOptions options, TimeProvider time, ILogger<Predictor> logger, PredictionCache? cache = null)
    {
        _options = options;
        _runner = new ModelRunner(logger);
        _cached = cache is null ? null : new CachedPredictor(cache, _runner, options, time);
    }

    /// <summary>Predicts. The request must have passed <see cref="RequestValidator"/> against the servable's signature.</summary>
    /// <param name="servable">Held by a handle of the caller's until the response is written.</param>
    /// <param name="request">Stays the caller's.</param>
    /// <param name="cancellationToken">The caller's: it leaves the queue, or the run is stopped unless others wait for it too.</param>
    /// <returns>A response that the caller owns, or why there is none.</returns>
    public ValueTask<PredictResult> PredictAsync(Servable servable, PredictRequest request, CancellationToken cancellationToken)
    {
        TimeSpan limit = LimitOf(servable);
        TimeSpan patience = request.Timeout is { } wanted && wanted < limit ? wanted : limit;
        return _cached is null || servable.Cache is not { } cache
            ? _runner.RunAsync(servable, request.Inputs, request.Outputs, patience, null, default, cancellationToken)
            : _cached.PredictAsync(servable, cache, request, patience, cancellationToken);
    }

    /// <summary>The time that a prediction may take where its caller does not ask for less.</summary>
    public TimeSpan LimitOf(Servable servable) => servable.Config.Limits.Timeout ?? _options.PredictTimeout;
}
