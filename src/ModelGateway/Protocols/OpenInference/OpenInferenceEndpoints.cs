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
    }
}
