using ModelGateway.Audit;
using ModelGateway.Auth;
using ModelGateway.Protocols;
using ModelGateway.Protocols.OpenInference;
using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;

namespace ModelGateway.Admin;

/// <summary>Forgets remembered answers by request.</summary>
internal static class CacheEndpoints
{
    public static void MapCache(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder group = app.MapGroup("/v2/models").WithTags("Operations").RequireScope(Scopes.Manage).AddEndpointFilter(ModelAccessFilter.Instance);
        Describe(
            group.MapDelete("/{model}/cache", static (string model, HttpContext http, ServableManager manager, PredictionCache cache, ModelAccess access) =>
                PurgeAsync(http, new ModelSpec(model), manager, cache, access)),
            "Forget all remembered answers of a model, in every replica.");
        Describe(
            group.MapDelete("/{model}/versions/{version}/cache", static (string model, string version, HttpContext http, ServableManager manager, PredictionCache cache, ModelAccess access) =>
                PurgeAsync(http, ModelSpec.Parse(model, version), manager, cache, access)),
            "Forget all remembered answers of a version, by number or label, in every replica.");
    }

    private static void Describe(RouteHandlerBuilder endpoint, string summary) => endpoint
        .Audited("cache.purge")
        .WithSummary(summary)
        .WithDescription("204 when it is done here and all replicas are told: at once with Redis, within five seconds with Memcached. 202 when it is done here and the shared store could not be told: it is told as soon as it answers.")
        .Produces(StatusCodes.Status204NoContent)
        .Produces<PurgeAnswer>(StatusCodes.Status202Accepted)
        .ProducesProblem(StatusCodes.Status404NotFound);

    private static async Task<IResult> PurgeAsync(HttpContext http, ModelSpec spec, ServableManager manager, PredictionCache cache, ModelAccess access)
    {
        if (manager.Find(spec.Model) is not { } model)
        {
            return new ProblemResult(manager.Check(spec, access.Filter(http)) ?? new PredictError(PredictErrorKind.UnknownModel, $"There is no model '{spec.Model}'."));
        }

        // Any version that is known, whether it answers now or not.
        long? version = spec.Version ?? (spec.Label is { } label && model.Labels.TryGetValue(label, out long labelled) ? labelled : null);
        if ((spec.Version is not null || spec.Label is not null) && !model.Versions.Any(known => known.Id.Version == version))
        {
            return new ProblemResult(manager.Check(spec, access.Filter(http)) ?? new PredictError(PredictErrorKind.UnknownVersion, $"The model '{spec.Model}' has no such version."));
        }

        return await cache.PurgeAsync(spec.Model, version)
            ? TypedResults.NoContent()
            : TypedResults.Json(
                new PurgeAnswer("The answers are forgotten here. The shared store does not answer; other replicas are told as soon as it does."), statusCode: StatusCodes.Status202Accepted);
    }

    /// <param name="Detail">What is done and what is not yet.</param>
    internal sealed record PurgeAnswer(string Detail);
}
