using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.OpenApi;

/// <summary>The operation of one loaded model: its own inputs and outputs, and an example that can be sent as it stands.</summary>
internal static class ModelOperation
{
    public const string Tag = "Models";
    private const string Json = "application/json";

    // Up to a picture of 3 x 512 x 512; browsers do not cope with much larger examples.
    private const long LargestExample = 800_000;

    /// <summary>Describes the version of a model that answers who names none.</summary>
    public static OpenApiOperation Describe(ModelView model, Servable servable, OpenApiDocument document)
    {
        JsonNode? example = ExampleBody.TryWrite(servable, LargestExample) is { } body ? JsonNode.Parse(body) : null;
        return new OpenApiOperation
        {
            Tags = new HashSet<OpenApiTagReference> { new(Tag, document) },
            OperationId = $"predict-{model.Name}",
            Summary = SummaryOf(model),
            Description = DescribeModel(servable, example is not null),
            RequestBody = new OpenApiRequestBody
            {
                Required = true,
                Content = new Dictionary<string, IOpenApiMediaType> { [Json] = new OpenApiMediaType { Schema = RequestSchema(servable), Example = example } },
            },
            Responses = new OpenApiResponses
            {
                ["200"] = new OpenApiResponse
                {
                    Description = "The prediction.",
                    Content = new Dictionary<string, IOpenApiMediaType> { [Json] = new OpenApiMediaType { Schema = ResponseSchema(servable) } },
                },
            },
        };
    }

    /// <summary>Describes a model that is not in memory: what it takes shows once a request, or a look at its metadata, has had it loaded.</summary>
    public static OpenApiOperation DescribeDormant(ModelView model, OpenApiDocument document) => new()
    {
        Tags = new HashSet<OpenApiTagReference> { new(Tag, document) },
        OperationId = $"predict-{model.Name}",
        Summary = SummaryOf(model),
        Description = $"The model is not in memory and is loaded for the first request that asks for it. `GET /v2/models/{model.Name}` loads it too; then this page shows its inputs.",
        RequestBody = GenericBody.For($"predict/{model.Name}"),
        Responses = new OpenApiResponses { ["200"] = new OpenApiResponse { Description = "The prediction." } },
    };

    private static string SummaryOf(ModelView model) => string.IsNullOrWhiteSpace(model.Config.Description) ? $"Predict with {model.Name}" : model.Config.Description;

    private static OpenApiSchema RequestSchema(Servable servable)
    {
        IReadOnlyList<TensorSpec> inputs = servable.Signature.Inputs;
        return new OpenApiSchema
        {
            Type = JsonSchemaType.Object,
            Required = new HashSet<string> { "inputs" },
            Properties = new Dictionary<string, IOpenApiSchema>
            {
                ["inputs"] = new OpenApiSchema
                {
                    Type = JsonSchemaType.Object,
                    Properties = inputs.ToDictionary(
                        input => input.Name, IOpenApiSchema (input) => TensorSchemas.OfInput(input, servable.Config.Limits.MaxBatchSize), StringComparer.Ordinal),
                    Required = inputs.Where(input => !input.Optional).Select(input => input.Name).ToHashSet(StringComparer.Ordinal),
                    AdditionalPropertiesAllowed = false,
                },
                ["outputs"] = new OpenApiSchema
                {
                    Type = JsonSchemaType.Array,
                    Description = "The outputs to answer with. Default: all.",
                    Items = new OpenApiSchema
                    {
                        Type = JsonSchemaType.String,
                        Enum = [.. servable.Signature.Outputs.Select(JsonNode (output) => output.Name)],
                    },
                },
            },
        };
    }

    private static OpenApiSchema ResponseSchema(Servable servable) => new()
    {
        Type = JsonSchemaType.Object,
        Required = new HashSet<string> { "model", "version", "outputs" },
        Properties = new Dictionary<string, IOpenApiSchema>
        {
            ["model"] = new OpenApiSchema { Type = JsonSchemaType.String },
            ["version"] = new OpenApiSchema { Type = JsonSchemaType.String },
            ["outputs"] = new OpenApiSchema
            {
                Type = JsonSchemaType.Object,
                Properties = servable.Signature.Outputs.ToDictionary(
                    output => output.Name, IOpenApiSchema (output) => TensorSchemas.OfOutput(output, servable.ClassLabels.GetValueOrDefault(output.Name)), StringComparer.Ordinal),
            },
        },
    };

    private static string DescribeModel(Servable servable, bool hasExample)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"Version {servable.Id.Version}");
        AppendFact(text, "made by", servable.Metadata.Producer);
        text.Append(CultureInfo.InvariantCulture, $", SHA-256 `{servable.Digest}`.");
        if (!string.IsNullOrWhiteSpace(servable.Metadata.Description))
        {
            text.Append("\n\n").Append(servable.Metadata.Description);
        }

        text.Append(CultureInfo.InvariantCulture, $"\n\nOther versions answer under `/predict/{servable.Id.Model}/versions/{{version}}`, the Open Inference Protocol under `/v2/models/{servable.Id.Model}`.");
        if (!hasExample)
        {
            text.Append("\n\nThe example is made from the types alone, because none is known to work: warm-up inputs in `model.yaml` would be shown here.");
        }

        return text.ToString();
    }

    private static void AppendFact(StringBuilder text, string what, string fact)
    {
        if (!string.IsNullOrWhiteSpace(fact))
        {
            text.Append(", ").Append(what).Append(' ').Append(fact);
        }
    }
}
