using ModelGateway.Auth;
using ModelGateway.Observability;
using ModelGateway.OpenApi;
using ModelGateway.Platforms.Bodies;

namespace ModelGateway.Platforms;

/// <summary>The routes of Vertex AI and Azure ML, and what all platforms' routes have in common.</summary>
internal static class PlatformEndpoints
{
    public const string Tag = "Cloud platform";

    private static readonly DocumentedBody Body = new(
        "The simple dialect (inputs or instances), or a request of the Open Inference Protocol.", """{"instances": [[5.1, 3.5, 1.4, 0.2]]}""");

    /// <summary>
    /// Google Vertex AI: "Custom container requirements" of the Vertex AI documentation. Instances are answered by as many predictions;
    /// any other body, as rawPredict may send it, in its own dialect.
    /// </summary>
    public static void MapVertex(this IEndpointRouteBuilder app, PlatformSettings settings)
    {
        RouteGroupBuilder group = app.MapPlatformGroup();
        MapHealth(group, settings, "ready");
        MapPredict(group, settings, InvocationProtocol.Predictions).WithSummary("Predict: {\"instances\": [...]} is answered by {\"predictions\": [...]}.");
    }

    /// <summary>Azure Machine Learning: the routes of its own inference server, which the templates for custom containers use, too.</summary>
    public static void MapAzureMl(this IEndpointRouteBuilder app, PlatformSettings settings)
    {
        RouteGroupBuilder group = app.MapPlatformGroup();
        MapHealth(group, settings, "Healthy");
        MapPredict(group, settings, InvocationProtocol.Json).WithSummary("Predict with the deployment's model, in either dialect.");
    }

    /// <summary>A platform chooses its routes: where one of ours is the same, the platform's answers.</summary>
    public static RouteGroupBuilder MapPlatformGroup(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder group = app.MapGroup("").WithTags(Tag).WithMetadata(PlatformRoute.Instance);
        group.WithOrder(-1);
        return group;
    }

    /// <summary>What holds for every prediction.</summary>
    public static RouteHandlerBuilder AsPrediction(this RouteHandlerBuilder endpoint) =>
        endpoint.RequireScope(Scopes.Predict).WithMetadata(TimedByStages.Instance, Body).Produces(StatusCodes.Status200OK);

    private static void MapHealth(RouteGroupBuilder group, PlatformSettings settings, string text) =>
        group.MapMethods(settings.HealthRoute, ProbeEndpoints.Methods, (PlatformHealth health) => health.Answer(text))
            .AsProbe()
            .AllowAnonymous()
            .WithSummary("Whether the container takes requests: 503 while models are loaded, and where none answers.");

    private static RouteHandlerBuilder MapPredict(RouteGroupBuilder group, PlatformSettings settings, InvocationProtocol protocol) =>
        group.MapPost(
            settings.PredictRoute,
            (Delegate)((HttpContext http) =>
            {
                foreach ((string name, string value) in settings.AnswerHeaders)
                {
                    http.Response.Headers[name] = value;
                }

                return http.RequestServices.GetRequiredService<PlatformModel>().HandleAsync(http, wanted: null, protocol);
            })).AsPrediction();
}

/// <summary>Marks a platform's route.</summary>
internal sealed class PlatformRoute
{
    public static PlatformRoute Instance { get; } = new();

    private PlatformRoute()
    {
    }
}
