using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using ModelGateway.Serving.Models.Configuration;

namespace ModelGateway.Serving.Models;

/// <summary>The JSON Schema (draft 2020-12) of <c>model.yaml</c>, by which editors complete and check the file.</summary>
public static class ModelConfigSchema
{
    // Relaxed: quotes and plus signs of the descriptions stay readable; nobody puts the schema into HTML.
    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>
    /// The schema's text, the same on every machine. What it cannot say (the range of a size with a unit, that nested lists
    /// must not be ragged) only <see cref="ModelConfigReader"/> refuses; it never refuses what the reader accepts.
    /// </summary>
    public static string Generate()
    {
        var schema = new JsonObject
        {
            ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
            ["title"] = "model.yaml of ModelGateway",
            ["description"] = "Settings of one model; all keys may be left out. Generated from the code.",
        };
        foreach ((string key, JsonNode? value) in ModelConfigKeys.File.Schema())
        {
            schema[key] = value?.DeepClone();
        }

        schema["$defs"] = new JsonObject { [WarmupInputType.LiteralName] = WarmupInputType.LiteralSchema() };
        return schema.ToJsonString(Indented) + "\n";
    }
}
