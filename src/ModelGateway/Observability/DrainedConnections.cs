namespace ModelGateway.Observability;

/// <summary>
/// Says <c>Connection: close</c> on every answer from SIGTERM on, so that clients and load balancers go on over a connection to another replica
/// before this server closes theirs: a request that crosses with the end of an idle connection is lost, and many clients do not send it again.
/// </summary>
/// <remarks>HTTP/1 only: HTTP/2 tells by GOAWAY which requests were taken. Until SIGTERM it asks one token a request and allocates nothing.</remarks>
internal sealed class DrainedConnections(RequestDelegate next, IHostApplicationLifetime lifetime)
{
    // The token itself, as readiness asks it: what is registered with it is called after it says so, one after the other.
    private readonly CancellationToken _stopping = lifetime.ApplicationStopping;

    public Task InvokeAsync(HttpContext http)
    {
        if (_stopping.IsCancellationRequested && !HttpProtocol.IsHttp2(http.Request.Protocol) && !HttpProtocol.IsHttp3(http.Request.Protocol))
        {
            // At the start of the answer: whoever writes an error over a half-made answer clears its headers.
            http.Response.OnStarting(
                static state =>
                {
                    ((HttpResponse)state).Headers.Connection = "close";
                    return Task.CompletedTask;
                },
                http.Response);
        }

        return next(http);
    }
}
