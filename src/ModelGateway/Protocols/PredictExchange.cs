using System.Buffers;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using Microsoft.Extensions.Options;
using ModelGateway.Auth;
using ModelGateway.Caching;
using ModelGateway.Limits;
using ModelGateway.Observability;
using ModelGateway.Observability.Tracing;
using ModelGateway.Protocols.Bodies;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols;

/// <summary>The way of a prediction through HTTP, the same for every dialect; the steps are those numbered above <see cref="Predictor"/>.</summary>
internal sealed class PredictExchange(
    ServableManager manager, Predictor predictor, ServingMetrics metrics, ModelAccess access, RequestBodyReader bodies,
    CacheDirectiveReader directives, RepeatedAnswers answers, KnownPaths paths, IOptions<GatewayOptions> options, RateLimits? limits = null)
{
    // Bytes of tensors: a larger answer is sent as it is written, and who waited for it makes his own.
    private const int LargestShared = 16 * 1024 * 1024;

    [ThreadStatic]
    private static FaultList? _spareFaults;

    private readonly int _maxBodyBytes = options.Value.Limits.MaxBodyBytes;
    private readonly TimeSpan _bodyTimeout = options.Value.Limits.BodyTimeout;

    /// <summary>Answers a prediction whose model, version and dialect follow from the path, as routing found: from then on the path is known.</summary>
    public Task HandleRoutedAsync(HttpContext http, ModelSpec spec, IPredictProtocol protocol)
    {
        long started = Stopwatch.GetTimestamp();
        if (Refusal(http, spec) is { } refusal)
        {
            return refusal;
        }

        // Not before it is known that there is such a model: callers make up names.
        paths.Remember(http, spec, protocol, this);
        return AnswerAsync(http, spec, protocol, started);
    }

    /// <summary>Answers a prediction for a model that its caller has found, by whatever the request says.</summary>
    public Task HandleAsync(HttpContext http, ModelSpec spec, IPredictProtocol protocol)
    {
        long started = Stopwatch.GetTimestamp();
        return Refusal(http, spec) ?? AnswerAsync(http, spec, protocol, started);
    }

    private Task AnswerAsync(HttpContext http, ModelSpec spec, IPredictProtocol protocol, long started)
    {
        int limit = LimitOf(spec.Model);
        return RequestBodyReader.TryReadAtOnce(http.Request, limit, protocol.StartOf(http.Request)) is { } whole
            ? PredictAsync(http, spec, protocol, RequestBodyResult.Success(whole), started)
            : ReadAndPredictAsync(http, spec, protocol, limit, started);
    }

    /// <summary>Answers a prediction whose model stands in the body.</summary>
    /// <param name="http">The request.</param>
    /// <param name="findModel">Finds the model in the body, or the fault that it is not there.</param>
    /// <param name="protocol">The dialect.</param>
    public async Task HandleAsync(HttpContext http, Func<ReadOnlyMemory<byte>, (ModelSpec Spec, PredictError? Error)> findModel, IPredictProtocol protocol)
    {
        long started = Stopwatch.GetTimestamp();
        RequestBodyResult read = await ReadAsync(http, _maxBodyBytes, protocol);
        using TensorBuffer? body = read.Body;
        (ModelSpec spec, PredictError? error) = read.IsSuccess ? findModel(read.Body.Memory) : (default, read.Error);
        if (error is not null)
        {
            await RefuseUnrouted(http, error);
            return;
        }

        RequestModel.Set(http, spec.Model);
        if (Refusal(http, spec) is { } refusal)
        {
            await refusal;
            return;
        }

        // Only now is the model's own limit known.
        int limit = LimitOf(spec.Model);
        await PredictAsync(http, spec, protocol, body?.Memory.Length > limit ? RequestBodyResult.TooLarge(limit) : read, started);
    }

    private async Task ReadAndPredictAsync(HttpContext http, ModelSpec spec, IPredictProtocol protocol, int limit, long started) =>
        await PredictAsync(http, spec, protocol, await ReadAsync(http, limit, protocol), started);

    // A caller who leaves while the body is read is counted like one who leaves later.
    private async ValueTask<RequestBodyResult> ReadAsync(HttpContext http, int limit, IPredictProtocol protocol)
    {
        try
        {
            return await bodies.ReadAsync(http.Request, new RequestBodyLimits(limit, _bodyTimeout), protocol.StartOf(http.Request));
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            return RequestBodyResult.Failure(PredictErrorKind.Cancelled, "The caller left while the body was read.");
        }
    }

    private Task? Refusal(HttpContext http, ModelSpec spec)
    {
        if (!access.Allows(http, spec.Model))
        {
            metrics.CountUnrouted("forbidden");
            return Problems.WriteModelForbiddenAsync(http);
        }

        return manager.Check(spec, access.Filter(http)) is { } error ? RefuseUnrouted(http, error) : limits?.ChargeModel(http, spec.Model)?.Invoke(http);
    }

    private Task RefuseUnrouted(HttpContext http, PredictError error)
    {
        metrics.CountUnrouted(Problems.Outcome(error));
        return Problems.WriteAsync(http, error);
    }

    private int LimitOf(string model) =>
        manager.Find(model)?.Config.Limits.MaxBodyBytes is { } limit && limit < _maxBodyBytes ? (int)limit : _maxBodyBytes;

    // Takes over the body.
    private async Task PredictAsync(HttpContext http, ModelSpec spec, IPredictProtocol protocol, RequestBodyResult body, long started)
    {
        using TensorBuffer? owned = body.Body;
        Func<string, bool>? mayName = access.Filter(http);
        AcquireResult acquired = manager.TryAcquire(spec, mayName, out ServableHandle? held, out _) ? new AcquireResult(held, null)

            // What cannot be read wakes nobody.
            : body.Error is { } unreadable ? new AcquireResult(null, unreadable)
            : await manager.AcquireAsync(spec, mayName, RequestTimeout.Read(http.Request.Headers, new FaultList()), http.RequestAborted);
        if (!acquired.IsSuccess)
        {
            await RefuseUnrouted(http, acquired.Error);
            return;
        }

        using (acquired.Handle)
        {
            Servable servable = acquired.Handle.Servable;
            servable.Metrics.Enter();
            try
            {
                PredictError? error = body.IsSuccess ? await AnswerAsync(http, spec, servable, protocol, body.Body, started) : body.Error;
                if (error is not null)
                {
                    servable.Metrics.Count(Problems.Outcome(error));
                    servable.Metrics.CountFailure(Stopwatch.GetElapsedTime(started));
                    await Problems.WriteAsync(http, error);
                }
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                // Unforeseen; the frame answers and logs it.
                servable.Metrics.Count("error");
                throw;
            }
            finally
            {
                servable.Metrics.Leave();
            }
        }
    }

    // Pooled, here and where it waits for a flight: a request that waits would else leave a kilobyte.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<PredictError?> AnswerAsync(HttpContext http, ModelSpec spec, Servable servable, IPredictProtocol protocol, TensorBuffer received, long started)
    {
        ReadOnlyMemory<byte> body = received.Memory;
        CacheDirectives wish = directives.Read(http);
        long looked = servable.Cache is null ? started : Stopwatch.GetTimestamp();
        RepeatedAnswer repeated = answers.Look(http, spec, servable, protocol, wish, body.Span, looked);
        if (repeated.Found is { } finished)
        {
            servable.Metrics.CountHit(Stopwatch.GetElapsedTime(started), repeated.Report.Lookup);
            PredictSpans.Repeated(http, null, servable, started, repeated.Report, read: Stopwatch.GetElapsedTime(started, looked));
            http.Response.Headers[ServerTiming.Header] = ServerTiming.Of(Stopwatch.GetElapsedTime(started, looked), repeated.Report.Lookup);
            CacheStatus.Set(http.Response, repeated.Report);
            await finished.Content.SendAsync(http.Response);
            return null;
        }

        FaultList faults = _spareFaults ?? new FaultList();
        _spareFaults = null;
        TimeSpan? timeout = RequestTimeout.Read(http.Request.Headers, faults);
        using IProtocolRequest? request = protocol.Read(http, spec, body, servable, faults);
        TimeSpan read = Stopwatch.GetElapsedTime(started);
        if (request is null || !faults.IsEmpty)
        {
            http.Response.Headers[ServerTiming.Header] = ServerTiming.Of(read, default, default, default);
            PredictSpans.Ran(servable, started, read, default, default, default);
            return faults.ToError();
        }

        // Empty, as nearly always, and read to its end: for the next request of this thread.
        _spareFaults = faults;
        request.Prediction.TakeOver(received);
        RequestTimeout.Apply(timeout, request.Prediction);
        request.Prediction.Cache = wish;

        // For whoever sends the same meanwhile. Then this caller's leaving is not the end of it.
        using AnswerFlight? flight = answers.Begin(http, repeated, request.Prediction, body.Span, predictor.LimitOf(servable));
        using CancellationTokenRegistration leaving = flight?.LeaveWith(http.RequestAborted) ?? default;
        try
        {
            PredictResult result = await predictor.PredictAsync(servable, request.Prediction, flight?.Abandoned ?? http.RequestAborted);
            if (servable.Cache is not null)
            {
                CacheStatus.Set(http.Response, result.Cache);
            }

            if (!result.IsSuccess)
            {
                flight?.Land(AnswerLanding.Of(result.Error));
                http.Response.Headers[ServerTiming.Header] = ServerTiming.Of(read, result.Cache.Lookup, result.Timings, default);
                PredictSpans.Ran(servable, started, read, result.Cache, result.Timings, default);
                return result.Error.IsForTime && request.Prediction.Timeout < predictor.LimitOf(servable) ? result.Error with { IsForCallersTime = true } : result.Error;
            }

            using PredictResponse response = result.Response;
            long writing = Stopwatch.GetTimestamp();
            if (Write(http, servable, request, result, repeated, body, flight) is { } unwritable)
            {
                return unwritable;
            }

            // Known in full before the first byte leaves: no chunked encoding, and the timing can go into a header. None where the connection is gone: then
            // nothing is kept, and a length that nobody will fill would be an error.
            if (http.Response.BodyWriter.UnflushedBytes is > 0 and long length)
            {
                http.Response.ContentLength = length;
            }

            long written = Stopwatch.GetTimestamp();
            TimeSpan write = Stopwatch.GetElapsedTime(writing, written);
            http.Response.Headers[ServerTiming.Header] = ServerTiming.Of(read, result.Cache.Lookup, result.Timings, write);
            Count(servable, request.Prediction, started, written, read, result, write);
            PredictSpans.Ran(servable, started, read, result.Cache, result.Timings, write);
            await http.Response.BodyWriter.FlushAsync(http.RequestAborted);
            return null;
        }
        catch (Exception exception) when (flight is not null && exception is not OperationCanceledException)
        {
            flight.Land(AnswerLanding.Of(ExceptionDispatchInfo.Capture(exception)));
            throw;
        }
    }

    // Straight into the pipe; by way of an array where the answer is kept, or others wait for it.
    private PredictError? Write(
        HttpContext http, Servable servable, IProtocolRequest request, in PredictResult result, in RepeatedAnswer repeated, ReadOnlyMemory<byte> body, AnswerFlight? flight)
    {
        PredictResponse response = result.Response!;
        if (repeated.IsReplaced)
        {
            answers.Forget(repeated, body.Span);
        }

        Freshness? kept = repeated.ShouldKeep ? response.Freshness : null;
        if (kept is null && (flight?.Close() != true || BytesOf(response) > LargestShared))
        {
            flight?.Land(AnswerLanding.Nothing);
            return request.Write(response, servable, http.Response, http.Response.BodyWriter);
        }

        var output = new ArrayBufferWriter<byte>();
        if (request.Write(response, servable, http.Response, output) is { } error)
        {
            flight?.Land(AnswerLanding.Of(error));
            return error;
        }

        var content = AnswerContent.Of(http.Response, output.WrittenSpan.ToArray());
        if (kept is { } freshness)
        {
            answers.Keep(repeated, freshness, body.Span, content);
        }

        // After it was kept: who comes now finds it.
        flight?.Land(AnswerLanding.Of(content, result.Cache));
        http.Response.BodyWriter.Write(content.Body);
        return null;
    }

    private static long BytesOf(PredictResponse response) => response.Outputs.Sum(static output => output.Tensors.Sum(static tensor => (long)tensor.Data.Length));

    private static void Count(Servable servable, PredictRequest request, long started, long now, TimeSpan read, in PredictResult result, TimeSpan write)
    {
        TimeSpan total = Stopwatch.GetElapsedTime(started, now);
        PredictTimings timings = result.Timings;
        TimeSpan lookup = result.Cache.Lookup;
        if (result.Cache.Use is CacheUse.Hit or CacheUse.Collapsed)
        {
            servable.Metrics.CountHit(total, lookup);
            return;
        }

        var stages = new AnswerStages(total, read, lookup, timings.Wait, timings.Run, write);
        servable.Metrics.CountAnswer(result.Cache.RowsRun ?? RowsOf(request), stages, result.Cache.Use != CacheUse.Bypass, now);
    }

    private static long RowsOf(PredictRequest request) => request.Inputs.Count > 0 && request.Inputs[0].Tensor.Shape is { Length: > 0 } shape ? shape[0] : 1;
}
