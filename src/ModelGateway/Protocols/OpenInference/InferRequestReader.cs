using System.Text.Json;
using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>Reads the JSON of a request in one pass, its keys in any order.</summary>
internal static class InferRequestReader
{
    private static readonly string[] KnownKeys = ["inputs", "outputs", "parameters", "id"];

    [Flags]
    private enum Keys
    {
        None = 0,
        Inputs = 1,
        Outputs = 2,
        Parameters = 4,
        Id = 8,
    }

    /// <summary>False if there is nothing to go on with: it is no JSON object, or has more faults than an answer holds.</summary>
    public static bool TryRead(InferReading reading)
    {
        try
        {
            Utf8JsonReader reader = reading.Text.CreateReader();
            reader.Read();
            if (reader.TokenType == JsonTokenType.StartObject)
            {
                return TryReadMembers(ref reader, reading);
            }

            reading.Faults.Add(null, $"The body must be a JSON object with 'inputs', but it is {reading.KindOf(reader)}.");
            return false;
        }
        catch (JsonException exception)
        {
            JsonSyntax.Report(reading.Text, exception, reading.Faults);
            return false;
        }
    }

    private static bool TryReadMembers(ref Utf8JsonReader reader, InferReading reading)
    {
        Keys seen = Keys.None;
        var unknown = default(UnknownKeys);
        while (!reading.IsFull)
        {
            reader.Read();
            if (reader.TokenType == JsonTokenType.EndObject)
            {
                // Throws where anything stands behind the object.
                reader.Read();
                CheckHasInputs(reading, seen, unknown);
                return true;
            }

            ReadMember(ref reader, reading, ref seen, ref unknown);
        }

        return false;
    }

    private static void ReadMember(ref Utf8JsonReader reader, InferReading reading, ref Keys seen, ref UnknownKeys unknown)
    {
        Keys key = Keys.None;
        if (JsonName.TryRead(reader, out JsonName name))
        {
            key = Parse(name);
            if (key == Keys.None)
            {
                unknown.Add(name);
            }
        }

        reader.Read();
        if ((seen & key) != 0)
        {
            reading.Faults.Add(name.ToString(), $"The request has the key '{name.ToString()}' more than once.");
            reader.Skip();
            return;
        }

        // Clients that write every field of a form send null for what is not set.
        if (reader.TokenType != JsonTokenType.Null)
        {
            seen |= key;
            ReadValue(ref reader, reading, key);
        }
    }

    private static void ReadValue(ref Utf8JsonReader reader, InferReading reading, Keys key)
    {
        switch (key)
        {
            case Keys.Inputs:
                ReadInputs(ref reader, reading);
                break;
            case Keys.Outputs:
                InferOutputReader.Read(ref reader, reading);
                break;
            case Keys.Parameters:
                InferParameters.Read(ref reader, reading);
                break;
            case Keys.Id:
                ReadId(ref reader, reading);
                break;
            default:
                reader.Skip();
                break;
        }
    }

    private static Keys Parse(in JsonName name)
    {
        for (int i = 0; i < KnownKeys.Length; i++)
        {
            if (name.Is(KnownKeys[i]))
            {
                return (Keys)(1 << i);
            }
        }

        return Keys.None;
    }

    private static void ReadInputs(ref Utf8JsonReader reader, InferReading reading)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            reading.Faults.Add("inputs", $"'inputs' must be an array of tensors, but it is {reading.KindOf(reader)}.", "an array", reading.KindOf(reader));
            reading.MarkAllFaulty();
            reader.Skip();
            return;
        }

        for (int index = 0; !reading.IsFull; index++)
        {
            reader.Read();
            if (reader.TokenType == JsonTokenType.EndArray)
            {
                return;
            }

            InferInputReader.Read(ref reader, reading, index);
        }
    }

    private static void ReadId(ref Utf8JsonReader reader, InferReading reading)
    {
        byte[] id = reader.TokenType == JsonTokenType.String ? new byte[reader.ValueSpan.Length] : [];
        if (reading.TryReadText(reader, out _) && JsonStrings.TryUnescape(reader, id, out int length))
        {
            reading.Request.Id = id[..length];
            return;
        }

        reading.Faults.Add("id", $"'id' must be a string, but it is {reading.KindOf(reader)}.", "a string", reading.KindOf(reader));
        reader.Skip();
    }

    private static void CheckHasInputs(InferReading reading, Keys seen, UnknownKeys unknown)
    {
        if ((seen & Keys.Inputs) != 0 || reading.Signature.Inputs.All(input => input.Optional))
        {
            return;
        }

        string needed = string.Join(", ", reading.Signature.Inputs.Where(input => !input.Optional).Select(input => $"'{input.Name}' {input.Type.Name()} {input.FormatDimensions()}"));
        reading.Faults.Add("inputs", $"The request has no 'inputs'.{unknown.Suggest("inputs")} The model needs {needed}.", "inputs", "nothing");
        reading.MarkAllFaulty();
    }
}
