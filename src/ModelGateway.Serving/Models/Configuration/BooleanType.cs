using System.Text.Json.Nodes;

namespace ModelGateway.Serving.Models.Configuration;

/// <summary><c>true</c> or <c>false</c>; the older YAML's yes, no, on and off are words and refused.</summary>
internal sealed class BooleanType : ConfigType<bool>
{
    public override string Text => "true or false";

    public override JsonObject Schema() => new() { ["type"] = "boolean" };

    public override bool TryRead(ConfigCursor at, out bool value)
    {
        var scalar = at.Node as ConfigNode.Scalar;
        value = scalar is { IsFalse: false };
        return scalar?.Kind == ConfigNode.ScalarKind.Boolean || at.Expects(Text);
    }

    public override JsonNode Write(bool value) => value;
}
