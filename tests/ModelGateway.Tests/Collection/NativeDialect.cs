using System.Text.Json.Nodes;

namespace ModelGateway.Tests.Collection;

/// <summary>The native dialect as a client writes and reads it: nested arrays, maps as objects, types and shapes left to the model.</summary>
internal static class NativeDialect
{
    public static JsonObject WriteRequest(CollectionCase test)
    {
        var inputs = new JsonObject();
        foreach (JsonObject input in test.Inputs)
        {
            long[] shape = [.. input["shape"]!.AsArray().Select(dimension => (long)dimension!)];
            int next = 0;
            inputs[(string)input["name"]!] = Nest(shape, input["data"]!.AsArray(), ref next);
        }

        return new JsonObject { ["inputs"] = inputs };
    }

    public static string? Compare(CollectionCase test, JsonObject outputs)
    {
        foreach (JsonObject wanted in test.Outputs)
        {
            string name = (string)wanted["name"]!;
            if (!outputs.TryGetPropertyValue(name, out JsonNode? got))
            {
                return $"output '{name}' is missing";
            }

            if (Compare(wanted, got!, test.Tolerance) is { } fault)
            {
                return $"output '{name}': {fault}";
            }
        }

        return null;
    }

    private static string? Compare(JsonObject wanted, JsonNode got, double tolerance)
    {
        switch ((string?)wanted["kind"])
        {
            case "tensor_sequence":
                JsonArray elements = wanted["elements"]!.AsArray();
                return got.AsArray().Count != elements.Count
                    ? $"{got.AsArray().Count} elements instead of {elements.Count}"
                    : elements.Select((element, index) => Compare(element!.AsObject(), got.AsArray()[index]!, tolerance)).FirstOrDefault(fault => fault is not null);
            case "map_sequence":
                string[] labels = [.. wanted["labels"]!.AsArray().Select(label => label!.ToString())];
                var cells = new JsonArray();
                foreach (JsonNode? row in got.AsArray())
                {
                    foreach (string label in labels)
                    {
                        cells.Add(row![label]?.DeepClone());
                    }
                }

                return OutputComparison.CompareData(cells, wanted["data"]!.AsArray(), (string)wanted["datatype"]!, tolerance);
            default:
                long[] shape = [.. wanted["shape"]!.AsArray().Select(dimension => (long)dimension!)];
                var flat = new JsonArray();
                return Flatten(got, shape, flat) ?? OutputComparison.CompareData(flat, wanted["data"]!.AsArray(), (string)wanted["datatype"]!, tolerance);
        }
    }

    private static JsonNode? Nest(ReadOnlySpan<long> shape, JsonArray data, ref int next)
    {
        if (shape.IsEmpty)
        {
            return data[next++]!.DeepClone();
        }

        var items = new JsonArray();
        for (long i = 0; i < shape[0]; i++)
        {
            items.Add(Nest(shape[1..], data, ref next));
        }

        return items;
    }

    private static string? Flatten(JsonNode node, ReadOnlySpan<long> shape, JsonArray flat)
    {
        if (shape.IsEmpty)
        {
            flat.Add(node.DeepClone());
            return null;
        }

        if (node is not JsonArray items || items.Count != shape[0])
        {
            return "the nesting is not the expected shape";
        }

        foreach (JsonNode? item in items)
        {
            if (Flatten(item!, shape[1..], flat) is { } fault)
            {
                return fault;
            }
        }

        return null;
    }
}
