using ModelGateway.Auth;

namespace ModelGateway.Protocols.Native;

/// <summary>The simple dialect: <c>POST /predict/{model}</c> with nested arrays in and out.</summary>
internal static class NativeEndpoints
{
    public static void MapNative(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder group = app.MapGroup("/predict").WithTags("Predict").RequireScope(Scopes.Predict);
        group.MapPrediction("/{model}", NativeProtocol.Instance).WithSummary("Predict with the newest ready version of a model.");
        group.MapPrediction("/{model}/versions/{version}", NativeProtocol.Instance).WithSummary("Predict with one version, by number or label.");
        group.MapPost("", PredictByBodyAsync).WithSummary("Predict with the model named in the body.");
    }

    private static Task PredictByBodyAsync(HttpContext http, PredictExchange exchange) =>
        exchange.HandleAsync(http, NativeProtocol.FindModel, NativeProtocol.Instance);
}
