using System.Text.Json.Nodes;

namespace ModelGateway.Tests.Collection;

/// <summary>How the Open Inference Protocol answers outputs that are no tensors: see docs/adr/0004.</summary>
internal static class OipContainers
{
    public static string? Compare(JsonObject wanted, Dictionary<string, JsonNode> outputs, double tolerance)
    {
        string name = (string)wanted["name"]!;
        switch ((string?)wanted["kind"])
        {
            case "tensor_sequence":
                JsonArray elements = wanted["elements"]!.AsArray();
                for (int i = 0; i < elements.Count; i++)
                {
                    string element = $"{name}.{i}";
                    string? fault = outputs.TryGetValue(element, out JsonNode? got) ? OutputComparison.Compare(got, elements[i]!, tolerance) : "missing";
                    if (fault is not null)
                    {
                        return $"{element}: {fault}";
                    }
                }

                return outputs.ContainsKey($"{name}.{elements.Count}") ? "more elements than expected" : null;
            case "map_sequence":
                return CompareMaps(wanted, outputs, name, tolerance);
            default:
                return outputs.TryGetValue(name, out JsonNode? tensor) ? OutputComparison.Compare(tensor, wanted, tolerance) : "missing";
        }
    }

    private static string? CompareMaps(JsonObject wanted, Dictionary<string, JsonNode> outputs, string name, double tolerance)
    {
        if (!outputs.TryGetValue(name, out JsonNode? values) || !outputs.TryGetValue($"{name}.labels", out JsonNode? labels))
        {
            return "values or labels are missing";
        }

        // The order of the labels is free: bring the answer's columns into the expected order.
        string[] order = [.. labels["data"]!.AsArray().Select(label => label!.ToJsonString())];
        string[] expected = [.. wanted["labels"]!.AsArray().Select(label => label!.ToJsonString())];
        if (!order.Order().SequenceEqual(expected.Order()))
        {
            return $"labels {string.Join(", ", order)} instead of {string.Join(", ", expected)}";
        }

        JsonArray data = values["data"]!.AsArray();
        var sorted = new JsonArray();
        for (int row = 0; row * expected.Length < data.Count; row++)
        {
            foreach (string label in expected)
            {
                sorted.Add(data[(row * expected.Length) + Array.IndexOf(order, label)]!.DeepClone());
            }
        }

        return OutputComparison.CompareData(sorted, wanted["data"]!.AsArray(), (string)wanted["datatype"]!, tolerance);
    }
}
