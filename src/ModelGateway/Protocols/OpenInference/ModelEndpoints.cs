using ModelGateway.Auth;
using ModelGateway.Serving.Models;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>What the protocol says of models: which there are, metadata, readiness, configuration, statistics.</summary>
internal static class ModelEndpoints
{
    private const string Model = "/{model}";
    private const string Version = "/{model}/versions/{version}";

    // Every question is asked of a model or of one of its versions: two routes, one answer.
    public static void MapModels(this RouteGroupBuilder root)
    {
        RouteGroupBuilder group = root.MapGroup("/models").RequireScope(Scopes.Read).AddEndpointFilter(ModelAccessFilter.Instance);
        group.MapGet("", static (HttpContext http, ModelAnswers answers) => answers.List(http))
            .WithSummary("The names of all models that the caller may use.")
            .Produces<ModelListAnswer>();
        MapMetadata(group);
        MapReady(group);
        MapConfiguration(group);
        MapStatistics(group);
    }

    private static void MapMetadata(RouteGroupBuilder group)
    {
        Describe<ModelMetadataAnswer>(
            group.MapGet(Model, static (HttpContext http, string model, ModelAnswers answers) => answers.MetadataAsync(http, new ModelSpec(model))),
            "Inputs, outputs and origin of the newest ready version; one that is loaded on demand is loaded for it.");
        Describe<ModelMetadataAnswer>(
            group.MapGet(Version, static (HttpContext http, string model, string version, ModelAnswers answers) => answers.MetadataAsync(http, ModelSpec.Parse(model, version))),
            "Inputs, outputs and origin of a version, by number or label.");
    }

    private static void MapReady(RouteGroupBuilder group)
    {
        Describe<ModelReadyAnswer>(
            group.MapGet(Model + "/ready", static (HttpContext http, string model, ModelAnswers answers) => answers.Ready(http, new ModelSpec(model))),
            "Whether any version answers, be it that it is loaded first; 503 if not.").Produces<ModelReadyAnswer>(StatusCodes.Status503ServiceUnavailable);
        Describe<ModelReadyAnswer>(
            group.MapGet(Version + "/ready", static (HttpContext http, string model, string version, ModelAnswers answers) => answers.Ready(http, ModelSpec.Parse(model, version))),
            "Whether a version answers, by number or label; 503 if not.").Produces<ModelReadyAnswer>(StatusCodes.Status503ServiceUnavailable);
    }

    private static void MapConfiguration(RouteGroupBuilder group)
    {
        Describe<ModelConfigAnswer>(
            group.MapGet(Model + "/config", static (HttpContext http, string model, ModelAnswers answers) => answers.ConfigurationAsync(http, new ModelSpec(model))),
            "Configuration of the newest ready version, in Triton's words.");
        Describe<ModelConfigAnswer>(
            group.MapGet(Version + "/config", static (HttpContext http, string model, string version, ModelAnswers answers) => answers.ConfigurationAsync(http, ModelSpec.Parse(model, version))),
            "Configuration of a version, by number or label, in Triton's words.");
    }

    private static void MapStatistics(RouteGroupBuilder group)
    {
        group.MapGet("/stats", static (HttpContext http, ModelAnswers answers) => answers.AllStatistics(http))
            .WithSummary("Statistics of every loaded version.")
            .Produces<StatisticsAnswer>();
        Describe<StatisticsAnswer>(
            group.MapGet(Model + "/stats", static (HttpContext http, string model, ModelAnswers answers) => answers.Statistics(http, new ModelSpec(model))),
            "Statistics of all loaded versions of a model.");
        Describe<StatisticsAnswer>(
            group.MapGet(Version + "/stats", static (HttpContext http, string model, string version, ModelAnswers answers) => answers.Statistics(http, ModelSpec.Parse(model, version))),
            "Statistics of a version, by number or label.");
    }

    private static RouteHandlerBuilder Describe<TAnswer>(RouteHandlerBuilder endpoint, string summary) =>
        endpoint.WithSummary(summary).Produces<TAnswer>().ProducesProblem(StatusCodes.Status404NotFound);
}
