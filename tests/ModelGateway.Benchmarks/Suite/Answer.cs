using System.Globalization;
using System.Net.Http.Headers;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace ModelGateway.Benchmarks.Suite;

/// <summary>One answer to a payload: its bytes, and the numbers in it.</summary>
/// <param name="Headers">Those that say how to read the body.</param>
/// <param name="Body">The bytes.</param>
/// <param name="Values">The output's elements; null where nothing is compared.</param>
internal sealed record Answer(IReadOnlyDictionary<string, string> Headers, byte[] Body, float[]? Values)
{
    private const string HeaderLength = "Inference-Header-Content-Length";

    /// <summary>Sends the payload once.</summary>
    /// <exception cref="InvalidOperationException">The server refused it; the message holds what it said.</exception>
    public static async Task<Answer> AskAsync(Uri server, Payload payload)
    {
        using var client = new HttpClient { Timeout = TimeSpan.FromMinutes(1) };
        using var request = new HttpRequestMessage(new HttpMethod(payload.Method), new Uri(server, payload.Path));
        if (payload.Method == "POST")
        {
            request.Content = new ByteArrayContent(payload.Body);
        }

        foreach ((string name, string value) in payload.Headers)
        {
            HttpHeaders headers = name == "Content-Type" ? request.Content!.Headers : request.Headers;
            headers.Add(name, value);
        }

        using HttpResponseMessage response = await client.SendAsync(request);
        byte[] body = await response.Content.ReadAsByteArrayAsync();
        if (!response.IsSuccessStatusCode)
        {
            throw new InvalidOperationException($"{request.RequestUri} answered {(int)response.StatusCode}: {System.Text.Encoding.UTF8.GetString(body)}");
        }

        var kept = new Dictionary<string, string>();
        if (response.Content.Headers.ContentType is { } type)
        {
            kept["Content-Type"] = type.ToString();
        }

        if (response.Headers.TryGetValues(HeaderLength, out IEnumerable<string>? length))
        {
            kept[HeaderLength] = length.Single();
        }

        return new Answer(kept, body, payload.Output is null ? null : Read(kept, body, payload.Output));
    }

    private static float[] Read(Dictionary<string, string> headers, byte[] body, string output)
    {
        if (headers.TryGetValue(HeaderLength, out string? length))
        {
            return MemoryMarshal.Cast<byte, float>(body.AsSpan(int.Parse(length, CultureInfo.InvariantCulture))).ToArray();
        }

        using JsonDocument document = JsonDocument.Parse(body);
        var values = new List<float>();
        Flatten(document.RootElement.GetProperty("outputs").GetProperty(output), values);
        return [.. values];
    }

    private static void Flatten(JsonElement element, List<float> values)
    {
        if (element.ValueKind != JsonValueKind.Array)
        {
            values.Add(element.GetSingle());
            return;
        }

        foreach (JsonElement item in element.EnumerateArray())
        {
            Flatten(item, values);
        }
    }
}
