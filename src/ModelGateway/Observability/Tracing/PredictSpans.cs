using System.Diagnostics;
using System.Runtime.CompilerServices;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Lifecycle;

namespace ModelGateway.Observability.Tracing;

/// <summary>
/// The stages of a prediction as spans below the request's: those of <c>Server-Timing</c>, by the same measured durations. They are made
/// when the answer is ready, so that without a listener a prediction pays one look at a field, and with one its stages are not disturbed.
/// </summary>
/// <remarks>
/// Where a stage begins is worked out: <c>read</c>, <c>cache</c>, <c>wait</c> and <c>run</c> follow one another from the beginning of the
/// request, <c>write</c> ends at the call.
/// </remarks>
internal static class PredictSpans
{
    /// <summary>A prediction that got as far as the predictor, whether or not it succeeded.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Ran(Servable servable, long started, TimeSpan read, in CacheReport cache, in PredictTimings timings, TimeSpan write)
    {
        if (GatewayActivities.Source.HasListeners())
        {
            Make(servable, started, read, cache, timings, write);
        }
    }

    /// <summary>A prediction that was answered before, or by another's answer.</summary>
    /// <param name="http">The request.</param>
    /// <param name="endpoint">Where it would have been routed to; null where it was.</param>
    /// <param name="servable">The version that answers.</param>
    /// <param name="started">When it began, of <see cref="Stopwatch"/>.</param>
    /// <param name="cache">What the cache did.</param>
    /// <param name="timings">Of one who waited for another's answer.</param>
    /// <param name="read">Time until its body was there.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Repeated(HttpContext http, Endpoint? endpoint, Servable servable, long started, in CacheReport cache, in PredictTimings timings = default, TimeSpan read = default)
    {
        if (GatewayActivities.Source.HasListeners())
        {
            if (endpoint is not null)
            {
                http.SetEndpoint(endpoint);
            }

            Make(servable, started, read, cache, timings, default);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Make(Servable servable, long started, TimeSpan read, CacheReport cache, PredictTimings timings, TimeSpan write)
    {
        // Sampled, and of this host: without its middleware there is no span to be below.
        if (Activity.Current is not { IsAllDataRequested: true } request || request.Source != GatewayActivities.Source)
        {
            return;
        }

        request.SetTag("modelgateway.model.name", servable.Id.Model);
        request.SetTag("modelgateway.model.version", servable.Id.Version);
        request.SetTag("modelgateway.cache.use", NameOf(cache.Use));
        DateTime now = DateTime.UtcNow;
        DateTime began = now - Stopwatch.GetElapsedTime(started);
        DateTime next = Add(request, "read", began < request.StartTimeUtc ? request.StartTimeUtc : began, read);
        next = Add(request, "cache", next, cache.Lookup);
        next = Add(request, "wait", next, timings.Wait);
        Add(request, "run", next, timings.Run);
        Add(request, "write", now - write, write);
    }

    // A stage that was not reached took no time, and has no span.
    private static DateTime Add(Activity request, string stage, DateTime start, TimeSpan duration)
    {
        if (duration > TimeSpan.Zero)
        {
            using Activity? span = GatewayActivities.Source.StartActivity(stage, ActivityKind.Internal, request.Context, startTime: start);
            span?.SetEndTime(start + duration);
        }

        return start + duration;
    }

    private static string NameOf(CacheUse use) => use switch
    {
        CacheUse.Bypass => "bypass",
        CacheUse.Hit => "hit",
        CacheUse.Miss => "miss",
        CacheUse.Stale => "stale",
        CacheUse.Request => "request",
        CacheUse.Collapsed => "collapsed",
        _ => "partial",
    };
}
