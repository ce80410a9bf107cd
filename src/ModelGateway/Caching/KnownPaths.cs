using System.Collections.Concurrent;
using ModelGateway.Protocols;
using ModelGateway.Serving.Models;

namespace ModelGateway.Caching;

/// <summary>
/// Where predictions went: path and content type, as they were sent, lead to the endpoint that routing found, with the model that it read from the path.
/// Who goes there again need not be routed. Bounded.
/// </summary>
internal sealed class KnownPaths
{
    private const int Capacity = 4096;
    private readonly ConcurrentDictionary<string, KnownPath> _paths = new(StringComparer.Ordinal);

    /// <summary>Where a request would go; null where that is not known.</summary>
    public KnownPath? Find(HttpRequest request) =>
        HttpMethods.IsPost(request.Method)
        && request.Path.Value is { } path
        && _paths.TryGetValue(path, out KnownPath? known)
        && string.Equals(known.ContentType, request.ContentType, StringComparison.Ordinal)
        && request.PathBase.Value is null or ""
        && request.Headers.ContentEncoding.Count == 0
            ? known
            : null;

    /// <summary>Remembers where a request went. Only where nothing but path and content type decides on model and dialect.</summary>
    /// <param name="http">The request; it has its endpoint.</param>
    /// <param name="asked">The model that its path names.</param>
    /// <param name="protocol">Its dialect.</param>
    /// <param name="exchange">What answers there.</param>
    public void Remember(HttpContext http, ModelSpec asked, IPredictProtocol protocol, PredictExchange exchange)
    {
        if (http.GetEndpoint() is not RouteEndpoint routed || http.Request.Path.Value is not { } path)
        {
            return;
        }

        if (_paths.TryGetValue(path, out KnownPath? known) && known.Asked == asked && ReferenceEquals(known.Protocol, protocol))
        {
            // Routed all the same: too large to be looked at before, or of another content type, which leads to the same endpoint.
            if (!string.Equals(known.ContentType, http.Request.ContentType, StringComparison.Ordinal))
            {
                _paths[path] = known with { ContentType = http.Request.ContentType };
            }

            return;
        }

        // Callers make up paths: labels, escapes. Who asks often is remembered again at once.
        if (_paths.Count >= Capacity)
        {
            _paths.Clear();
        }

        // All that the endpoint says of itself, and the model, which is not among its route values where nothing is routed.
        var endpoint = new RouteEndpoint(
            again => exchange.HandleAsync(again, asked, protocol), routed.RoutePattern, routed.Order, new EndpointMetadataCollection([.. routed.Metadata, new RoutedModel(asked)]), routed.DisplayName);
        _paths[path] = new KnownPath(endpoint, asked, protocol, http.Request.ContentType);
    }
}

/// <summary>What a path and a content type lead to.</summary>
/// <param name="Endpoint">The endpoint, which says what scope it asks for, and answers for this path alone.</param>
/// <param name="Asked">The model, and perhaps the version or label.</param>
/// <param name="Protocol">The dialect.</param>
/// <param name="ContentType">The request's content type, letter by letter.</param>
internal sealed record KnownPath(Endpoint Endpoint, ModelSpec Asked, IPredictProtocol Protocol, string? ContentType);

/// <summary>Of an endpoint that answers for one model.</summary>
/// <param name="Asked">The model, and perhaps the version or label.</param>
internal sealed record RoutedModel(ModelSpec Asked);
