using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.OpenApi;

/// <summary>The bodies of the predictions whose model is not known while the document is written, and of those that describe themselves.</summary>
internal static class GenericBody
{
    /// <summary>The native dialect for paths below <c>/predict</c>, otherwise the Open Inference Protocol.</summary>
    public static OpenApiRequestBody For(string path) => new()
    {
        Required = true,
        Content = new Dictionary<string, IOpenApiMediaType>
        {
            ["application/json"] = new OpenApiMediaType
            {
                Schema = path.StartsWith("predict", StringComparison.Ordinal) ? Native(modelInBody: path == "predict") : OpenInference(),
            },
        },
    };

    /// <summary>The body of an endpoint that describes it by itself; it may be left out.</summary>
    public static OpenApiRequestBody For(DocumentedBody body) => new()
    {
        Description = body.Description,
        Content = new Dictionary<string, IOpenApiMediaType>
        {
            ["application/json"] = new OpenApiMediaType { Schema = new OpenApiSchema(), Example = JsonNode.Parse(body.Example) },
        },
    };

    private static OpenApiSchema Native(bool modelInBody)
    {
        var properties = new Dictionary<string, IOpenApiSchema>
        {
            ["inputs"] = Described("An object of input name and nested array; the bare array where the model has one input."),
            ["instances"] = Described("In place of inputs: an array of rows, each a bare value or an object of input name and value.", JsonSchemaType.Array, new OpenApiSchema()),
            ["outputs"] = Described("The outputs to answer with. Default: all.", JsonSchemaType.Array, new OpenApiSchema { Type = JsonSchemaType.String }),
            ["parameters"] = Described("'timeout': the longest time for waiting and running, in microseconds.", JsonSchemaType.Object),
        };
        if (modelInBody)
        {
            properties["model"] = Described("The model.", JsonSchemaType.String);
            properties["version"] = Described("A version number or a label. Default: the newest version that is ready.", JsonSchemaType.String);
        }

        return new OpenApiSchema
        {
            Type = JsonSchemaType.Object,
            Properties = properties,
            Required = new HashSet<string>(modelInBody ? ["model"] : []),
        };
    }

    private static OpenApiSchema OpenInference()
    {
        var input = new OpenApiSchema
        {
            Type = JsonSchemaType.Object,
            Required = new HashSet<string> { "name", "shape", "datatype" },
            Properties = new Dictionary<string, IOpenApiSchema>
            {
                ["name"] = Described("The input.", JsonSchemaType.String),
                ["shape"] = Described("Its dimensions.", JsonSchemaType.Array, new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int64" }),
                ["datatype"] = new OpenApiSchema { Type = JsonSchemaType.String, Enum = [.. TensorTypes.AllNames.Select(JsonNode (name) => name)] },
                ["data"] = Described("Its elements in row-major order, flat or nested; in place of it the parameter 'binary_data_size' and bytes behind the JSON.", JsonSchemaType.Array, new OpenApiSchema()),
                ["parameters"] = new OpenApiSchema { Type = JsonSchemaType.Object },
            },
        };
        return new OpenApiSchema
        {
            Type = JsonSchemaType.Object,
            Required = new HashSet<string> { "inputs" },
            Properties = new Dictionary<string, IOpenApiSchema>
            {
                ["id"] = Described("Comes back with the answer.", JsonSchemaType.String),
                ["inputs"] = new OpenApiSchema { Type = JsonSchemaType.Array, Items = input },
                ["outputs"] = Described("The outputs to answer with, each with its name. Default: all.", JsonSchemaType.Array, new OpenApiSchema { Type = JsonSchemaType.Object }),
                ["parameters"] = new OpenApiSchema { Type = JsonSchemaType.Object },
            },
        };
    }

    private static OpenApiSchema Described(string description, JsonSchemaType? type = null, OpenApiSchema? items = null) =>
        new() { Type = type, Description = description, Items = items };
}
