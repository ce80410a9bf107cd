using System.Globalization;
using System.Net.Http.Headers;
using System.Text;

namespace ModelGateway.Tests.Protocols.OpenInference;

/// <summary>Sends predictions as the protocol's clients do.</summary>
internal static class InferCalls
{
    public static async Task<InferReply> InferAsync(this GatewayHost host, string model, HttpContent body) =>
        await InferReply.ReadAsync(await host.Client.PostAsync($"/v2/models/{model}/infer", body));

    public static Task<InferReply> InferAsync(this GatewayHost host, string model, string json) => host.InferAsync(model, Json(json));

    public static HttpContent Json(string json) => new StringContent(json, Encoding.UTF8, "application/json");

    /// <summary>JSON and the binary tensors behind it.</summary>
    public static HttpContent Binary(string json, params byte[][] tensors)
    {
        byte[] header = Encoding.UTF8.GetBytes(json);
        return WithHeader([.. header, .. tensors.SelectMany(tensor => tensor)], header.Length.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>A body with any value of the header.</summary>
    public static HttpContent WithHeader(byte[] body, string jsonLength)
    {
        var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        content.Headers.TryAddWithoutValidation("Inference-Header-Content-Length", jsonLength);
        return content;
    }

    /// <summary>The binary form of BYTES elements.</summary>
    public static byte[] Strings(params byte[][] elements) => [.. elements.SelectMany(element => BitConverter.GetBytes(element.Length).Concat(element))];

    public static byte[] Strings(params string[] elements) => Strings([.. elements.Select(Encoding.UTF8.GetBytes)]);

    public static byte[] Floats(params float[] values) => [.. values.SelectMany(BitConverter.GetBytes)];
}
