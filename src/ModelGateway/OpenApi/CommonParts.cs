using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Microsoft.OpenApi;
using ModelGateway.Auth;
using ModelGateway.Limits;
using ModelGateway.Observability;
using ModelGateway.Protocols;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace ModelGateway.OpenApi;

/// <summary>What holds for every operation: errors have one shape, a scope asks for a token, and what stands in a path is a parameter.</summary>
internal sealed class CommonParts(IOptions<GatewayOptions> options) : IOperationFilter
{
    public const string Bearer = "bearer";
    private const string ProblemJson = "application/problem+json";

    private static readonly (string Name, string Description)[] PredictionHeaders =
    [
        (RequestTimeout.Header, "How long the caller is willing to wait: `250ms`, `2s`, or seconds such as `1.5`. Who would have to wait longer is refused at once (429); what comes too late is answered 504."),
        (RequestTimeout.GrpcHeader, "The same as gRPC writes it: `250m`, `2S`. The shorter of the two counts."),
        (HeaderNames.CacheControl, "`no-cache` runs the model, `no-store` also keeps nothing, `max-age=60` takes no older answer, `only-if-cached` runs nothing."),
        (RequestIds.Header, "The request's id in the answer, the log and traces. Default: a new one."),
    ];

    private readonly bool _asksForTokens = options.Value.Auth.Enabled;
    private readonly bool _isLimited = options.Value.RateLimits.IsOn;

    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        // Made from the type that is really written; operations refer to it by name.
        context.SchemaGenerator.GenerateSchema(typeof(Problems.Problem), context.SchemaRepository);
        AddPathParameters(operation, context.ApiDescription.RelativePath ?? "");
        string? scope = context.ApiDescription.ActionDescriptor.EndpointMetadata.OfType<RequiredScope>().LastOrDefault()?.Scope;
        if (context.ApiDescription.HttpMethod == HttpMethods.Post && scope == Scopes.Predict)
        {
            operation.RequestBody ??= GenericBody.For(context.ApiDescription.RelativePath ?? "");
        }

        if (context.ApiDescription.ActionDescriptor.EndpointMetadata.OfType<DocumentedBody>().LastOrDefault() is { } body)
        {
            operation.RequestBody = GenericBody.For(body);
        }

        Add(operation, context.Document, scope);
    }

    /// <summary>Adds the errors and, for an operation with a scope, the token.</summary>
    public void Add(OpenApiOperation operation, OpenApiDocument document, string? scope)
    {
        operation.Responses ??= [];
        foreach (IOpenApiResponse response in operation.Responses.Values)
        {
            if (response.Content?.ContainsKey(ProblemJson) == true)
            {
                response.Content[ProblemJson] = Problem(document);
            }
        }

        if (scope is null)
        {
            return;
        }

        if (scope == Scopes.Predict)
        {
            AddHeaders(operation);
        }

        if (_asksForTokens)
        {
            AddError(operation, document, "401", "No token, or one that is not accepted.");
            AddError(operation, document, "403", "The token lacks the scope, or is not for this model.");
            operation.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(Bearer, document)] = [] }];
            operation.Description = $"{operation.Description}\n\nNeeds a token with the scope `{scope}`.".TrimStart();
        }

        if (_isLimited || scope == Scopes.Predict)
        {
            AddTooMany(operation, document);
        }

        AddError(operation, document, "4XX", "The request cannot be answered as it is; the problem says why.");
        AddError(operation, document, "5XX", "The server cannot answer now.");
        var sorted = new OpenApiResponses();
        foreach ((string status, IOpenApiResponse response) in operation.Responses.OrderBy(response => response.Key, StringComparer.Ordinal))
        {
            sorted.Add(status, response);
        }

        operation.Responses = sorted;
    }

    private void AddTooMany(OpenApiOperation operation, OpenApiDocument document)
    {
        AddError(operation, document, "429", _isLimited ? "The caller or the model had its share of requests, or too many wait for the model." : "Too many requests wait for the model.");
        if (operation.Responses!["429"] is not OpenApiResponse response)
        {
            return;
        }

        response.Headers = new Dictionary<string, IOpenApiHeader> { ["Retry-After"] = Header("Seconds until another request may be answered.", JsonSchemaType.Integer) };
        if (_isLimited)
        {
            response.Headers[RateLimits.PolicyHeader] = Header("The limits: requests at once (q), which come again within a window in seconds (w).", JsonSchemaType.String);
            response.Headers[RateLimits.LimitHeader] = Header("What is left: requests (r), and seconds until more are there (t).", JsonSchemaType.String);
        }
    }

    // What every prediction takes, whatever its dialect.
    private static void AddHeaders(OpenApiOperation operation)
    {
        operation.Parameters ??= [];
        foreach ((string name, string description) in PredictionHeaders)
        {
            operation.Parameters.Add(new OpenApiParameter
            {
                Name = name,
                In = ParameterLocation.Header,
                Description = description,
                Schema = new OpenApiSchema { Type = JsonSchemaType.String },
            });
        }
    }

    private static OpenApiHeader Header(string description, JsonSchemaType type) => new() { Description = description, Schema = new OpenApiSchema { Type = type } };

    private static void AddError(OpenApiOperation operation, OpenApiDocument document, string status, string description) =>
        operation.Responses!.TryAdd(status, new OpenApiResponse
        {
            Description = description,
            Content = new Dictionary<string, IOpenApiMediaType> { [ProblemJson] = Problem(document) },
        });

    private static OpenApiMediaType Problem(OpenApiDocument document) => new() { Schema = new OpenApiSchemaReference(nameof(Problems.Problem), document) };

    // Handlers that take the request as a whole do not tell the explorer what stands in their path.
    private static void AddPathParameters(OpenApiOperation operation, string path)
    {
        operation.Parameters ??= [];
        foreach (string name in path.Split('/').Where(part => part.StartsWith('{') && part.EndsWith('}')).Select(part => part[1..^1]))
        {
            if (operation.Parameters.All(parameter => parameter.Name != name))
            {
                operation.Parameters.Add(new OpenApiParameter
                {
                    Name = name,
                    In = ParameterLocation.Path,
                    Required = true,
                    Schema = new OpenApiSchema { Type = JsonSchemaType.String },
                });
            }
        }
    }
}
