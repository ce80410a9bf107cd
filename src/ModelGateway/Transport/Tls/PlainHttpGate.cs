using ModelGateway.Protocols;

namespace ModelGateway.Transport.Tls;

/// <summary>Keeps all but health and metrics from addresses without TLS. Only there where a certificate is configured.</summary>
/// <remarks>Not a redirect: the token was sent in the clear already, and a caller who is led on would not notice.</remarks>
internal sealed class PlainHttpGate
{
    private static readonly PathString[] Operations = ["/health", "/v2/health", "/metrics"];
    private readonly RequestDelegate _next;
    private readonly EarlyRefusals _refusals;

    public PlainHttpGate(RequestDelegate next, EarlyRefusals refusals) => (_next, _refusals) = (next, refusals);

    public Task InvokeAsync(HttpContext http) => http.Request.IsHttps || IsOperation(http.Request.Path)
        ? _next(http)
        : _refusals.RefuseAsync(http, static http => Problems.WriteAsync(
            http, StatusCodes.Status403Forbidden, "Plain HTTP", "This address answers health and metrics only: use https, and another token where one was sent just now, because everybody on the way could read it."));

    private static bool IsOperation(PathString path)
    {
        foreach (PathString operation in Operations)
        {
            if (path.StartsWithSegments(operation, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }
}
