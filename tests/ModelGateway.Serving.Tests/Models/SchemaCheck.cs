using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Models.Configuration;

namespace ModelGateway.Serving.Tests.Models;

/// <summary>
/// A plain JSON Schema validator for the keywords that <see cref="ModelConfigSchema"/> uses, and no others: an unknown one fails,
/// so that the schema cannot promise what is not checked here.
/// </summary>
internal static class SchemaCheck
{
    private static readonly JsonObject Root = JsonNode.Parse(ModelConfigSchema.Generate())!.AsObject();

    /// <summary>Empty if an editor would accept the text.</summary>
    public static List<string> Faults(string yaml) =>
        ConfigNodeParser.Parse(yaml) is { } node ? [.. Check(Root, ToJson(node), "")] : [];

    private static JsonNode? ToJson(ConfigNode node) => node switch
    {
        ConfigNode.Mapping map => new JsonObject(map.Entries.Select(entry => KeyValuePair.Create(entry.Key, ToJson(entry.Value)))),
        ConfigNode.Sequence list => new JsonArray([.. list.Items.Select(ToJson)]),
        ConfigNode.Scalar { Kind: ConfigNode.ScalarKind.Text } text => text.Text,
        ConfigNode.Scalar { Kind: ConfigNode.ScalarKind.Null } => null,
        ConfigNode.Scalar { Kind: ConfigNode.ScalarKind.Boolean } flag => !flag.IsFalse,
        // JSON has no such numbers; editors take them for numbers.
        ConfigNode.Scalar number when number.Text.Contains('n', StringComparison.OrdinalIgnoreCase) => 0.5m,
        ConfigNode.Scalar number => JsonValue.Create(decimal.Parse(number.Text, System.Globalization.NumberStyles.Float, System.Globalization.CultureInfo.InvariantCulture)),
        _ => throw new InvalidOperationException(node.Describe()),
    };

    private static IEnumerable<string> Check(JsonObject schema, JsonNode? value, string path) =>
        schema.SelectMany(keyword => CheckKeyword(schema, keyword.Key, keyword.Value!, value, path));

    private static IEnumerable<string> CheckKeyword(JsonObject schema, string keyword, JsonNode rule, JsonNode? value, string path) => keyword switch
    {
        "$schema" or "title" or "description" or "default" or "$defs" => [],
        "$ref" => Check(Root["$defs"]![((string)rule!).Split('/')[^1]]!.AsObject(), value, path),
        "anyOf" => rule.AsArray().Any(option => !Check(option!.AsObject(), value, path).Any()) ? [] : [$"{path}: fits none of anyOf"],
        "enum" => rule.AsArray().Any(option => JsonNode.DeepEquals(option, value)) ? [] : [$"{path}: enum"],
        "type" => (rule as JsonArray ?? [(string)rule!]).Any(type => IsOf((string)type!, value)) ? [] : [$"{path}: type {rule}"],
        "properties" or "additionalProperties" => value is JsonObject map ? CheckProperties(schema, keyword, map, path) : [],
        "propertyNames" => value is JsonObject map ? map.SelectMany(pair => Check(rule.AsObject(), pair.Key, $"{path}.{pair.Key}")) : [],
        "items" => value is JsonArray list ? list.SelectMany((item, i) => Check(rule.AsObject(), item, $"{path}[{i}]")) : [],
        _ => CheckBound(keyword, rule, value) ? [] : [$"{path}: {keyword} {rule}"],
    };

    private static IEnumerable<string> CheckProperties(JsonObject schema, string keyword, JsonObject map, string path)
    {
        var known = schema["properties"] as JsonObject ?? [];
        return keyword == "properties"
            ? map.Where(pair => known.ContainsKey(pair.Key)).SelectMany(pair => Check(known[pair.Key]!.AsObject(), pair.Value, $"{path}.{pair.Key}"))
            : map.Where(pair => !known.ContainsKey(pair.Key)).SelectMany(pair => schema["additionalProperties"] is JsonObject rule
                ? Check(rule, pair.Value, $"{path}.{pair.Key}")
                : [$"{path}.{pair.Key}: unknown"]);
    }

    // A bound says nothing about values of another type.
    private static bool CheckBound(string keyword, JsonNode rule, JsonNode? value) => keyword switch
    {
        "required" => value is not JsonObject map || rule.AsArray().All(name => map.ContainsKey((string)name!)),
        "minProperties" => value is not JsonObject map || map.Count >= (int)rule,
        "maxProperties" => value is not JsonObject map || map.Count <= (int)rule,
        "minItems" => value is not JsonArray list || list.Count >= (int)rule,
        "maxItems" => value is not JsonArray list || list.Count <= (int)rule,
        "uniqueItems" => value is not JsonArray list || list.Select(item => item!.ToJsonString()).Distinct().Count() == list.Count,
        "minimum" => !IsOf("number", value) || (decimal)value! >= (decimal)rule,
        "maximum" => !IsOf("number", value) || (decimal)value! <= (decimal)rule,
        "minLength" => !IsOf("string", value) || ((string)value!).Length >= (int)rule,
        "maxLength" => !IsOf("string", value) || ((string)value!).Length <= (int)rule,
        "pattern" => !IsOf("string", value) || Regex.IsMatch((string)value!, (string)rule!, RegexOptions.ECMAScript),
        _ => throw new InvalidOperationException($"SchemaCheck does not know '{keyword}'."),
    };

    private static bool IsOf(string type, JsonNode? value) => type switch
    {
        "object" => value is JsonObject,
        "array" => value is JsonArray,
        "string" => value is JsonValue text && text.TryGetValue(out string? _),
        "boolean" => value is JsonValue flag && flag.TryGetValue(out bool _),
        "number" => value is JsonValue number && number.TryGetValue(out decimal _),
        "integer" => value is JsonValue number && number.TryGetValue(out decimal integer) && integer == decimal.Truncate(integer),
        _ => throw new InvalidOperationException($"SchemaCheck does not know the type '{type}'."),
    };
}
