using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json.Nodes;

namespace ModelGateway.Serving.Models.Configuration;

/// <summary>Free text. A number or a boolean is taken as it is written: nobody should have to quote the class label 7.</summary>
internal sealed class TextType(string text, int longest) : ConfigType<string>
{
    public override string Text => text;

    public override JsonObject Schema() => new()
    {
        ["type"] = new JsonArray("string", "number", "boolean"),
        ["minLength"] = 1,
        ["maxLength"] = longest,
    };

    public override bool TryRead(ConfigCursor at, [MaybeNullWhen(false)] out string value)
    {
        value = at.Node is ConfigNode.Scalar { Kind: not ConfigNode.ScalarKind.Null } scalar ? scalar.Text : "";
        return value.Length == 0 ? at.Expects(text)
            : value.Length <= longest || at.Fail(string.Create(CultureInfo.InvariantCulture, $"expects {text}, but got {value.Length} characters"));
    }

    public override JsonNode Write(string value) => value;
}
