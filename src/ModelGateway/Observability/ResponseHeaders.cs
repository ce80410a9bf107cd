using System.Diagnostics;
using System.Globalization;

namespace ModelGateway.Observability;

/// <summary>Puts the request id and <c>Server-Timing</c> on every answer, errors of any layer included.</summary>
internal static class ResponseHeaders
{
    private static readonly object StartedKey = new();

    public static void UseResponseHeaders(this IApplicationBuilder app) => app.Use(static (http, next) =>
    {
        RequestIds.Adopt(http);
        http.Items[StartedKey] = Stopwatch.GetTimestamp();

        // At the start of the answer, not before: the exception handler clears headers.
        http.Response.OnStarting(static state =>
        {
            var http = (HttpContext)state;
            http.Response.Headers[RequestIds.Header] = RequestIds.Of(http);
            if (http.Response.Headers["Server-Timing"].Count == 0)
            {
                TimeSpan total = Stopwatch.GetElapsedTime((long)http.Items[StartedKey]!);
                http.Response.Headers["Server-Timing"] = string.Create(CultureInfo.InvariantCulture, $"total;dur={total.TotalMilliseconds:0.###}");
            }

            return Task.CompletedTask;
        }, http);
        return next(http);
    });
}
