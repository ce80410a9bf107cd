using System.Text.Json.Nodes;

namespace ModelGateway.Tests.Collection;

/// <summary>One model of the collection with a request and its answer; the format is described in tests/collection/make_collection.py.</summary>
internal sealed class CollectionCase
{
    private readonly JsonObject _json;

    private CollectionCase(JsonObject json) => _json = json;

    public string Model => (string)_json["model"]!;

    public double Tolerance => (double)_json["tolerance"]!;

    public IReadOnlyList<JsonObject> Inputs => [.. _json["inputs"]!.AsArray().Select(item => item!.AsObject())];

    public IReadOnlyList<JsonObject> Outputs => [.. _json["outputs"]!.AsArray().Select(item => item!.AsObject())];

    public bool HasEmptyTensors => Inputs.Concat(Outputs).Any(tensor => tensor["shape"] is JsonArray shape && shape.Any(dimension => (long)dimension! == 0));

    /// <summary>The folder that tests/run.sh wrote the collection to.</summary>
    public static string Folder => Environment.GetEnvironmentVariable("MODELGATEWAY_COLLECTION")
        ?? throw new InvalidOperationException("MODELGATEWAY_COLLECTION is not set: run the tests by tests/run.sh, which makes the collection.");

    public static IEnumerable<CollectionCase> ReadAll() =>
        Directory.EnumerateFiles(Path.Combine(Folder, "cases"), "*.json").Order(StringComparer.Ordinal)
            .Select(file => new CollectionCase(JsonNode.Parse(File.ReadAllBytes(file))!.AsObject()));
}
