using System.Text.Json;
using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Inference;

namespace ModelGateway.Protocols.Native;

/// <summary>Reads the value of <c>"inputs"</c>: an object of nested arrays, or one nested array.</summary>
internal static class NativeInputs
{
    public static void Read(ref Utf8JsonReader reader, NativeReading reading)
    {
        if (reader.TokenType == JsonTokenType.StartObject && !reading.IsBase64Element(reader))
        {
            ReadNamed(ref reader, reading);
        }
        else if (reading.SoleInput() is >= 0 and int sole)
        {
            reading.ReadInput(ref reader, sole);
        }
        else
        {
            string inputs = reading.Signature.Inputs.Count == 0 ? "an empty object: the model has none" : $"an object of the model's inputs, {reading.DescribeInputs()}";
            string kind = JsonKinds.Of(reader, reading.Text);
            reading.Faults.Add("inputs", $"'inputs' must be {inputs}; but it is {kind}.", "an object", kind);
            reading.MarkAllFaulty();
            reader.Skip();
        }
    }

    private static void ReadNamed(ref Utf8JsonReader reader, NativeReading reading)
    {
        for (int next = 0; !reading.IsFull;)
        {
            reader.Read();
            if (reader.TokenType == JsonTokenType.EndObject)
            {
                return;
            }

            int index = IndexOf(ref reader, reading, next);
            reader.Read();
            if (index < 0)
            {
                reader.Skip();
                continue;
            }

            next = index + 1;
            reading.ReadInput(ref reader, index);
        }
    }

    /// <summary>The input that the key under the reader names; -1, and a fault the first time, if there is none.</summary>
    public static int IndexOf(ref Utf8JsonReader reader, NativeReading reading, int hint)
    {
        if (!JsonName.TryRead(reader, out JsonName name))
        {
            reading.Faults.Add(null, "The name of an input has half of a surrogate pair, which is no Unicode text.");
            return -1;
        }

        int index = reading.IndexOfInput(name, hint);
        if (index < 0)
        {
            string unknown = name.ToString();
            if (reading.MarkFaulty(unknown))
            {
                reading.Faults.Add(unknown, RequestValidator.UnknownInput(reading.Signature, unknown));
            }
        }

        return index;
    }
}
