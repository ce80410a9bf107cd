using System.Text;
using System.Text.Json;
using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Models;

namespace ModelGateway.Protocols.Native;

/// <summary>Reads what stands beside the data in a native body: outputs, parameters, and the model it is for.</summary>
internal static class NativeOptions
{
    private const string Timeout = "timeout";

    // A day: whoever waits longer waits for ever, and timers end a little above it.
    private static readonly long LongestTimeout = (long)TimeSpan.FromDays(1).TotalMicroseconds;

    /// <summary>The outputs asked for; whether the model has them is the validator's question.</summary>
    public static void ReadOutputs(ref Utf8JsonReader reader, NativeReading reading)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            RefuseOutputs(ref reader, reading);
            return;
        }

        var outputs = new List<string>();
        bool valid = true;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (!TryReadText(reader, reading.Text, out JsonName name))
            {
                if (valid)
                {
                    RefuseOutputs(ref reader, reading);
                    valid = false;
                }

                reader.Skip();
            }
            else if (outputs.Count <= reading.Signature.Outputs.Count + FaultList.Capacity)
            {
                // Beyond that some are unknown or repeated, and more faults than are told.
                outputs.Add(OutputName(name, reading.Signature));
            }
        }

        // An empty list asks for nothing in particular: all, as if it were absent.
        reading.Request.Outputs = outputs.Count == 0 ? null : outputs;
    }

    /// <summary>An object with <c>"timeout"</c> in microseconds, as in the Open Inference Protocol; 0 is none.</summary>
    public static void ReadParameters(ref Utf8JsonReader reader, NativeReading reading)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            string kind = JsonKinds.Of(reader, reading.Text);
            reading.Faults.Add("parameters", $"'parameters' must be an object, but it is {kind}.", "an object", kind);
            reader.Skip();
            return;
        }

        for (bool seen = false; !reading.IsFull;)
        {
            reader.Read();
            if (reader.TokenType == JsonTokenType.EndObject)
            {
                return;
            }

            bool isTimeout = TryCheckParameter(reader, reading, seen);
            reader.Read();
            if (isTimeout)
            {
                seen = true;
                ReadTimeout(reader, reading);
            }

            reader.Skip();
        }
    }

    /// <summary>The model's name under the reader; null and a fault if it is no string.</summary>
    public static string? ReadModel(in Utf8JsonReader reader, JsonText text, FaultList faults)
    {
        if (TryReadText(reader, text, out JsonName name))
        {
            return name.ToString();
        }

        // What is a string all the same could not be read as text.
        string kind = JsonKinds.Of(reader, text);
        kind = kind == JsonKinds.String ? "a string with half of a surrogate pair" : kind;
        faults.Add("model", $"'model' must be a string, but it is {kind}.", "a string", kind);
        return null;
    }

    /// <summary>The version under the reader, a number or a label; null and a fault if it is something else.</summary>
    public static string? ReadVersion(in Utf8JsonReader reader, JsonText text, FaultList faults)
    {
        const int LongestNumber = 19;
        if (TryReadText(reader, text, out JsonName name))
        {
            return name.ToString();
        }

        bool digits = reader.TokenType == JsonTokenType.Number && reader.ValueSpan.Length <= LongestNumber && !reader.ValueSpan.ContainsAnyExceptInRange((byte)'0', (byte)'9');
        if (digits)
        {
            return Encoding.ASCII.GetString(reader.ValueSpan);
        }

        faults.Add("version", "'version' must be a string or a positive whole number.", "a string or a positive whole number", JsonKinds.Of(reader, text));
        return null;
    }

    /// <summary>A model in the body must be the one asked for.</summary>
    public static void CheckModel(ref Utf8JsonReader reader, NativeReading reading, ModelSpec asked)
    {
        string? model = ReadModel(reader, reading.Text, reading.Faults);
        if (model is not null && model != asked.Model)
        {
            reading.Faults.Add("model", $"The body is for the model '{model}', but the path asks for '{asked.Model}'.", asked.Model, model);
        }

        reader.Skip();
    }

    /// <summary>A version in the body must be the one asked for.</summary>
    public static void CheckVersion(ref Utf8JsonReader reader, NativeReading reading, ModelSpec asked)
    {
        string? version = ReadVersion(reader, reading.Text, reading.Faults);
        if (version is not null && ModelSpec.Parse(asked.Model, version) != asked)
        {
            string advice = asked.Version is null && asked.Label is null ? $"; say the version in the path: /predict/{asked.Model}/versions/{version}" : "";
            reading.Faults.Add("version", $"The body asks for version '{version}', but the path asks for '{asked}'{advice}.", asked.ToString(), version);
        }

        reader.Skip();
    }

    private static bool TryReadText(in Utf8JsonReader reader, JsonText text, out JsonName name)
    {
        name = default;
        return reader.TokenType == JsonTokenType.String && !text.IsBareToken(reader, out _) && JsonName.TryRead(reader, out name);
    }

    private static void RefuseOutputs(ref Utf8JsonReader reader, NativeReading reading)
    {
        reading.Faults.Add("outputs", "'outputs' must be an array of strings.", "an array of strings", JsonKinds.Of(reader, reading.Text));
        reader.Skip();
    }

    private static string OutputName(in JsonName name, ModelSignature signature)
    {
        for (int i = 0; i < signature.Outputs.Count; i++)
        {
            if (name.Is(signature.Outputs[i].Name))
            {
                return signature.Outputs[i].Name;
            }
        }

        return name.ToString();
    }

    private static bool TryCheckParameter(in Utf8JsonReader reader, NativeReading reading, bool seen)
    {
        string name = JsonName.TryRead(reader, out JsonName key) ? key.ToString() : "\uFFFD";
        if (name == Timeout && !seen)
        {
            return true;
        }

        reading.Faults.Add(
            name,
            name == Timeout
                ? "The parameter 'timeout' is given more than once."
                : $"The parameter '{name}' is unknown.{NameSuggestion.For(name, [Timeout])} The only one is 'timeout', in microseconds.");
        return false;
    }

    private static void ReadTimeout(in Utf8JsonReader reader, NativeReading reading)
    {
        long microseconds = -1;
        bool whole = reader.TokenType == JsonTokenType.Number
            && (reader.TryGetInt64(out microseconds) || JsonIntegers.Read(reader.ValueSpan, out microseconds) == JsonScalarFault.None)
            && microseconds >= 0;
        if (!whole)
        {
            reading.Faults.Add(Timeout, "The parameter 'timeout' must be a whole number of microseconds, 0 or more.", "microseconds", JsonKinds.Of(reader, reading.Text));
        }
        else if (microseconds > 0)
        {
            reading.Request.Timeout = TimeSpan.FromMicroseconds(Math.Min(microseconds, LongestTimeout));
        }
    }
}
