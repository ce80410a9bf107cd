using ModelGateway.Observability;
using ModelGateway.Serving.Models;

namespace ModelGateway.Protocols;

/// <summary>Maps predictions whose model stands in the path.</summary>
internal static class PredictRoutes
{
    /// <summary>
    /// A route with <c>{model}</c> and perhaps <c>{version}</c>. The exchange is found once and the path is read by hand: a handler whose parameters the
    /// framework fills costs each request more than a look into the cache.
    /// </summary>
    public static RouteHandlerBuilder MapPrediction(this IEndpointRouteBuilder app, string pattern, IPredictProtocol protocol)
    {
        PredictExchange? exchange = null;
        RouteHandlerBuilder endpoint = pattern.Contains("{version}", StringComparison.Ordinal)
            ? app.MapPost(pattern, (Delegate)((HttpContext http) => Exchange(http).HandleRoutedAsync(http, ModelSpec.Parse(Part(http, "model"), Part(http, "version")), protocol)))
            : app.MapPost(pattern, (Delegate)((HttpContext http) => Exchange(http).HandleRoutedAsync(http, new ModelSpec(Part(http, "model")), protocol)));
        return endpoint.WithMetadata(TimedByStages.Instance);

        // Not when the routes are made: the host may have faults to tell first.
        PredictExchange Exchange(HttpContext http) => exchange ??= http.RequestServices.GetRequiredService<PredictExchange>();
    }

    private static string Part(HttpContext http, string name) => (string)http.Request.RouteValues[name]!;
}
