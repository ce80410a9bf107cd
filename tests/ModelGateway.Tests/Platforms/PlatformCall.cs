using System.Net.Http.Headers;
using System.Text;

namespace ModelGateway.Tests.Platforms;

/// <summary>One request as a platform sends it, and its answer read whole.</summary>
internal sealed record PlatformCall(int Status, string Body, string? ContentType, IReadOnlyDictionary<string, string> Headers)
{
    public static Task<PlatformCall> GetAsync(HttpClient client, string path) => SendAsync(client, HttpMethod.Get, path, null, null);

    public static Task<PlatformCall> PostAsync(HttpClient client, string path, string body, string contentType = "application/json", params (string Name, string Value)[] headers) =>
        SendAsync(client, HttpMethod.Post, path, Encoding.UTF8.GetBytes(body), contentType, headers);

    public static Task<PlatformCall> DeleteAsync(HttpClient client, string path) => SendAsync(client, HttpMethod.Delete, path, null, null);

    public static async Task<PlatformCall> SendAsync(HttpClient client, HttpMethod method, string path, byte[]? body, string? contentType, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative));
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType!);
        }

        foreach ((string name, string value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using HttpResponseMessage response = await client.SendAsync(request);
        return new PlatformCall(
            (int)response.StatusCode,
            await response.Content.ReadAsStringAsync(),
            response.Content.Headers.ContentType?.ToString(),
            response.Headers.ToDictionary(header => header.Key, header => string.Join(",", header.Value), StringComparer.OrdinalIgnoreCase));
    }
}
