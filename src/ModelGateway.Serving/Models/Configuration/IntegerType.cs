using System.Globalization;
using System.Text.Json.Nodes;

namespace ModelGateway.Serving.Models.Configuration;

/// <summary>A whole number in a range.</summary>
internal sealed class IntegerType(long min, long max = long.MaxValue) : ConfigType<long>
{
    public override string Text { get; } = max == long.MaxValue
        ? string.Create(CultureInfo.InvariantCulture, $"an integer from {min}")
        : string.Create(CultureInfo.InvariantCulture, $"an integer from {min} to {max}");

    public override JsonObject Schema()
    {
        var schema = new JsonObject { ["type"] = "integer", ["minimum"] = min };
        if (max < long.MaxValue)
        {
            // Beyond 2^53 a schema's numbers are not exact in an editor, and 2^63 is no bound to show.
            schema["maximum"] = max;
        }

        return schema;
    }

    public override bool TryRead(ConfigCursor at, out long value)
    {
        value = 0;
        return (at.Node is ConfigNode.Scalar { IsPlain: true } scalar
                && long.TryParse(scalar.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value)
                && value >= min && value <= max)
            || at.Expects(Text);
    }

    public override JsonNode Write(long value) => value;
}
