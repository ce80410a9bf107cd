using System.Text.Json;
using ModelGateway.Protocols.Json;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>The parameters of an output that is asked for; unknown ones are passed over.</summary>
/// <param name="IsBinary">Binary or JSON; null where it does not say.</param>
/// <param name="Classes">The classification extension's number of classes; 0 for the tensor itself.</param>
internal readonly record struct OutputOptions(bool? IsBinary, int Classes)
{
    /// <summary>Reads the object under the reader; faults name the output by its place, since its name may be yet to come.</summary>
    public static OutputOptions Read(ref Utf8JsonReader reader, InferReading reading, int index)
    {
        var options = default(OutputOptions);
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reading.Faults.Add(
                $"outputs[{index}]", $"The 'parameters' of outputs[{index}] must be an object, but they are {reading.KindOf(reader)}.", "an object", reading.KindOf(reader));
            return options;
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            options = ReadParameter(ref reader, reading, index, options);
            reader.Skip();
        }

        return options;
    }

    private static OutputOptions ReadParameter(ref Utf8JsonReader reader, InferReading reading, int index, OutputOptions options)
    {
        string name = JsonName.TryRead(reader, out JsonName key) ? key.ToString() : "";
        reader.Read();
        switch (name)
        {
            case "binary_data" when reader.TokenType is JsonTokenType.True or JsonTokenType.False:
                return options with { IsBinary = reader.TokenType == JsonTokenType.True };
            case "classification" when InferReading.TryReadCount(reader, out long classes):
                return options with { Classes = (int)Math.Min(classes, int.MaxValue) };
            case "binary_data" or "classification":
                string expected = name == "binary_data" ? "true or false" : "a whole number of 0 or more";
                reading.Faults.Add($"outputs[{index}]", $"The parameter '{name}' of outputs[{index}] must be {expected}, but it is {reading.KindOf(reader)}.", expected, reading.KindOf(reader));
                break;
            case "shared_memory_region":
                reading.Faults.Add($"outputs[{index}]", $"outputs[{index}] asks for shared memory, which this server does not have; use binary_data instead.");
                break;
        }

        return options;
    }
}
