using System.Globalization;
using Microsoft.Extensions.Options;

namespace ModelGateway.Transport.Tls;

/// <summary>Says on every answer over TLS that browsers shall not come without it (RFC 6797). Only there where a certificate is configured.</summary>
internal sealed class StrictTransport(RequestDelegate next, IOptions<GatewayOptions> options)
{
    private readonly string _value = string.Create(CultureInfo.InvariantCulture, $"max-age={(long)options.Value.Tls.HstsMaxAge.TotalSeconds}");

    public Task InvokeAsync(HttpContext http)
    {
        // All that a developer runs on localhost has one name: the header would close the plain ones.
        if (http.Request.IsHttps && !http.Request.Host.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase))
        {
            // At the start of the answer: whoever writes an error over a half-made one clears its headers.
            http.Response.OnStarting(SetAsync, http);
        }

        return next(http);
    }

    private Task SetAsync(object http)
    {
        ((HttpContext)http).Response.Headers.StrictTransportSecurity = _value;
        return Task.CompletedTask;
    }
}
