using System.Text.Json;
using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>Reads which outputs are asked for, and how each is to be answered. An empty list asks for all, as if it were absent.</summary>
internal static class InferOutputReader
{
    public static void Read(ref Utf8JsonReader reader, InferReading reading)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            reading.Faults.Add("outputs", $"'outputs' must be an array of objects, but it is {reading.KindOf(reader)}.", "an array", reading.KindOf(reader));
            reader.Skip();
            return;
        }

        var outputs = new List<RequestedOutput>();
        for (int index = 0; !reading.IsFull; index++)
        {
            reader.Read();
            if (reader.TokenType == JsonTokenType.EndArray)
            {
                break;
            }

            if (ReadOutput(ref reader, reading, index) is { } output)
            {
                Add(output, outputs, reading.Faults);
            }
        }

        if (outputs.Count > 0)
        {
            reading.Request.Outputs = outputs;

            // Two outputs of the protocol can be parts of one of the graph.
            reading.Request.Prediction.Outputs = [.. outputs.Select(output => output.Output.Source.Name).Distinct()];
        }
    }

    private static void Add(RequestedOutput output, List<RequestedOutput> outputs, FaultList faults)
    {
        string name = output.Output.Name;
        if (outputs.Exists(other => other.Output.Name == name))
        {
            faults.Add(name, $"Output '{name}' is asked for more than once.");
            return;
        }

        outputs.Add(output);
        if (output.Classes == 0)
        {
            return;
        }

        WireOutput wire = output.Output;
        bool isRanked = wire.Part == WirePart.Values && wire.Type != TensorType.Bytes && wire.Shape is not { Length: 0 };
        if (!isRanked)
        {
            string what = wire.Part == WirePart.Elements ? "a sequence" : wire.Shape is { Length: 0 } ? "a scalar" : wire.Part == WirePart.Labels ? "labels" : wire.Type.Name();
            faults.Add(name, $"Output '{name}' cannot be classified: it is {what}, and classes are ranked by the numbers of a tensor's last dimension.", "a tensor of numbers", what);
        }
    }

    private static RequestedOutput? ReadOutput(ref Utf8JsonReader reader, InferReading reading, int index)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reading.Faults.Add($"outputs[{index}]", $"outputs[{index}] must be an object with a 'name', but it is {reading.KindOf(reader)}.", "an object", reading.KindOf(reader));
            reader.Skip();
            return null;
        }

        return ReadMembers(ref reader, reading, index);
    }

    private static RequestedOutput? ReadMembers(ref Utf8JsonReader reader, InferReading reading, int index)
    {
        WireOutput? output = null;
        bool isNamed = false;
        var options = default(OutputOptions);
        var unknown = default(UnknownKeys);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            bool isText = JsonName.TryRead(reader, out JsonName key);
            bool isName = key.Is("name");
            bool isParameters = key.Is("parameters");
            reader.Read();
            if (isName && reader.TokenType != JsonTokenType.Null)
            {
                isNamed = true;
                output = Find(reader, reading, index);
            }
            else if (isParameters && reader.TokenType != JsonTokenType.Null)
            {
                options = OutputOptions.Read(ref reader, reading, index);
            }
            else if (isText && !isName && !isParameters)
            {
                unknown.Add(key);
            }

            reader.Skip();
        }

        if (!isNamed)
        {
            reading.Faults.Add($"outputs[{index}]", $"outputs[{index}] has no 'name'.{unknown.Suggest("name")}", "a name", "nothing");
        }

        return output is null ? null : new RequestedOutput(output, options.IsBinary, options.Classes);
    }

    private static WireOutput? Find(in Utf8JsonReader reader, InferReading reading, int index)
    {
        if (!reading.TryReadText(reader, out JsonName name))
        {
            reading.Faults.Add($"outputs[{index}]", $"The 'name' of outputs[{index}] must be a string, but it is {reading.KindOf(reader)}.", "a string", reading.KindOf(reader));
            return null;
        }

        IReadOnlyList<WireOutput> known = WireOutputs.Of(reading.Signature).All;
        foreach (WireOutput output in known)
        {
            if (name.Is(output.Name))
            {
                return output;
            }
        }

        string unknown = name.ToString();
        reading.Faults.Add(
            unknown,
            $"The model has no output '{unknown}'.{NameSuggestion.For(unknown, known.Select(output => output.Name))} "
            + $"Its outputs are {string.Join(", ", known.Select(output => $"'{output.Name}'"))}.");
        return null;
    }
}
