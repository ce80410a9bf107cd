using System.Net.Http.Headers;
using ModelGateway.Audit;
using ModelGateway.Auth;
using ModelGateway.Observability;
using ModelGateway.Platforms.Bodies;
using ModelGateway.Protocols;
using ModelGateway.Protocols.OpenInference;
using ModelGateway.Serving.Models;

namespace ModelGateway.Platforms.SageMaker;

/// <summary>
/// Amazon SageMaker's contract for containers: "Custom Inference Code with Hosting Services" and "Custom Containers Contract for Multi-Model
/// Endpoints" of the SageMaker AI developer guide.
/// </summary>
internal static class SageMakerEndpoints
{
    private const string CustomAttributes = "X-Amzn-SageMaker-Custom-Attributes";
    private const string TargetModel = "X-Amzn-SageMaker-Target-Model";
    private const string ArchiveSuffix = ".tar.gz";

    // What SageMaker documents for the header.
    private const int LongestAttributes = 1024;

    public static void MapSageMaker(this IEndpointRouteBuilder app, PlatformSettings settings)
    {
        RouteGroupBuilder group = app.MapPlatformGroup();
        group.MapMethods(settings.HealthRoute, ProbeEndpoints.Methods, static (PlatformHealth health) => health.Answer(""))
            .AsProbe()
            .AllowAnonymous()
            .WithSummary("Whether the container takes requests, with an empty body.");
        group.MapPost(settings.PredictRoute, (Delegate)InvokeAsync)
            .AsPrediction()
            .WithSummary("Predict with the container's model: application/json in either dialect, or text/csv.");
        if (settings.IsMultiModel)
        {
            MapModels(group.MapGroup("/models"));
        }
    }

    // The name is none of the routes' own {model}: answers that are found by path alone would miss the headers here.
    private static void MapModels(RouteGroupBuilder models)
    {
        models.MapPost("", static (HttpContext http, MultiModelAnswers answers) => answers.LoadAsync(http))
            .RequireScope(Scopes.Manage)
            .Audited("model.load")
            .WithMetadata(new OpenApi.DocumentedBody("A name, and the folder with the model's files.", """{"model_name": "iris", "url": "/opt/ml/models/iris/model"}"""))
            .WithSummary("Load a model and wait until it answers: 409 where it is loaded already, 507 where the memory budget has no room for it.")
            .Produces<ModelAnswer>()
            .ProducesProblem(StatusCodes.Status409Conflict)
            .ProducesProblem(StatusCodes.Status507InsufficientStorage);
        models.MapGet("", static (HttpContext http, MultiModelAnswers answers) => answers.List(http))
            .RequireScope(Scopes.Read)
            .WithSummary("The loaded models, a page at a time (query next_page_token).")
            .Produces<ModelPage>();
        models.MapGet("/{name}", static (HttpContext http, string name, MultiModelAnswers answers) => answers.Get(http, name))
            .RequireScope(Scopes.Read)
            .WithSummary("A loaded model.")
            .Produces<ModelAnswer>()
            .ProducesProblem(StatusCodes.Status404NotFound);
        models.MapDelete("/{name}", static (HttpContext http, string name, MultiModelAnswers answers) => answers.UnloadAsync(http, name))
            .RequireScope(Scopes.Manage)
            .Audited("model.unload")
            .WithSummary("Unload a model and wait until its memory is free.")
            .Produces(StatusCodes.Status200OK)
            .ProducesProblem(StatusCodes.Status404NotFound);
        models.MapPost("/{name}/invoke", (Delegate)InvokeModelAsync)
            .AsPrediction()
            .WithSummary("Predict with a loaded model.");
    }

    private static Task InvokeAsync(HttpContext http)
    {
        SetAttributes(http);
        return http.RequestServices.GetRequiredService<PlatformModel>().HandleAsync(http, Target(http.Request), ProtocolOf(http));
    }

    private static Task InvokeModelAsync(HttpContext http)
    {
        SetAttributes(http);
        string name = (string)http.Request.RouteValues["name"]!;
        if (http.RequestServices.GetRequiredService<MultiModelAnswers>().Refuse(name) is { } refusal)
        {
            return refusal.ExecuteAsync(http);
        }

        RequestModel.Set(http, name);
        return http.RequestServices.GetRequiredService<PredictExchange>().HandleAsync(http, new ModelSpec(name), ProtocolOf(http));
    }

    // They come back as they came: SageMaker hands them to the caller only where the container says so.
    private static void SetAttributes(HttpContext http)
    {
        string? attributes = http.Request.Headers[CustomAttributes];
        if (attributes is { Length: > 0 and <= LongestAttributes } && attributes.All(static character => character is >= ' ' and <= '~'))
        {
            http.Response.Headers[CustomAttributes] = attributes;
        }
    }

    // The name of an archive is that of its model.
    private static ModelSpec? Target(HttpRequest request)
    {
        string target = request.Headers[TargetModel].ToString();
        target = target.EndsWith(ArchiveSuffix, StringComparison.Ordinal) ? target[..^ArchiveSuffix.Length] : target;
        return target.Length == 0 ? null : new ModelSpec(target.TrimStart('/'));
    }

    private static InvocationProtocol ProtocolOf(HttpContext http)
    {
        string? contentType = http.Request.ContentType;
        if (TritonBinary.TryReadHeader(contentType, out string? jsonLength))
        {
            http.Request.Headers[InferenceHeader.Name] = jsonLength;
            return InvocationProtocol.TritonBinary;
        }

        bool isCsv = IsCsv(contentType);
        bool wantsCsv = http.Request.Headers.Accept is { Count: > 0 } accept ? IsCsv(accept[0]) : isCsv;
        return isCsv ? (wantsCsv ? InvocationProtocol.CsvToCsv : InvocationProtocol.CsvToJson) : wantsCsv ? InvocationProtocol.JsonToCsv : InvocationProtocol.Json;
    }

    private static bool IsCsv(string? mediaType) =>
        mediaType is not null
        && MediaTypeHeaderValue.TryParse(mediaType.Split(',')[0], out MediaTypeHeaderValue? parsed)
        && string.Equals(parsed.MediaType, CsvRequest.MediaType, StringComparison.OrdinalIgnoreCase);
}
