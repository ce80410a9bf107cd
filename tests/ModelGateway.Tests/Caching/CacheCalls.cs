using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using ModelGateway.Serving.Lifecycle;
using Xunit;

namespace ModelGateway.Tests.Caching;

/// <summary>Predictions as callers of the cache send them.</summary>
internal static class CacheCalls
{
    public static Task<CachedReply> AskAsync(this GatewayHost host, string path, string body, string? cacheControl = null, string? token = null) =>
        host.AskAsync(path, new StringContent(body, Encoding.UTF8, "application/json"), cacheControl, token);

    public static async Task<CachedReply> AskAsync(this GatewayHost host, string path, HttpContent body, string? cacheControl = null, string? token = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = body };
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        if (cacheControl is not null)
        {
            Assert.True(request.Headers.TryAddWithoutValidation("Cache-Control", cacheControl));
        }

        using HttpResponseMessage response = await host.Client.SendAsync(request);
        return await CachedReply.ReadAsync(response);
    }

    /// <summary>Forgets by request.</summary>
    public static async Task<HttpStatusCode> PurgeAsync(this GatewayHost host, string path, string? token = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Delete, path);
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        using HttpResponseMessage response = await host.Client.SendAsync(request);
        return response.StatusCode;
    }

    /// <summary>What the statistics extension says of one version.</summary>
    public static async Task<JsonElement> StatisticsAsync(this GatewayHost host, string model, long version = 1)
    {
        string path = string.Create(CultureInfo.InvariantCulture, $"/v2/models/{model}/versions/{version}/stats");
        return JsonDocument.Parse(await host.Client.GetStringAsync(new Uri(path, UriKind.Relative))).RootElement.GetProperty("model_stats")[0];
    }

    /// <summary>What answers for a version now.</summary>
    public static Servable ServableOf(this GatewayHost host, string model, long version = 1) =>
        host.Services.GetRequiredService<ServableManager>().Find(model)!.Find(version)!.Servable!;

    /// <summary>How often the model ran.</summary>
    public static async Task<long> ExecutionsAsync(this GatewayHost host, string model, long version = 1) =>
        (await host.StatisticsAsync(model, version)).GetProperty("execution_count").GetInt64();
}

/// <summary>An answer with what it says of the cache.</summary>
internal sealed record CachedReply(HttpStatusCode Status, string? Cache, string? Age, string ServerTiming, string? ContentType, string? BinaryStart, byte[] Bytes)
{
    /// <summary>What <c>Cache-Status</c> says of an answer that a run made and that is remembered.</summary>
    public const string MissStored = "ModelGateway; fwd=miss; stored";

    public string Body => Encoding.UTF8.GetString(Bytes);

    public JsonElement Json => JsonDocument.Parse(Bytes).RootElement;

    /// <summary>The place where a remembered answer was found; null where it was not.</summary>
    public string? HitFrom => Cache?.StartsWith("ModelGateway; hit; ttl=", StringComparison.Ordinal) == true ? Cache.Split("detail=")[1] : null;

    public static async Task<CachedReply> ReadAsync(HttpResponseMessage response) => new(
        response.StatusCode,
        Header(response, "Cache-Status"),
        Header(response, "Age"),
        Header(response, "Server-Timing") ?? "",
        response.Content.Headers.ContentType?.MediaType,
        Header(response, "Inference-Header-Content-Length"),
        await response.Content.ReadAsByteArrayAsync());

    private static string? Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out IEnumerable<string>? values) ? string.Join(", ", values) : null;
}
