using System.Globalization;
using System.Text;

namespace ModelGateway.Benchmarks.Suite;

/// <summary>One HTTP request, the same for every server.</summary>
/// <param name="Method">GET or POST.</param>
/// <param name="Path">With a slash in front.</param>
/// <param name="Headers">Name and value.</param>
/// <param name="Body">The bytes; empty for none.</param>
/// <param name="Output">The output that the answer holds; null where nothing is compared.</param>
internal sealed record Payload(string Method, string Path, IReadOnlyDictionary<string, string> Headers, byte[] Body, string? Output)
{
    private const string HeaderLength = "Inference-Header-Content-Length";

    /// <summary>The native dialect.</summary>
    public static Payload Json(SuiteModel model)
    {
        string inputs = string.Join(',', model.Inputs.Select(input => $"\"{input.Name}\":{input.ToJson()}"));
        string outputs = model.HasMoreOutputs ? $",\"outputs\":[\"{model.Output}\"]" : "";
        return Post($"/predict/{model.Name}", "application/json", Encoding.UTF8.GetBytes($"{{\"inputs\":{{{inputs}}}{outputs}}}"), model.Output);
    }

    /// <summary>The Open Inference Protocol with binary tensors, in and out.</summary>
    public static Payload Binary(SuiteModel model)
    {
        IEnumerable<string> inputs = model.Inputs.Select(input =>
            $$$"""{"name":"{{{input.Name}}}","shape":[{{{string.Join(',', input.Shape)}}}],"datatype":"{{{input.DataType}}}","parameters":{"binary_data_size":{{{input.Data.Length}}}}}""");
        byte[] header = Encoding.UTF8.GetBytes($$$"""{"inputs":[{{{string.Join(',', inputs)}}}],"outputs":[{"name":"{{{model.Output}}}","parameters":{"binary_data":true}}]}""");
        Payload payload = Post($"/v2/models/{model.Name}/infer", "application/octet-stream", [.. header, .. model.Inputs.SelectMany(input => input.Data)], model.Output);
        return payload.With(HeaderLength, header.Length.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>A page.</summary>
    public static Payload Get(string path) => new("GET", path, new Dictionary<string, string>(), [], null);

    /// <summary>The same with one header more.</summary>
    public Payload With(string name, string value) => this with { Headers = new Dictionary<string, string>(Headers) { [name] = value } };

    private static Payload Post(string path, string type, byte[] body, string output) =>
        new("POST", path, new Dictionary<string, string> { ["Content-Type"] = type }, body, output);
}
