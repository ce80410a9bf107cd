using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Options;

namespace ModelGateway.Transport.Tls;

/// <summary>TLS by configuration: which addresses speak it, and with which certificate.</summary>
internal static class TlsSetup
{
    private static readonly char[] Separators = [' ', ';', ','];

    public static void AddTls(this WebApplicationBuilder builder)
    {
        IConfigurationSection section = builder.Configuration.GetSection(TlsOptions.Section);
        builder.Services.AddSingleton<IValidateOptions<GatewayOptions>, TlsOptionsValidator>();
        var tls = new TlsOptions { CertificateFile = section[nameof(TlsOptions.CertificateFile)], Addresses = section[nameof(TlsOptions.Addresses)] };
        if (!tls.IsOn)
        {
            return;
        }

        builder.Services.AddSingleton<TlsCertificates>();
        builder.Services.AddOptions<KestrelServerOptions>().Configure<IOptions<GatewayOptions>, TlsCertificates>(static (kestrel, gateway, certificates) =>
            kestrel.ConfigureHttpsDefaults(https => Configure(https, gateway.Value.Tls, certificates)));
        AddAddresses(builder, tls);
    }

    /// <summary>Before everything that answers.</summary>
    public static void UseTls(this WebApplication app)
    {
        TlsOptions tls = app.Services.GetRequiredService<IOptions<GatewayOptions>>().Value.Tls;
        if (!tls.IsOn)
        {
            return;
        }

        if (tls.HstsMaxAge > TimeSpan.Zero)
        {
            app.UseMiddleware<StrictTransport>();
        }

        if (tls.PlainHttp == PlainHttp.Operations)
        {
            app.UseMiddleware<PlainHttpGate>();
        }
    }

    /// <summary>The addresses of <c>Gateway:Tls:Addresses</c>.</summary>
    public static string[] AddressesOf(TlsOptions tls) =>
        string.IsNullOrWhiteSpace(tls.Addresses) ? [TlsOptions.DefaultAddress] : tls.Addresses.Split(Separators, StringSplitOptions.RemoveEmptyEntries);

    // Endpoints of the section Kestrel stand for themselves: the server would pass all other addresses over.
    private static void AddAddresses(WebApplicationBuilder builder, TlsOptions tls)
    {
        ConfigurationManager configuration = builder.Configuration;
        if (configuration.GetSection("Kestrel:Endpoints").GetChildren().Any())
        {
            return;
        }

        string[] others = configuration["urls"] is { } urls
            ? Split(urls)
            : [.. Split(configuration["http_ports"]).Select(port => $"http://*:{port}"), .. Split(configuration["https_ports"]).Select(port => $"https://*:{port}")];
        if (!string.IsNullOrWhiteSpace(tls.Addresses) || !others.Any(address => address.StartsWith("https://", StringComparison.OrdinalIgnoreCase)))
        {
            builder.WebHost.UseUrls([.. others, .. AddressesOf(tls)]);
        }
    }

    private static string[] Split(string? list) => (list ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static void Configure(HttpsConnectionAdapterOptions https, TlsOptions tls, TlsCertificates certificates)
    {
        https.SslProtocols = tls.Protocols;
        https.ClientCertificateMode = tls.ClientCertificates switch
        {
            ClientCertificates.Required => ClientCertificateMode.RequireCertificate,
            ClientCertificates.Optional => ClientCertificateMode.AllowCertificate,
            _ => ClientCertificateMode.NoCertificate,
        };

        // Only so that the server knows that there is one.
        https.ServerCertificateSelector = static (_, _) => null;
        https.OnAuthenticate = (_, handshake) => certificates.Apply(handshake);
    }
}
