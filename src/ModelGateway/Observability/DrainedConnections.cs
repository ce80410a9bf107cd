namespace ModelGateway.Observability;

/// <summary>
/// Says <c>Connection: close</c> on every answer from SIGTERM on, so that clients and load balancers go on over a connection to another replica
/// before this server closes theirs: a request that crosses with the end of an idle connection is lost, and many clients do not send it again.
/// </summary>
/// <remarks>HTTP/1 only: HTTP/2 tells by GOAWAY which requests were taken. Until SIGTERM it reads one field a request and allocates nothing.</remarks>
internal sealed class DrainedConnections
{
    private readonly RequestDelegate _next;
    private volatile bool _isStopping;

    public DrainedConnections(RequestDelegate next, IHostApplicationLifetime lifetime)
    {
        _next = next;
        lifetime.ApplicationStopping.Register(() => _isStopping = true);
    }

    public Task InvokeAsync(HttpContext http)
    {
        if (_isStopping && !HttpProtocol.IsHttp2(http.Request.Protocol) && !HttpProtocol.IsHttp3(http.Request.Protocol))
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

        return _next(http);
    }
}
