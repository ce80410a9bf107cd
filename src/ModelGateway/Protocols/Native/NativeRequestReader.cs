using System.Text.Json;
using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Models;

namespace ModelGateway.Protocols.Native;

/// <summary>
/// Reads a body of the native dialect in one pass:
/// <code>
/// {
///   "inputs":     {"name": nested array, ...}         or the bare array where the model has one input
///   "instances":  [bare value, ...]                   or objects {"name": value, ...}, one a row; instead of "inputs"
///   "outputs":    ["name", ...]                       optional: all outputs where it is absent or empty
///   "parameters": {"timeout": microseconds}           optional
///   "model": "name", "version": "3"                   optional where the path says it, and then they must agree
/// }
/// </code>
/// </summary>
internal static class NativeRequestReader
{
    private static readonly string[] KnownKeys = ["inputs", "instances", "outputs", "parameters", "model", "version"];

    [Flags]
    private enum Keys
    {
        None = 0,
        Inputs = 1,
        Instances = 2,
        Outputs = 4,
        Parameters = 8,
        Model = 16,
        Version = 32,
    }

    /// <summary>
    /// The request, checked against the signature and the limits and the caller's to dispose; or null, and the faults say why.
    /// </summary>
    /// <param name="asked">What is asked for, by the path or by <see cref="NativeModelPeek"/>.</param>
    public static PredictRequest? Read(JsonText text, ModelSignature signature, ModelLimits limits, ModelSpec asked, FaultList faults)
    {
        using NativeReading reading = NativeReading.Begin(text, signature, faults);
        PredictRequest request = reading.Request;
        bool valid = false;
        try
        {
            Utf8JsonReader reader = text.CreateReader();
            if (TryReadBody(ref reader, reading, asked))
            {
                RequestValidator.Validate(signature, limits, request, faults, reading.Faulty);
            }

            valid = faults.IsEmpty;
            return valid ? request : null;
        }
        catch (JsonException exception)
        {
            JsonSyntax.Report(text, exception, faults);
            return null;
        }
        finally
        {
            if (!valid)
            {
                request.Dispose();
            }
        }
    }

    // False where what was not read cannot be missed: the body is no object, or there are more faults than an answer holds.
    private static bool TryReadBody(ref Utf8JsonReader reader, NativeReading reading, ModelSpec asked)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reading.Faults.Add(null, $"The body must be a JSON object with 'inputs' or 'instances', but it is {JsonKinds.Of(reader, reading.Text)}.");
            return false;
        }

        Keys seen = Keys.None;
        while (!reading.IsFull)
        {
            reader.Read();
            if (reader.TokenType == JsonTokenType.EndObject)
            {
                // Throws where anything stands behind the body.
                reader.Read();
                CheckHasInputs(reading, seen);
                return true;
            }

            ReadMember(ref reader, reading, asked, ref seen);
        }

        return false;
    }

    private static void ReadMember(ref Utf8JsonReader reader, NativeReading reading, ModelSpec asked, ref Keys seen)
    {
        if (!JsonName.TryRead(reader, out JsonName name))
        {
            reading.Faults.Add(null, "A key of the body has half of a surrogate pair, which is no Unicode text.");
            reader.Skip();
            return;
        }

        Keys key = Parse(name);
        if (TryRefuse(key, name, seen, reading.Faults))
        {
            reader.Skip();
            return;
        }

        seen |= key;
        reader.Read();
        switch (key)
        {
            case Keys.Inputs:
                NativeInputs.Read(ref reader, reading);
                break;
            case Keys.Instances:
                NativeInstances.Read(ref reader, reading);
                break;
            case Keys.Outputs:
                NativeOptions.ReadOutputs(ref reader, reading);
                break;
            case Keys.Parameters:
                NativeOptions.ReadParameters(ref reader, reading);
                break;
            case Keys.Model:
                NativeOptions.CheckModel(ref reader, reading, asked);
                break;
            default:
                NativeOptions.CheckVersion(ref reader, reading, asked);
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

    private static bool TryRefuse(Keys key, in JsonName name, Keys seen, FaultList faults)
    {
        if (key == Keys.None)
        {
            string unknown = name.ToString();
            string all = string.Join(", ", KnownKeys.Select(known => $"'{known}'"));
            faults.Add(unknown, $"The body has an unknown key '{unknown}'.{NameSuggestion.For(unknown, KnownKeys)} It may have {all}.");
            return true;
        }

        if ((seen & key) != 0)
        {
            faults.Add(name.ToString(), $"The body has the key '{name.ToString()}' more than once.");
            return true;
        }

        const Keys Data = Keys.Inputs | Keys.Instances;
        if ((key & Data) != 0 && (seen & Data) != 0)
        {
            faults.Add(name.ToString(), "The body has both 'inputs' and 'instances'; give one of them.");
            return true;
        }

        return false;
    }

    private static void CheckHasInputs(NativeReading reading, Keys seen)
    {
        bool given = (seen & (Keys.Inputs | Keys.Instances)) != 0;
        if (given || reading.Signature.Inputs.All(input => input.Optional))
        {
            return;
        }

        reading.Faults.Add(null, $"The body has neither 'inputs' nor 'instances'; the model takes {reading.DescribeInputs()}.");
        reading.MarkAllFaulty();
    }
}
