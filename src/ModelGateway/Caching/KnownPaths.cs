using System.Collections.Concurrent;
using ModelGateway.Protocols;
using ModelGateway.Serving.Models;

namespace ModelGateway.Caching;

/// <summary>Where requests went whose answers were kept: path and content type, as they were sent, lead to the endpoint that routing found. Bounded.</summary>
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

    /// <summary>Remembers where a request went.</summary>
    /// <param name="http">The request; it has its endpoint.</param>
    /// <param name="asked">The model that its path names.</param>
    /// <param name="protocol">Its dialect.</param>
    public void Remember(HttpContext http, in ModelSpec asked, IPredictProtocol protocol)
    {
        if (http.GetEndpoint() is not { } endpoint || http.Request.Path.Value is not { } path || Find(http.Request) is not null)
        {
            return;
        }

        // Callers make up paths: labels, escapes. Who asks often is remembered again at once.
        if (_paths.Count >= Capacity)
        {
            _paths.Clear();
        }

        _paths[path] = new KnownPath(endpoint, asked, protocol, http.Request.ContentType);
    }
}

/// <summary>What a path and a content type lead to.</summary>
/// <param name="Endpoint">The endpoint, which says what scope it asks for.</param>
/// <param name="Asked">The model, and perhaps the version or label.</param>
/// <param name="Protocol">The dialect.</param>
/// <param name="ContentType">The request's content type, letter by letter.</param>
internal sealed record KnownPath(Endpoint Endpoint, ModelSpec Asked, IPredictProtocol Protocol, string? ContentType);
