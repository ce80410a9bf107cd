using System.Diagnostics;
using System.IO.Pipelines;
using Microsoft.Extensions.Options;
using ModelGateway.Auth;
using ModelGateway.Observability;
using ModelGateway.Observability.Tracing;
using ModelGateway.Protocols;
using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Lifecycle;

namespace ModelGateway.Caching;

/// <summary>
/// The first to see a request: what was answered before, byte by byte the same, is answered here, without routing, parsing or waiting; what is being answered
/// waits here for that answer. All else goes on as if this were not there.
/// </summary>
/// <remarks>
/// Nothing is decided anew: the endpoint of a path is the one that routing found when the answer was kept, the token must be one that
/// <see cref="TokenGate"/> accepted and must allow this endpoint and model now, and the version is resolved for every request. Only bodies
/// that have arrived whole, in one piece and uncompressed are looked at. Measured by <c>pipeline</c> of the benchmarks.
/// </remarks>
internal sealed class RepeatedRequests : IDisposable
{
    // What arrives in one piece. What is too large for the server is refused where errors are answered.
    private const int LargestBody = RepeatedAnswers.LargestShared;

    private readonly RequestDelegate _next;
    private readonly RepeatedAnswers _answers;
    private readonly KnownPaths _paths;
    private readonly TokenCheck _tokens;
    private readonly ModelAccess _access;
    private readonly CacheDirectiveReader _directives;
    private readonly ServableManager _manager;
    private readonly Predictor _predictor;
    private readonly EarlyRefusals _refusals;
    private readonly IDisposable? _subscription;
    private volatile bool _isOff;

    public RepeatedRequests(
        RequestDelegate next, RepeatedAnswers answers, KnownPaths paths, TokenCheck tokens, ModelAccess access, CacheDirectiveReader directives, ServableManager manager,
        Predictor predictor, EarlyRefusals refusals, IOptionsMonitor<GatewayOptions> options)
    {
        (_next, _answers, _paths, _tokens, _access, _directives, _manager, _predictor, _refusals) = (next, answers, paths, tokens, access, directives, manager, predictor, refusals);
        Take(options.CurrentValue);
        _subscription = options.OnChange(Take);
    }

    public Task InvokeAsync(HttpContext http) => !_isOff && http.Request.ContentLength <= LargestBody && _paths.Find(http.Request) is { } path ? AnswerOrPassOn(http, path) : _next(http);

    public void Dispose() => _subscription?.Dispose();

    // Where requests without an error may have a line in the log, the frame writes it.
    private void Take(GatewayOptions options) => _isOff = options.Logging.Requests is RequestLogging.All or RequestLogging.Sampled;

    private Task AnswerOrPassOn(HttpContext http, KnownPath path)
    {
        long started = Stopwatch.GetTimestamp();
        if (!_tokens.Allows(http, path.Endpoint) || !_access.Allows(http, path.Asked.Model) || _manager.Peek(path.Asked, started) is not { } servable)
        {
            return _next(http);
        }

        // After the token: whose answers they are stands in it.
        CacheDirectives wish = _directives.Read(http);
        if (!RepeatedAnswers.MayAnswer(servable, wish))
        {
            return _next(http);
        }

        PipeReader body = http.Request.BodyReader;
        ReadResult read;
        try
        {
            if (!body.TryRead(out read))
            {
                return _next(http);
            }
        }
        catch (BadHttpRequestException)
        {
            // Who reads it next meets the same, and answers.
            return _next(http);
        }

        AnswerFlight? flight = null;
        if (!read.IsCompleted || !read.Buffer.IsSingleSegment
            || _answers.Find(http, path, servable, wish, read.Buffer.FirstSpan, started, out TimeSpan age, out flight) is not { } found)
        {
            // For whoever reads it now.
            body.AdvanceTo(read.Buffer.Start);
            return flight?.TryJoin() is { } seat ? AwaitAsync(http, path, servable, seat, started) : _next(http);
        }

        body.AdvanceTo(read.Buffer.End);
        TimeSpan lookup = Stopwatch.GetElapsedTime(started);
        servable.Metrics.CountHit(lookup, lookup);
        PredictSpans.Repeated(http, path.Endpoint, servable, started, new CacheReport(CacheUse.Hit, lookup));
        IHeaderDictionary headers = SetHeaders(http, ServerTiming.OfRepeated(lookup));
        CacheStatus.SetAnswerHit(headers, found, age);
        return found.Content.SendAsync(http.Response);
    }

    // The body is not taken before there is an answer: who goes on without one reads it anew.
    private async Task AwaitAsync(HttpContext http, KnownPath path, Servable servable, FlightSeat<AnswerLanding> seat, long started)
    {
        TimeSpan lookup = Stopwatch.GetElapsedTime(started);
        if (!_manager.TryAcquire(path.Asked, mayName: null, out ServableHandle? held, out _) || held.Servable != servable)
        {
            // Replaced since the look.
            held?.Dispose();
            seat.Leave(AnswerLanding.Nothing);
            await _next(http);
            return;
        }

        using ServableHandle holding = held;
        AnswerLanding landing = await LandAsync(http, servable, seat);
        TimeSpan total = Stopwatch.GetElapsedTime(started);
        if (landing.Error is { } error)
        {
            servable.Metrics.Count(Problems.Outcome(error));
            servable.Metrics.CountFailure(total);
            await _refusals.RefuseAsync(http, refused => Problems.WriteAsync(refused, error));
            return;
        }

        if (landing.Content is not { } content || !TryTakeBody(http.Request.BodyReader))
        {
            if (landing.IsOutOfTime)
            {
                AnswerLanding.SetTimeLeft(http.Request.Headers, _predictor.LimitOf(servable) - total);
            }

            await _next(http);
            return;
        }

        CacheReport report = landing.Report with { Lookup = lookup };
        var timings = new PredictTimings(total - lookup, TimeSpan.Zero);
        _answers.CountJoined(servable);
        servable.Metrics.CountHit(total, lookup);
        PredictSpans.Repeated(http, path.Endpoint, servable, started, report, timings);
        SetHeaders(http, ServerTiming.Of(TimeSpan.Zero, lookup, timings, TimeSpan.Zero));
        CacheStatus.Set(http.Response, report);
        await content.SendAsync(http.Response);
    }

    private static async Task<AnswerLanding> LandAsync(HttpContext http, Servable servable, FlightSeat<AnswerLanding> seat)
    {
        servable.Metrics.Enter();
        using CancellationTokenRegistration leaving = http.RequestAborted.UnsafeRegister(static state => ((FlightSeat<AnswerLanding>)state!).Leave(AnswerLanding.Nothing), seat);
        AnswerLanding landing = await seat.Task;
        servable.Metrics.Leave();
        return landing;
    }

    private static bool TryTakeBody(PipeReader body)
    {
        try
        {
            if (body.TryRead(out ReadResult read))
            {
                body.AdvanceTo(read.Buffer.End);
                return true;
            }

            return false;
        }
        catch (BadHttpRequestException)
        {
            return false;
        }
    }

    // Those that the frame sets on all other answers.
    private static IHeaderDictionary SetHeaders(HttpContext http, string timing)
    {
        IHeaderDictionary headers = http.Response.Headers;
        RequestIds.Adopt(http);
        headers[RequestIds.Header] = RequestIds.Of(http);
        headers[ServerTiming.Header] = timing;
        return headers;
    }
}
