using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace ModelGateway.TestKit.Hosting;

/// <summary>Certificates as files have them, of a private authority; for servers, callers and intermediate authorities.</summary>
public static class CertificateMaker
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    /// <summary>An authority below another one.</summary>
    public static X509Certificate2 Intermediate(X509Certificate2 root)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=An intermediate authority", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        using X509Certificate2 signed = request.Create(root, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(2), RandomNumberGenerator.GetBytes(8));
        return signed.CopyWithPrivateKey(key);
    }

    /// <summary>A server's certificate for 127.0.0.1 and localhost.</summary>
    /// <param name="authority">Who signs.</param>
    /// <param name="until">When it ends, counted from now; an hour unless given.</param>
    public static X509Certificate2 Server(X509Certificate2 authority, TimeSpan? until = null) => Make(authority, "CN=127.0.0.1", ServerAuthentication, until ?? TimeSpan.FromHours(1));

    /// <summary>A caller's certificate.</summary>
    public static X509Certificate2 Client(X509Certificate2 authority, string name)
    {
        using X509Certificate2 made = Make(authority, $"CN={name}", ClientAuthentication, TimeSpan.FromHours(1));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
    }

    /// <summary>Its private key, as a file has it.</summary>
    public static string KeyPem(X509Certificate2 certificate)
    {
        using ECDsa key = certificate.GetECDsaPrivateKey()!;
        return key.ExportPkcs8PrivateKeyPem();
    }

    /// <summary>Its private key, encrypted.</summary>
    public static string KeyPem(X509Certificate2 certificate, string password)
    {
        using ECDsa key = certificate.GetECDsaPrivateKey()!;
        return key.ExportEncryptedPkcs8PrivateKeyPem(password, new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000));
    }

    private static X509Certificate2 Make(X509Certificate2 authority, string subject, string usage, TimeSpan until)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], critical: false));
        using X509Certificate2 signed = request.Create(authority, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow + until, RandomNumberGenerator.GetBytes(8));
        return signed.CopyWithPrivateKey(key);
    }
}
