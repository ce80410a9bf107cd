using ModelGateway.Auth;
using ModelGateway.Serving.Models;

namespace ModelGateway.Protocols.Native;

/// <summary>The simple dialect: <c>POST /predict/{model}</c> with nested arrays in and out.</summary>
internal static class NativeEndpoints
{
    public static void MapNative(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder group = app.MapGroup("/predict").WithTags("Predict").RequireScope(Scopes.Predict);
        group.MapPost("/{model}", PredictAsync).WithSummary("Predict with the newest ready version of a model.");
        group.MapPost("/{model}/versions/{version}", PredictVersionAsync).WithSummary("Predict with one version, by number or label.");
        group.MapPost("", PredictByBodyAsync).WithSummary("Predict with the model named in the body.");
    }

    private static Task PredictAsync(HttpContext http, string model, PredictExchange exchange) =>
        exchange.HandleAsync(http, new ModelSpec(model), NativeProtocol.Instance);

    private static Task PredictVersionAsync(HttpContext http, string model, string version, PredictExchange exchange) =>
        exchange.HandleAsync(http, ModelSpec.Parse(model, version), NativeProtocol.Instance);

    private static Task PredictByBodyAsync(HttpContext http, PredictExchange exchange) =>
        exchange.HandleAsync(http, NativeProtocol.FindModel, NativeProtocol.Instance);
}
