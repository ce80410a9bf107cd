using ModelGateway.Audit;
using ModelGateway.Auth;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>The model repository extension: what there is, load, unload.</summary>
internal static class RepositoryEndpoints
{
    public static void MapRepository(this RouteGroupBuilder root)
    {
        RouteGroupBuilder group = root.MapGroup("/repository").AddEndpointFilter(ModelAccessFilter.Instance);
        group.MapPost("/index", static (HttpContext http, RepositoryAnswers answers) => answers.IndexAsync(http))
            .RequireScope(Scopes.Read)
            .WithSummary("Every version of every model that the caller may use, with its state; {\"ready\": true} for those that answer only.")
            .WithDescription(
                "`source` is where the files lie. `digest` is one SHA-256 over them, the manifest and its signature left out: of what is in memory, or else of what "
                + "would be loaded. It is known from the version's manifest.json, from the repository's index.json, or because the version was fetched before; "
                + "it is left out where only a download would tell it.")
            .Produces<IReadOnlyList<RepositoryIndexAnswer>>()
            .ProducesProblem(StatusCodes.Status400BadRequest);
        group.MapPost("/models/{model}/load", static (HttpContext http, string model, RepositoryAnswers answers) => answers.LoadAsync(http, model))
            .RequireScope(Scopes.Manage)
            .Audited("model.load")
            .WithSummary("Load a model, or load it anew, and wait until it answers. The parameter config takes the place of its model.yaml.")
            .Produces(StatusCodes.Status200OK)
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status404NotFound);
        group.MapPost("/models/{model}/unload", static (HttpContext http, string model, RepositoryAnswers answers) => answers.UnloadAsync(http, model))
            .RequireScope(Scopes.Manage)
            .Audited("model.unload")
            .WithSummary("Unload a model, wait until its memory is free, and keep it out until it is loaded by request.")
            .Produces(StatusCodes.Status200OK)
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status404NotFound);
    }
}
