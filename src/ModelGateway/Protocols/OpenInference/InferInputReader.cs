using System.Text.Json;
using ModelGateway.Protocols.Json;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>
/// Reads one input of a request. Its keys may come in any order: data that stands before the shape or the datatype is passed over
/// and read when the object has ended; in the usual order everything is read once.
/// </summary>
internal static class InferInputReader
{
    private static readonly string[] KnownKeys = ["name", "shape", "datatype", "parameters", "data"];

    public static void Read(ref Utf8JsonReader reader, InferReading reading, int index)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            string kind = reading.KindOf(reader);
            reading.Faults.Add($"inputs[{index}]", $"inputs[{index}] must be an object with 'name', 'shape', 'datatype' and 'data', but it is {kind}.", "an object", kind);
            reader.Skip();
            return;
        }

        using var input = new InferInput(reading, index);
        Utf8JsonReader passedOver = default;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            ReadMember(ref reader, reading, input, ref passedOver);
        }

        input.Check();
        if (passedOver.TokenType != JsonTokenType.None)
        {
            input.ReadData(ref passedOver);
        }

        input.Finish();
    }

    private static void ReadMember(ref Utf8JsonReader reader, InferReading reading, InferInput input, ref Utf8JsonReader passedOver)
    {
        InputKeys key = ReadKey(ref reader, input);
        if (reader.TokenType == JsonTokenType.Null || !input.TryTake(key))
        {
            reader.Skip();
            return;
        }

        switch (key)
        {
            case InputKeys.Name when reading.TryReadText(reader, out JsonName name):
                input.SetName(name);
                break;
            case InputKeys.Datatype when reading.TryReadText(reader, out JsonName datatype):
                input.SetDatatype(datatype);
                break;
            case InputKeys.Name or InputKeys.Datatype:
                input.Fault($"has a '{Spell(key)}' that is {reading.KindOf(reader)}", "a string", reading.KindOf(reader));
                break;
            case InputKeys.Shape:
                InferShape.Read(ref reader, reading, input);
                break;
            case InputKeys.Parameters:
                ReadParameters(ref reader, reading, input);
                break;
            case InputKeys.Data when input.IsDescribed:
                input.Check();
                input.ReadData(ref reader);
                break;
            case InputKeys.Data:
                passedOver = reader;
                break;
        }

        reader.Skip();
    }

    private static InputKeys ReadKey(ref Utf8JsonReader reader, InferInput input)
    {
        InputKeys key = InputKeys.None;
        if (JsonName.TryRead(reader, out JsonName name))
        {
            for (int i = 0; i < KnownKeys.Length && key == InputKeys.None; i++)
            {
                key = name.Is(KnownKeys[i]) ? (InputKeys)(1 << i) : key;
            }

            if (key == InputKeys.None)
            {
                input.AddUnknown(name);
            }
        }

        reader.Read();
        return key;
    }

    private static string Spell(InputKeys key) => KnownKeys[int.TrailingZeroCount((int)key)];

    private static void ReadParameters(ref Utf8JsonReader reader, InferReading reading, InferInput input)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            input.Fault($"has 'parameters' that are {reading.KindOf(reader)}, not an object", "an object", reading.KindOf(reader));
            return;
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            bool isSize = JsonName.TryRead(reader, out JsonName name) && name.Is("binary_data_size");
            bool isShared = name.Is("shared_memory_region");
            reader.Read();
            if (isShared)
            {
                input.Fault("asks for shared memory, which this server does not have; send binary data instead");
            }
            else if (isSize && InferReading.TryReadCount(reader, out long size))
            {
                input.BinarySize = size;
            }
            else if (isSize && reader.TokenType != JsonTokenType.Null)
            {
                input.Fault("has a 'binary_data_size' that is not a whole number of 0 or more", "bytes", reading.KindOf(reader));
            }

            reader.Skip();
        }
    }
}
