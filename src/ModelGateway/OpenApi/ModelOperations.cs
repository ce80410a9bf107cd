using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;
using ModelGateway.Auth;
using ModelGateway.Observability;
using ModelGateway.Serving.Lifecycle;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace ModelGateway.OpenApi;

/// <summary>Puts one operation a loaded model before those that are the same for all: the document changes as models come and go.</summary>
internal sealed class ModelOperations(ServableManager manager, IOptions<GatewayOptions> options) : IDocumentFilter
{
    // What predictions need stands before what runs the server; tags that are not in the list come first.
    private static readonly string[] TagOrder = ["Predict", "Open Inference Protocol", "Cloud platform", "Operations", "Health"];

    public void Apply(OpenApiDocument swaggerDoc, DocumentFilterContext context)
    {
        // The caller sees the models that its token is for; without a token the page is open and shows all.
        Func<string, bool>? mayUse = CurrentRequest.Http is { } http ? TokenGrant.Of(http)?.Models : null;
        var common = new CommonParts(options);
        var paths = new OpenApiPaths();
        foreach (ModelView model in manager.Snapshot().Models.Values.OrderBy(model => model.Name, StringComparer.Ordinal))
        {
            if (model.Default is { } version && mayUse?.Invoke(model.Name) != false)
            {
                OpenApiOperation operation = version.Servable is { } servable
                    ? ModelOperation.Describe(model, servable, swaggerDoc)
                    : ModelOperation.DescribeDormant(model, swaggerDoc);
                common.Add(operation, swaggerDoc, Scopes.Predict);
                paths[$"/predict/{model.Name}"] = new OpenApiPathItem { Operations = new() { [HttpMethod.Post] = operation } };
            }
        }

        foreach ((string path, IOpenApiPathItem item) in swaggerDoc.Paths)
        {
            paths[path] = item;
        }

        swaggerDoc.Paths = paths;

        // The framework's own shape of errors, which endpoints announce and nobody refers to any more.
        swaggerDoc.Components?.Schemas?.Remove(nameof(ProblemDetails));
        var models = new OpenApiTag { Name = ModelOperation.Tag, Description = "The models that answer, each with its own inputs and outputs as far as it is loaded now." };
        IEnumerable<OpenApiTag> others = (swaggerDoc.Tags ?? new HashSet<OpenApiTag>()).OrderBy(tag => Array.IndexOf(TagOrder, tag.Name));
        swaggerDoc.Tags = new HashSet<OpenApiTag>([models, .. others]);
    }
}
