using System.Text.Json;
using ModelGateway.Protocols.Json;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>Reads the parameters of a request: <c>binary_data_output</c> and <c>timeout</c>. Every other one is passed over, as the protocol asks.</summary>
internal static class InferParameters
{
    private const string BinaryDataOutput = "binary_data_output";
    private const string Timeout = "timeout";

    // A day: whoever waits longer waits for ever, and timers end a little above it.
    private static readonly long LongestTimeout = (long)TimeSpan.FromDays(1).TotalMicroseconds;

    public static void Read(ref Utf8JsonReader reader, InferReading reading)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reading.Faults.Add("parameters", $"'parameters' must be an object, but it is {reading.KindOf(reader)}.", "an object", reading.KindOf(reader));
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            bool isBinary = JsonName.TryRead(reader, out JsonName name) && name.Is(BinaryDataOutput);
            bool isTimeout = name.Is(Timeout);
            reader.Read();
            if (isBinary)
            {
                ReadBinary(reader, reading);
            }
            else if (isTimeout)
            {
                ReadTimeout(reader, reading);
            }

            reader.Skip();
        }
    }

    private static void ReadBinary(in Utf8JsonReader reader, InferReading reading)
    {
        if (reader.TokenType is JsonTokenType.True or JsonTokenType.False)
        {
            reading.Request.IsBinaryByDefault = reader.TokenType == JsonTokenType.True;
            return;
        }

        reading.Faults.Add(
            BinaryDataOutput, $"The parameter '{BinaryDataOutput}' must be true or false, but it is {reading.KindOf(reader)}.", "true or false", reading.KindOf(reader));
    }

    // Microseconds, from Triton's extension for scheduling; 0 is none.
    private static void ReadTimeout(in Utf8JsonReader reader, InferReading reading)
    {
        if (!InferReading.TryReadCount(reader, out long microseconds))
        {
            reading.Faults.Add(Timeout, "The parameter 'timeout' must be a whole number of microseconds, 0 or more.", "microseconds", reading.KindOf(reader));
        }
        else if (microseconds > 0)
        {
            reading.Request.Prediction.Timeout = TimeSpan.FromMicroseconds(Math.Min(microseconds, LongestTimeout));
        }
    }
}
