using System.Net;
using ModelGateway.Serving.Diagnostics;

namespace ModelGateway.Storage.Http;

/// <summary>Counts every request that leaves through it; each store over HTTP puts its client on one, SDKs included.</summary>
/// <param name="traffic">Where they are counted.</param>
/// <param name="operationOf">What a request asks for: one of a few words, see <see cref="StoreTraffic.Count"/>.</param>
/// <param name="inner">Sends them.</param>
public sealed class ObservedHandler(StoreTraffic traffic, Func<HttpRequestMessage, string> operationOf, HttpMessageHandler inner) : DelegatingHandler(inner)
{
    /// <summary>
    /// Connections to a store: as many as downloads ask for, renewed now and then so that a changed address is noticed, and given up
    /// early where nobody answers. They follow no redirects: those would go uncounted, and credentials perhaps with them; who expects
    /// some follows them itself.
    /// </summary>
    public static SocketsHttpHandler CreateConnections() => new()
    {
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        ConnectTimeout = TimeSpan.FromSeconds(10),
        AutomaticDecompression = DecompressionMethods.None,
        AllowAutoRedirect = false,
        UseCookies = false,
    };

    /// <inheritdoc/>
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        // Asked before it is sent: a handler below may follow redirects, and does that by changing the request.
        string operation = operationOf(request);
        string outcome = "error";
        try
        {
            HttpResponseMessage response = await base.SendAsync(request, cancellationToken);
            outcome = OutcomeOf(response.StatusCode);
            return response;
        }
        finally
        {
            traffic.Count(operation, outcome);
        }
    }

    /// <inheritdoc/>
    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        // Some SDKs fetch their tokens so.
        string operation = operationOf(request);
        string outcome = "error";
        try
        {
            HttpResponseMessage response = base.Send(request, cancellationToken);
            outcome = OutcomeOf(response.StatusCode);
            return response;
        }
        finally
        {
            traffic.Count(operation, outcome);
        }
    }

    private static string OutcomeOf(HttpStatusCode status) => status switch
    {
        HttpStatusCode.NotModified => "unchanged",
        HttpStatusCode.NotFound or HttpStatusCode.Gone => "not_found",
        HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => "refused",
        HttpStatusCode.Conflict or HttpStatusCode.PreconditionFailed or HttpStatusCode.RequestedRangeNotSatisfiable => "changed",
        < HttpStatusCode.BadRequest => "success",
        _ => "error",
    };
}
