using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Options;
using ModelGateway.TestKit.Hosting;
using Xunit;

namespace ModelGateway.Tests.Transport.Tls;

/// <summary>The forms in which a certificate comes, and what is said of those that do not hold.</summary>
public sealed class TlsOptionsTests : IDisposable
{
    private const string Password = "correct-horse-battery";
    private readonly MountedSecret _secret = new();
    private readonly X509Certificate2 _root = PrivateAuthority.Create();
    private readonly X509Certificate2 _server;

    public TlsOptionsTests()
    {
        _server = CertificateMaker.Server(_root);
        using X509Certificate2 old = CertificateMaker.Server(_root, TimeSpan.FromMinutes(-1));
        using X509Certificate2 caller = CertificateMaker.Client(_root, "caller");
        _secret.Put(
            ("tls.crt", Utf8(_server.ExportCertificatePem())),
            ("tls.key", Utf8(CertificateMaker.KeyPem(_server))),
            ("encrypted.key", Utf8(CertificateMaker.KeyPem(_server, Password))),
            ("both.pem", Utf8($"{_server.ExportCertificatePem()}\n{CertificateMaker.KeyPem(_server)}\n")),
            ("server.pfx", _server.Export(X509ContentType.Pkcs12, Password)),
            ("old.pem", Utf8($"{old.ExportCertificatePem()}\n{CertificateMaker.KeyPem(old)}\n")),
            ("caller.pem", Utf8($"{caller.ExportCertificatePem()}\n{caller.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem()}\n")),
            ("damaged.pem", Utf8($"{_server.ExportCertificatePem()}\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n{CertificateMaker.KeyPem(_server)}\n")),
            ("other.key", Utf8(CertificateMaker.KeyPem(old))),
            ("password", Utf8($"{Password}\n")),
            ("wrong", Utf8("wrong-password")),
            ("noise", Utf8("noise")));
    }

    public void Dispose()
    {
        _secret.Dispose();
        _server.Dispose();
        _root.Dispose();
    }

    [Theory]
    [InlineData("CertificateFile=both.pem")]
    [InlineData("CertificateFile=tls.crt KeyFile=tls.key")]
    [InlineData("CertificateFile=tls.crt KeyFile=encrypted.key PasswordFile=password")]
    [InlineData("CertificateFile=server.pfx PasswordFile=password")]
    [InlineData("CertificateFile=server.pfx Password=" + Password)]
    public async Task Certificate_InEachForm_Answers(string settings)
    {
        await using GatewayHost host = await GatewayHost.StartAsync(null, [("urls", "https://127.0.0.1:0"), .. Settings(settings)]);
        using var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) => ((X509Certificate2)certificate!).SerialNumber == _server.SerialNumber;
        using var client = new HttpClient(handler);

        using HttpResponseMessage response = await client.GetAsync(new Uri(host.Address, "/health/live"));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Single(host.Addresses);
    }

    [Theory]
    [InlineData("CertificateFile=missing", "Gateway:Tls:CertificateFile names a file that cannot be read")]
    [InlineData("CertificateFile=noise", "neither PEM nor a PFX file that opens without a password")]
    [InlineData("CertificateFile=server.pfx PasswordFile=wrong", "neither PEM nor a PFX file that the password opens")]
    [InlineData("CertificateFile=tls.crt", "Gateway:Tls:CertificateFile holds no private key in PEM: set Gateway:Tls:KeyFile")]
    [InlineData("CertificateFile=tls.crt KeyFile=noise", "Gateway:Tls:KeyFile holds no private key in PEM")]
    [InlineData("CertificateFile=tls.crt KeyFile=other.key", "Gateway:Tls:KeyFile holds a key that does not fit the certificate")]
    [InlineData("CertificateFile=tls.crt KeyFile=encrypted.key", "set Gateway:Tls:PasswordFile")]
    [InlineData("CertificateFile=tls.crt KeyFile=encrypted.key PasswordFile=wrong", "or the password does not open it")]
    [InlineData("CertificateFile=damaged.pem", "Gateway:Tls:CertificateFile holds a certificate that cannot be used")]
    [InlineData("CertificateFile=old.pem", "holds a certificate that ended on")]
    [InlineData("CertificateFile=caller.pem", "not for servers")]
    [InlineData("CertificateFile=both.pem ClientCertificates=Required", "set Gateway:Tls:ClientCaFile")]
    [InlineData("CertificateFile=both.pem ClientCaFile=tls.crt", "Gateway:Tls:ClientCertificates is Off")]
    [InlineData("CertificateFile=both.pem ClientCertificates=Optional ClientCaFile=noise", "Gateway:Tls:ClientCaFile holds no certificate")]
    [InlineData("CertificateFile=both.pem Addresses=http://127.0.0.1:0", "Gateway:Tls:Addresses has 'http://127.0.0.1:0'")]
    [InlineData("CertificateFile=server.pfx Password=a PasswordFile=password", "are both set")]
    [InlineData("KeyFile=tls.key", "Gateway:Tls has settings and no certificate")]
    public async Task Settings_Faulty_AreToldAtTheStart(string settings, string fault)
    {
        OptionsValidationException exception = await Assert.ThrowsAsync<OptionsValidationException>(() => GatewayHost.StartAsync(null, Settings(settings)));

        Assert.Contains(exception.Failures, failure => failure.Contains(fault, StringComparison.Ordinal));
        Assert.DoesNotContain(Password, exception.Message, StringComparison.Ordinal);
    }

    private static byte[] Utf8(string text) => System.Text.Encoding.UTF8.GetBytes(text);

    private (string Key, string Value)[] Settings(string settings) =>
        [.. settings.Split(' ').Select(setting => setting.Split('=', 2)).Select(pair => ($"Gateway:Tls:{pair[0]}", pair[0].EndsWith("File", StringComparison.Ordinal) ? _secret.PathOf(pair[1]) : pair[1]))];
}
