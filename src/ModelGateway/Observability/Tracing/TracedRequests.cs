using System.Diagnostics;
using System.Globalization;

namespace ModelGateway.Observability.Tracing;

/// <summary>
/// The span of a whole request, by OpenTelemetry's conventions for HTTP servers. It goes on with the caller's trace (<c>traceparent</c>,
/// <c>tracestate</c>); <c>baggage</c> is not read, so that none of it is sent on to stores.
/// </summary>
/// <remarks>
/// In place of the framework's own activity, whose source nobody listens to: that one is made before anything is known of the request, and
/// its name and attributes are the framework's. Neither queries nor headers are in it, where secrets may stand.
/// </remarks>
internal sealed class TracedRequests(RequestDelegate next)
{
    public async Task InvokeAsync(HttpContext http)
    {
        ActivityContext.TryParse(http.Request.Headers.TraceParent, http.Request.Headers.TraceState, isRemote: true, out ActivityContext caller);
        using Activity? span = GatewayActivities.Source.StartActivity(MethodOf(http.Request), ActivityKind.Server, caller);
        try
        {
            await next(http);
        }
        finally
        {
            if (span is not null)
            {
                Describe(span, http);
            }
        }
    }

    // At the end, when routing and the answer are known.
    private static void Describe(Activity span, HttpContext http)
    {
        Endpoint? endpoint = http.GetEndpoint();
        if (endpoint?.Metadata.GetMetadata<NotTraced>() is not null)
        {
            span.ActivityTraceFlags &= ~ActivityTraceFlags.Recorded;
        }

        if (!span.IsAllDataRequested)
        {
            return;
        }

        if ((endpoint as RouteEndpoint)?.RoutePattern.RawText is { } route)
        {
            route = route.StartsWith('/') ? route : $"/{route}";
            span.DisplayName = $"{span.OperationName} {route}";
            span.SetTag("http.route", route);
        }

        int status = http.Response.StatusCode;
        span.SetTag("http.request.method", span.OperationName == "HTTP" ? "_OTHER" : span.OperationName);
        span.SetTag("url.scheme", http.Request.Scheme);
        span.SetTag("url.path", http.Request.Path.Value);
        span.SetTag("network.protocol.version", http.Request.Protocol is ['H', 'T', 'T', 'P', '/', .. string version] ? version : null);
        span.SetTag("http.response.status_code", status);
        span.SetTag("modelgateway.request_id", RequestIds.Of(http));
        if (http.Request.Host is { HasValue: true } host)
        {
            span.SetTag("server.address", host.Host);
            span.SetTag("server.port", host.Port);
        }

        if (status >= StatusCodes.Status500InternalServerError)
        {
            span.SetTag("error.type", status.ToString(CultureInfo.InvariantCulture));
            span.SetStatus(ActivityStatusCode.Error);
        }
    }

    // Any other is the caller's text; the conventions ask for this word then.
    private static string MethodOf(HttpRequest request) => HttpMethods.GetCanonicalizedValue(request.Method) switch
    {
        "GET" or "HEAD" or "POST" or "PUT" or "DELETE" or "CONNECT" or "OPTIONS" or "TRACE" or "PATCH" => HttpMethods.GetCanonicalizedValue(request.Method),
        _ => "HTTP",
    };
}
