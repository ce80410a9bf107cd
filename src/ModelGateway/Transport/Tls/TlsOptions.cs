using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Security.Authentication;

namespace ModelGateway.Transport.Tls;

/// <summary>Encrypted connections: the section <c>Gateway:Tls</c>. They are on as soon as a certificate is named.</summary>
internal sealed class TlsOptions
{
    public const string Section = GatewayOptions.Section + ":Tls";
    public const string DefaultAddress = "https://+:8443";

    [Description("File with the server's certificate: PEM, the server's own first and then the intermediate ones, or PFX (PKCS #12) with the key in it. It is read again when it changes. Without it the server speaks plain HTTP.")]
    public string? CertificateFile { get; set; }

    [Description("File with the private key, in PEM. Default: the key stands in the CertificateFile.")]
    public string? KeyFile { get; set; }

    [Description("Password of the PFX file or of the encrypted key. Prefer PasswordFile.")]
    public string? Password { get; set; }

    [Description("File that holds the password; read again together with the certificate.")]
    public string? PasswordFile { get; set; }

    [Description("Addresses that are listened at over TLS, with spaces between. Default: `https://+:8443`; none where the other addresses (`ASPNETCORE_URLS` and its kin) already have one with https.")]
    public string? Addresses { get; set; }

    [Description("Oldest version of TLS that is spoken: Tls12 or Tls13.")]
    public TlsVersion MinVersion { get; set; } = TlsVersion.Tls12;

    [Range(typeof(TimeSpan), "00:00:00.050", "01:00:00")]
    [Description("Time between two looks at the files for a new certificate.")]
    public TimeSpan ReloadInterval { get; set; } = TimeSpan.FromSeconds(10);

    [Description("What addresses without TLS answer while there is a certificate: Operations (health and metrics) or Everything.")]
    public PlainHttp PlainHttp { get; set; } = PlainHttp.Operations;

    [Range(typeof(TimeSpan), "00:00:00", "1825.00:00:00")]
    [Description("How long browsers shall use https only for this host (HSTS), said on answers over TLS; 0 says nothing. Never said for localhost.")]
    public TimeSpan HstsMaxAge { get; set; } = TimeSpan.FromDays(30);

    [Description("Certificates of callers: Off, Optional (a certificate that is sent must be good) or Required. They do not take the place of tokens.")]
    public ClientCertificates ClientCertificates { get; set; } = ClientCertificates.Off;

    [Description("PEM file with the authorities whose certificates callers may show; no other is believed. It is read again when it changes.")]
    public string? ClientCaFile { get; set; }

    /// <summary>Whether there is a certificate.</summary>
    public bool IsOn => !string.IsNullOrWhiteSpace(CertificateFile);

    /// <summary>The versions that are spoken.</summary>
    public SslProtocols Protocols => MinVersion == TlsVersion.Tls13 ? SslProtocols.Tls13 : SslProtocols.Tls12 | SslProtocols.Tls13;
}

/// <summary>Versions of TLS that are still safe.</summary>
internal enum TlsVersion
{
    Tls12,
    Tls13,
}

/// <summary>What is answered without TLS.</summary>
internal enum PlainHttp
{
    Operations,
    Everything,
}

/// <summary>Whether callers show certificates.</summary>
internal enum ClientCertificates
{
    Off,
    Optional,
    Required,
}
