using System.Text.Json;

namespace ModelGateway.Protocols.Json;

/// <summary>What a JSON value is called in a message, with its article.</summary>
internal static class JsonKinds
{
    public const string Object = "an object";
    public const string String = "a string";
    private const string NonFinite = "a non-finite number";

    /// <summary>The kind of the value whose first token, or for an object or an array also its last, is under the reader.</summary>
    public static string Of(in Utf8JsonReader reader, JsonText text) => reader.TokenType switch
    {
        JsonTokenType.StartObject or JsonTokenType.EndObject => Object,
        JsonTokenType.StartArray or JsonTokenType.EndArray => "an array",
        JsonTokenType.String => text.IsBareToken(reader, out _) ? NonFinite : String,
        JsonTokenType.Number => "a number",
        JsonTokenType.True or JsonTokenType.False => "a boolean",
        _ => "null",
    };
}
