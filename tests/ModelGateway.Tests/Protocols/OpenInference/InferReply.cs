using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;

namespace ModelGateway.Tests.Protocols.OpenInference;

/// <summary>An answer taken apart as the protocol's clients do it: the JSON, and the binary tensors behind it.</summary>
internal sealed class InferReply
{
    private readonly byte[] _binary;

    private InferReply(HttpResponseMessage response, byte[] body)
    {
        Status = response.StatusCode;
        ContentType = response.Content.Headers.ContentType?.MediaType;
        ContentLength = response.Content.Headers.ContentLength;
        HeaderLength = response.Headers.TryGetValues("Inference-Header-Content-Length", out IEnumerable<string>? values)
            ? int.Parse(values.Single(), CultureInfo.InvariantCulture)
            : null;
        BodyLength = body.Length;
        Json = Encoding.UTF8.GetString(body.AsSpan(0, HeaderLength ?? body.Length));
        _binary = body[(HeaderLength ?? body.Length)..];
    }

    public HttpStatusCode Status { get; }

    public string? ContentType { get; }

    public long? ContentLength { get; }

    public int? HeaderLength { get; }

    public int BodyLength { get; }

    public string Json { get; }

    public JsonElement Root => JsonDocument.Parse(Json).RootElement;

    /// <summary>The sentence of an error.</summary>
    public string Error => Root.GetProperty("error").GetString()!;

    /// <summary>Each fault's target.</summary>
    public IEnumerable<string?> Targets =>
        Root.GetProperty("faults").EnumerateArray().Select(fault => fault.TryGetProperty("target", out JsonElement target) ? target.GetString() : null);

    public IEnumerable<string?> OutputNames => Root.GetProperty("outputs").EnumerateArray().Select(output => output.GetProperty("name").GetString());

    public static async Task<InferReply> ReadAsync(HttpResponseMessage response)
    {
        using (response)
        {
            return new InferReply(response, await response.Content.ReadAsByteArrayAsync());
        }
    }

    public JsonElement Output(string name) => Root.GetProperty("outputs").EnumerateArray().Single(output => output.GetProperty("name").GetString() == name);

    /// <summary>The text of an output's data as it was written.</summary>
    public string Data(string name) => Output(name).GetProperty("data").GetRawText();

    public string Shape(string name) => Output(name).GetProperty("shape").GetRawText();

    public string Datatype(string name) => Output(name).GetProperty("datatype").GetString()!;

    /// <summary>The bytes of a binary output, found by the sizes of those before it.</summary>
    public byte[] Bytes(string name)
    {
        int start = 0;
        foreach (JsonElement output in Root.GetProperty("outputs").EnumerateArray())
        {
            if (!output.TryGetProperty("parameters", out JsonElement parameters))
            {
                continue;
            }

            int size = parameters.GetProperty("binary_data_size").GetInt32();
            if (output.GetProperty("name").GetString() == name)
            {
                return _binary[start..(start + size)];
            }

            start += size;
        }

        throw new ArgumentException($"No binary output '{name}'.", nameof(name));
    }

    /// <summary>All bytes behind the JSON.</summary>
    public byte[] AllBytes() => _binary;
}
