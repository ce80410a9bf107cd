using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Tests.Auth;

/// <summary>What the section Gateway:Auth may hold; all faults come at once.</summary>
public sealed class AuthOptionsTests
{
    private const string Fits = "Gateway:Auth:Keys:0:Secret=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    [Fact]
    public void Nothing_Production_SaysWhatToSet()
    {
        string faults = Faults();

        Assert.Contains("Gateway__Auth__Authority=", faults);
        Assert.Contains("Gateway__Auth__Keys__0__PemFile=", faults);
        Assert.Contains("Gateway__Auth__Enabled=false", faults);
    }

    [Fact]
    public void Nothing_Staging_SaysWhatToSet() => Assert.Contains("Gateway__Auth__Authority=", Faults("environment=Staging"));

    [Fact]
    public void Nothing_DevelopmentOrDisabled_Starts()
    {
        Assert.Equal("", Faults("environment=Development"));
        Assert.Equal("", Faults("Gateway:Auth:Enabled=false"));
    }

    [Fact]
    public void Several_AllAtOnce()
    {
        string faults = Faults(
            "Gateway:Auth:Authority=nonsense",
            "Gateway:Auth:Audience=",
            "Gateway:Auth:Algorithms=none RS265",
            "Gateway:Auth:ClockSkew=01:00:00",
            "Gateway:Auth:Keys:0:Secret=c2hvcnQ=",
            "Gateway:PollInterval=00:00:00");

        Assert.Contains("Authority and Gateway:Auth:Keys are both set", faults);
        Assert.Contains("Gateway:Auth:Authority is not a URL", faults);
        Assert.Contains("Gateway:Auth:Audience is empty", faults);
        Assert.Contains("Gateway:Auth:Algorithms has 'none'", faults);
        Assert.Contains("Did you mean 'RS256'?", faults);
        Assert.Contains("ClockSkew", faults);
        Assert.Contains("Gateway:Auth:Issuer is not set", faults);
        Assert.Contains("Gateway:Auth:Keys:0:Secret holds 5 bytes", faults);
        Assert.Contains("PollInterval", faults);
        Assert.DoesNotContain("c2hvcnQ", faults);
    }

    [Theory]
    [InlineData("Authority=http://issuer.example.com", "has no TLS")]
    [InlineData("Authority=ftp://issuer.example.com", "is not a URL")]
    [InlineData("Authority=https://issuer.example.com;Algorithms=HS256", "Algorithms has 'HS256'")]
    public void Authority_Faulty_Named(string settings, string fault) => Assert.Contains(fault, Faults(Prefixed(settings)));

    [Theory]
    [InlineData("Authority=https://issuer.example.com")]
    [InlineData("Authority=https://issuer.example.com;Algorithms=RS256 ES256")]
    [InlineData("Authority=http://127.0.0.1:1")]
    [InlineData("Authority=http://issuer.example.com;RequireHttpsMetadata=false")]
    public void Authority_Good_Starts(string settings) => Assert.Equal("", Faults(Prefixed(settings)));

    [Fact]
    public void Authority_LoopbackButHttpsRequired_Refused() =>
        Assert.Contains("has no TLS", Faults(Prefixed("Authority=http://127.0.0.1:1;RequireHttpsMetadata=true")));

    [Theory]
    [InlineData("Keys:0:Id=a", "exactly one of Pem, PemFile, Secret and SecretFile; none of them is set")]
    [InlineData("Keys:0:Pem=x;Keys:0:Secret=y", "set are Pem and Secret")]
    [InlineData("Keys:0:Pem=x", "Keys:0:Pem is not a public key or certificate")]
    [InlineData("Keys:0:PemFile=/does/not/exist", "Keys:0:PemFile names a file that cannot be read")]
    [InlineData("Keys:0:SecretFile=/does/not/exist", "Keys:0:SecretFile names a file that cannot be read")]
    [InlineData("Keys:0:Secret=???", "Keys:0:Secret is not base64")]
    [InlineData(Fits + ";Keys:0:Algorithm=RS256", "Algorithm is 'RS256', and the key is for HS256")]
    [InlineData(Fits + ";Keys:0:Algorithm=HS512", "Algorithm is 'HS512', and the key is for HS256")]
    [InlineData(Fits + ";Algorithms=RS256", "Gateway:Auth:Algorithms has none of them")]
    public void Key_Faulty_Named(string settings, string fault) => Assert.Contains(fault, Faults(Prefixed("Issuer=i;" + settings)));

    [Fact]
    public void Key_SameIdTwice_Named() =>
        Assert.Contains("holds the Id 'a' more than once", Faults(Prefixed($"Issuer=i;Keys:0:Id=a;Keys:1:Id=a;{Fits};{Fits.Replace(":0:", ":1:", StringComparison.Ordinal)}")));

    [Fact]
    public void Key_EveryKindAndSource_Starts()
    {
        using var folder = new RepositoryFolder();
        using var rsa = RSA.Create(2048);
        using var ec = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        var request = new System.Security.Cryptography.X509Certificates.CertificateRequest("CN=test", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddYears(-2), DateTimeOffset.UtcNow.AddYears(-1));
        string pemFile = Path.Combine(folder.Root, "ec.pem");
        string secretFile = Path.Combine(folder.Root, "secret");
        File.WriteAllText(pemFile, ec.ExportSubjectPublicKeyInfoPem());
        File.WriteAllText(secretFile, Convert.ToBase64String(new byte[64]) + "\n");

        Assert.Equal("", Faults(
            "Gateway:Auth:Issuer=i",
            "Gateway:Auth:Keys:0:Pem=" + rsa.ExportSubjectPublicKeyInfoPem(),
            "Gateway:Auth:Keys:1:Pem=" + rsa.ExportRSAPublicKeyPem().Replace("\n", "\\n", StringComparison.Ordinal),
            "Gateway:Auth:Keys:2:Pem=" + certificate.ExportCertificatePem(),
            "Gateway:Auth:Keys:3:PemFile=" + pemFile,
            "Gateway:Auth:Keys:3:Algorithm=ES384",
            "Gateway:Auth:Keys:4:SecretFile=" + secretFile,
            "Gateway:Auth:Keys:4:Algorithm=HS512"));
    }

    [Fact]
    public void Key_PrivateOrWeakOrStrange_Named()
    {
        using var weak = RSA.Create(1024);
        using var strange = ECDsa.Create(ECCurve.NamedCurves.brainpoolP256r1);
        using var secret = ECDsa.Create(ECCurve.NamedCurves.nistP256);

        string faults = Faults(
            "Gateway:Auth:Issuer=i",
            "Gateway:Auth:Keys:0:Pem=" + weak.ExportSubjectPublicKeyInfoPem(),
            "Gateway:Auth:Keys:1:Pem=" + strange.ExportSubjectPublicKeyInfoPem(),
            "Gateway:Auth:Keys:2:Pem=" + secret.ExportPkcs8PrivateKeyPem());

        Assert.Contains("Keys:0:Pem is an RSA key of 1024 bits", faults);
        Assert.Contains("Keys:1:Pem is neither an RSA key nor one on the curves", faults);
        Assert.Contains("Keys:2:Pem holds a private key", faults);
        Assert.DoesNotContain("BEGIN", faults);
    }

    [Fact]
    public void WrongType_Named() => Assert.Contains("Gateway:Auth:Enabled", Faults("Gateway:Auth:Enabled=perhaps"));

    private static string[] Prefixed(string settings) =>
        [.. settings.Split(';').Select(setting => setting.StartsWith("Gateway:", StringComparison.Ordinal) ? setting : "Gateway:Auth:" + setting)];

    // What a start with these settings says; empty where nothing is wrong.
    private static string Faults(params string[] settings)
    {
        string[] args = ["--environment=Production", "--urls=http://127.0.0.1:0", "--Gateway:Repository=/nowhere", .. settings.Select(setting => "--" + setting)];
        try
        {
            GatewayApp.Build(args).Services.GetService(typeof(IOptions<GatewayOptions>));
            return "";
        }
        catch (OptionsValidationException exception)
        {
            return StartupFaults.Describe(exception);
        }
    }
}
