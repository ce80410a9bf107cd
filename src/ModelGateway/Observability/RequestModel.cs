using ModelGateway.Caching;

namespace ModelGateway.Observability;

/// <summary>The model a request is about, for its log lines.</summary>
internal static class RequestModel
{
    private static readonly object Key = new();

    public static void Set(HttpContext http, string model) => http.Items[Key] = model;

    public static string? Of(HttpContext http) => http.Items.TryGetValue(Key, out object? model)
        ? (string?)model
        : http.GetEndpoint()?.Metadata.GetMetadata<RoutedModel>()?.Asked.Model ?? http.Request.RouteValues["model"] as string;
}
