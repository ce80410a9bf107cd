using System.Text.Json;
using ModelGateway.Protocols.Json;

namespace ModelGateway.Platforms.Bodies;

/// <summary>Which form a JSON body has.</summary>
internal enum BodyDialect
{
    /// <summary>The simple dialect with <c>inputs</c>, or something that its reader refuses.</summary>
    Inputs,

    /// <summary>The simple dialect with <c>instances</c>.</summary>
    Instances,

    /// <summary>The Open Inference Protocol: <c>inputs</c> is a list of objects that describe tensors.</summary>
    OpenInference,
}

/// <summary>Tells the forms apart by as little of the body as can be.</summary>
internal static class BodyDialects
{
    /// <summary>Reads no further than to the first input or instance.</summary>
    public static BodyDialect Find(ReadOnlySpan<byte> body)
    {
        ReadOnlySpan<byte> mark = [0xEF, 0xBB, 0xBF];
        var reader = new Utf8JsonReader(body.StartsWith(mark) ? body[mark.Length..] : body, new JsonReaderOptions { MaxDepth = JsonText.MaxDepth });
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return BodyDialect.Inputs;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals("instances"u8))
                {
                    return BodyDialect.Instances;
                }

                bool isInputs = reader.ValueTextEquals("inputs"u8);
                reader.Read();
                if (isInputs)
                {
                    return DescribesTensor(ref reader) ? BodyDialect.OpenInference : BodyDialect.Inputs;
                }

                reader.Skip();
            }
        }
        catch (JsonException)
        {
            // Whoever reads it next says what is wrong with it.
        }

        return BodyDialect.Inputs;
    }

    // The one object that may stand in an array of the simple dialect is {"b64": "..."}.
    private static bool DescribesTensor(ref Utf8JsonReader reader) =>
        reader.TokenType == JsonTokenType.StartArray
        && reader.Read() && reader.TokenType == JsonTokenType.StartObject
        && reader.Read() && reader.TokenType == JsonTokenType.PropertyName
        && (reader.ValueTextEquals("name"u8) || reader.ValueTextEquals("shape"u8) || reader.ValueTextEquals("datatype"u8)
            || reader.ValueTextEquals("data"u8) || reader.ValueTextEquals("parameters"u8));
}
