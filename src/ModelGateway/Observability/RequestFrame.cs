using Microsoft.Extensions.Options;
using ModelGateway.Protocols;

namespace ModelGateway.Observability;

/// <summary>
/// What surrounds every request, whichever endpoint answers: the request id and <c>Server-Timing</c> on the answer, an error body in
/// the one shape where a layer left only a status or threw, and a log line for those requests that the options ask for.
/// </summary>
/// <remarks>
/// One middleware instead of the framework's four (exception handler, status code pages, request log, headers), because each of
/// those allocates for every request and this one only for its answer's headers. Measured by <c>FloorBenchmark</c>.
/// </remarks>
internal sealed partial class RequestFrame : IDisposable
{
    private readonly RequestDelegate _next;
    private readonly ILogger<RequestFrame> _logger;
    private readonly RefusalLines _refusals;
    private readonly IDisposable? _subscription;
    private volatile LoggingOptions _logged;

    public RequestFrame(RequestDelegate next, IOptionsMonitor<GatewayOptions> options, RefusalLines refusals, ILogger<RequestFrame> logger)
    {
        _next = next;
        _logger = logger;
        _refusals = refusals;
        _logged = options.CurrentValue.Logging;
        _subscription = options.OnChange(changed => _logged = changed.Logging);
    }

    public async Task InvokeAsync(HttpContext http)
    {
        CurrentRequest current = CurrentRequest.Begin(http);
        RequestIds.Adopt(http);
        http.Response.Headers[RequestIds.Header] = RequestIds.Of(http);
        if (http.GetEndpoint()?.Metadata.GetMetadata<TimedByStages>() is null)
        {
            // At the start of the answer: whoever writes an error over a half-made answer clears its headers, and now the time is known.
            http.Response.OnStarting(
                static state =>
                {
                    ((CurrentRequest)state).SetTiming();
                    return Task.CompletedTask;
                },
                current);
        }

        Exception? failure = null;
        try
        {
            await _next(http);
            NoteDeparture(http);
            if (http.Response is { StatusCode: >= StatusCodes.Status400BadRequest, HasStarted: false, ContentLength: null, ContentType: null })
            {
                await Problems.WriteAsync(http, http.Response.StatusCode);
            }
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            NoteDeparture(http);
        }
        catch (BadHttpRequestException exception)
        {
            // The server met it while an endpoint read the body, and knows the status.
            await WriteOverAsync(http, exception.StatusCode);
        }
        catch (Exception exception) when (!http.Response.HasStarted)
        {
            failure = exception;
            await WriteOverAsync(http, StatusCodes.Status500InternalServerError);
        }

        finally
        {
            LogRequest(http, current, failure);
            current.End();
        }
    }

    public void Dispose() => _subscription?.Dispose();

    // For the log line only: nobody reads this answer. One that has begun keeps the status that it was begun with.
    private static void NoteDeparture(HttpContext http)
    {
        if (http.RequestAborted.IsCancellationRequested && !http.Response.HasStarted)
        {
            http.Response.StatusCode = StatusCodes.Status499ClientClosedRequest;
        }
    }

    private static Task WriteOverAsync(HttpContext http, int status)
    {
        if (http.Response.HasStarted)
        {
            http.Abort();
            return Task.CompletedTask;
        }

        http.Response.Clear();
        http.Response.Headers[RequestIds.Header] = RequestIds.Of(http);
        return Problems.WriteAsync(http, status);
    }

    private void LogRequest(HttpContext http, CurrentRequest current, Exception? failure)
    {
        int status = http.Response.StatusCode;
        long without = 0;
        if (failure is null && !HasLine(status, out without))
        {
            return;
        }

        // Not ready (503) and too late (504) are load and life cycle, not faults of the server.
        LogLevel level = status == StatusCodes.Status500InternalServerError ? LogLevel.Error
            : status >= StatusCodes.Status400BadRequest ? LogLevel.Warning
            : LogLevel.Information;
        if (_logger.IsEnabled(level))
        {
            string path = http.Request.Path;
            double milliseconds = current.Elapsed.TotalMilliseconds;
            Log.Answered(_logger, level, failure, http.Request.Method, path, status, milliseconds);
        }

        if (without > 0)
        {
            Log.RefusedWithoutLine(_logger, without);
        }
    }

    private bool HasLine(int status, out long without)
    {
        without = 0;
        return _logged is var logged && logged.Requests switch
        {
            RequestLogging.None => false,
            RequestLogging.All => true,
            _ when status == StatusCodes.Status429TooManyRequests => _refusals.TryTake(out without),
            _ when status >= StatusCodes.Status400BadRequest => true,
            RequestLogging.Errors => false,
            _ => Random.Shared.NextDouble() < logged.SampleRate,
        };
    }

    // Bodies, headers and queries are never in it.
    private static partial class Log
    {
        [LoggerMessage(EventId = EventIds.RequestAnswered, Message = "{Method} {Path} answered {Status} in {Milliseconds:0.000} ms")]
        public static partial void Answered(ILogger logger, LogLevel level, Exception? failure, string method, string path, int status, double milliseconds);

        [LoggerMessage(EventId = EventIds.RequestsRefused, Level = LogLevel.Warning, Message = "{Count} requests since the last such line were refused with 429 and got no line of their own")]
        public static partial void RefusedWithoutLine(ILogger logger, long count);
    }
}
