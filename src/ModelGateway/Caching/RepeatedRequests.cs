using System.Diagnostics;
using System.IO.Pipelines;
using Microsoft.Extensions.Options;
using ModelGateway.Auth;
using ModelGateway.Observability;
using ModelGateway.Observability.Tracing;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Transport;

namespace ModelGateway.Caching;

/// <summary>
/// The first to see a request: what was answered before, byte by byte the same, is answered here, without routing, parsing or waiting. All else goes on
/// as if this were not there.
/// </summary>
/// <remarks>
/// Nothing is decided anew: the endpoint of a path is the one that routing found when the answer was kept, the token must be one that
/// <see cref="TokenGate"/> accepted and must allow this endpoint and model now, and the version is resolved for every request. Only bodies
/// that have arrived whole, in one piece and uncompressed are looked at. Measured by <c>pipeline</c> of the benchmarks.
/// </remarks>
internal sealed class RepeatedRequests : IDisposable
{
    // What arrives in one piece. What is too large for the server is refused where errors are answered.
    private const int LargestBody = BlockPool.BlockSize;

    private readonly RequestDelegate _next;
    private readonly RepeatedAnswers _answers;
    private readonly KnownPaths _paths;
    private readonly TokenCheck _tokens;
    private readonly ModelAccess _access;
    private readonly CacheDirectiveReader _directives;
    private readonly ServableManager _manager;
    private readonly IDisposable? _subscription;
    private volatile bool _isOff;

    public RepeatedRequests(
        RequestDelegate next, RepeatedAnswers answers, KnownPaths paths, TokenCheck tokens, ModelAccess access, CacheDirectiveReader directives, ServableManager manager, IOptionsMonitor<GatewayOptions> options)
    {
        (_next, _answers, _paths, _tokens, _access, _directives, _manager) = (next, answers, paths, tokens, access, directives, manager);
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

        if (!read.IsCompleted || !read.Buffer.IsSingleSegment || _answers.Find(http, path, servable, wish, read.Buffer.FirstSpan, started, out TimeSpan age) is not { } found)
        {
            // For whoever reads it now.
            body.AdvanceTo(read.Buffer.Start);
            return _next(http);
        }

        body.AdvanceTo(read.Buffer.End);
        TimeSpan lookup = Stopwatch.GetElapsedTime(started);
        servable.Metrics.CountHit(lookup, lookup);
        PredictSpans.Repeated(http, path.Endpoint, servable, started, default, lookup);
        IHeaderDictionary headers = http.Response.Headers;
        RequestIds.Adopt(http);
        headers[RequestIds.Header] = RequestIds.Of(http);
        headers[ServerTiming.Header] = ServerTiming.OfRepeated(lookup);
        CacheStatus.SetAnswerHit(headers, found, age);
        return found.SendAsync(http.Response);
    }
}
