using ModelGateway.Auth;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>The Open Inference Protocol v2 over REST, with the extensions that its servers and clients have in common.</summary>
internal static class OpenInferenceEndpoints
{
    public const string Tag = "Open Inference Protocol";

    public static void AddOpenInference(this IServiceCollection services)
    {
        services.AddSingleton<ModelAnswers>();
        services.AddSingleton<RepositoryAnswers>();
    }

    public static void MapOpenInference(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder group = app.MapGroup("/v2").WithTags(Tag);
        group.MapServer();
        group.MapModels();
        group.MapRepository();
        DescribeInfer(group.MapPrediction("/models/{model}/infer", InferProtocol.Instance))
            .WithSummary("Predict with the newest ready version.");
        DescribeInfer(group.MapPrediction("/models/{model}/versions/{version}/infer", InferProtocol.Instance))
            .WithSummary("Predict with a version, by number or label.");
    }

    // Which models the caller may use is checked by the exchange, which counts what it refuses.
    private static RouteHandlerBuilder DescribeInfer(RouteHandlerBuilder endpoint) => endpoint
        .RequireScope(Scopes.Predict)
        .Produces(StatusCodes.Status200OK, contentType: "application/json", additionalContentTypes: "application/octet-stream")
        .ProducesProblem(StatusCodes.Status400BadRequest)
        .ProducesProblem(StatusCodes.Status404NotFound)
        .ProducesProblem(StatusCodes.Status503ServiceUnavailable);
}
