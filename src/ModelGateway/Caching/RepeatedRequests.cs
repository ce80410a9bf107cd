using System.Diagnostics;
using System.Globalization;
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
    private readonly EarlyRefusals _refusals;
    private readonly IDisposable? _subscription;
    private volatile bool _isOff;

    public RepeatedRequests(
        RequestDelegate next, RepeatedAnswers answers, KnownPaths paths, TokenCheck tokens, ModelAccess access, CacheDirectiveReader directives, ServableManager manager,
        EarlyRefusals refusals, IOptionsMonitor<GatewayOptions> options)
    {
        (_next, _answers, _paths, _tokens, _access, _directives, _manager, _refusals) = (next, answers, paths, tokens, access, directives, manager, refusals);
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
            return PassOn(http, path);
        }

        // After the token: whose answers they are stands in it.
        CacheDirectives wish = _directives.Read(http);
        if (!RepeatedAnswers.MayAnswer(servable, wish))
        {
            return PassOn(http, path);
        }

        PipeReader body = http.Request.BodyReader;
        ReadResult read;
        try
        {
            if (!body.TryRead(out read))
            {
                return PassOn(http, path);
            }
        }
        catch (Exception exception) when (exception is BadHttpRequestException or IOException or OperationCanceledException)
        {
            // Who reads it next meets the same, and answers.
            return PassOn(http, path);
        }

        AnswerFlight? flight = null;
        if (!read.IsCompleted || !read.Buffer.IsSingleSegment
            || _answers.Find(http, path, servable, wish, read.Buffer.FirstSpan, started, out TimeSpan age, out flight) is not { } found)
        {
            if (flight?.TryJoin(started) is { } seat)
            {
                // Not left lying while it waits: the block of memory is worth more than the body, and HTTP/2 would count it against others.
                body.AdvanceTo(read.Buffer.End);
                return AwaitAsync(http, path, servable, (flight, seat), started);
            }

            // For whoever reads it now.
            body.AdvanceTo(read.Buffer.Start);
            return PassOn(http, path);
        }

        body.AdvanceTo(read.Buffer.End);
        TimeSpan lookup = Stopwatch.GetElapsedTime(started);
        servable.Metrics.CountHit(lookup, lookup);
        PredictSpans.Repeated(http, path.Endpoint, servable, started, new CacheReport(CacheUse.Hit, lookup));
        IHeaderDictionary headers = SetHeaders(http, ServerTiming.OfRepeated(lookup));
        CacheStatus.SetAnswerHit(headers, found, age);
        return found.Content.SendAsync(http.Response);
    }

    private async Task AwaitAsync(HttpContext http, KnownPath path, Servable servable, (AnswerFlight Flight, FlightSeat<AnswerLanding> Seat) joined, long started)
    {
        TimeSpan lookup = Stopwatch.GetElapsedTime(started);
        AnswerLanding landing = await LandAsync(http, path, servable, joined.Seat);
        TimeSpan total = Stopwatch.GetElapsedTime(started);
        if (landing.Content is { } content)
        {
            CacheReport report = landing.Report with { Lookup = lookup };
            var timings = new PredictTimings(total - lookup, TimeSpan.Zero);
            _answers.CountJoined(servable);
            servable.Metrics.CountHit(total, lookup);
            PredictSpans.Repeated(http, path.Endpoint, servable, started, report, timings);
            SetHeaders(http, ServerTiming.Of(TimeSpan.Zero, lookup, timings, TimeSpan.Zero));
            CacheStatus.Set(http.Response, report);
            await content.SendAsync(http.Response);
        }
        else if (landing.Error is { } error)
        {
            servable.Metrics.Count(Problems.Outcome(error));
            servable.Metrics.CountFailure(total);
            RequestModel.Set(http, path.Asked.Model);
            await _refusals.RefuseAsync(http, refused => Problems.WriteAsync(refused, error));
        }
        else if (landing.Fault is { } fault)
        {
            servable.Metrics.Count("error");
            RequestModel.Set(http, path.Asked.Model);
            await _refusals.RefuseAsync(http, _ => Task.FromException(fault.SourceException));
        }
        else
        {
            // The bytes that it sent, which are the same; and what is left of its time, as a header that says so on the rest of the way.
            http.Request.Headers[RequestTimeout.Header] = string.Create(CultureInfo.InvariantCulture, $"{joined.Flight.LeftAfter(total).TotalMilliseconds:0}ms");
            http.Request.Body = new MemoryStream(joined.Flight.RequestBody, writable: false);
            await PassOn(http, path);
        }
    }

    private async Task<AnswerLanding> LandAsync(HttpContext http, KnownPath path, Servable servable, FlightSeat<AnswerLanding> seat)
    {
        if (!_manager.TryAcquire(path.Asked, mayName: null, out ServableHandle? held, out _) || held.Servable != servable)
        {
            // Replaced since the look.
            held?.Dispose();
            seat.Leave(AnswerLanding.Nothing);
            return AnswerLanding.Nothing;
        }

        // No longer than the wait: who goes on from here may have to wait for memory that is not free before.
        using ServableHandle holding = held;
        servable.Metrics.Enter();
        try
        {
            using CancellationTokenRegistration leaving = http.RequestAborted.UnsafeRegister(static state => ((FlightSeat<AnswerLanding>)state!).Leave(AnswerLanding.Nothing), seat);
            return await seat.Task;
        }
        finally
        {
            servable.Metrics.Leave();
        }
    }

    // Where routing would send it.
    private Task PassOn(HttpContext http, KnownPath path)
    {
        http.SetEndpoint(path.Endpoint);
        return _next(http);
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
