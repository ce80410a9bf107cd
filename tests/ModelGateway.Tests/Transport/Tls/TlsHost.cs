using System.Net.Http.Json;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Tests.Transport.Tls;

/// <summary>A host with one address over TLS and one without, and the mounted secret that its certificate comes from.</summary>
public sealed class TlsHost : IAsyncDisposable
{
    private const string Mounted = "secret://";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly List<IDisposable> _owned = [];
    private GatewayHost? _host;

    private TlsHost()
    {
        Root = Own(PrivateAuthority.Create());
        Intermediate = Own(CertificateMaker.Intermediate(Root));
    }

    public X509Certificate2 Root { get; }

    public X509Certificate2 Intermediate { get; }

    public MountedSecret Secret { get; } = new();

    public GatewayHost Host => _host!;

    public Uri Plain => Host.Addresses.First(address => address.Scheme == Uri.UriSchemeHttp);

    public Uri Secure => Host.Addresses.First(address => address.Scheme == Uri.UriSchemeHttps);

    /// <summary>Starts a host whose certificate is signed by an intermediate authority.</summary>
    public static async Task<TlsHost> StartAsync(params (string Key, string Value)[] settings)
    {
        var host = new TlsHost();
        host.PutNewCertificate();
        host._host = await GatewayHost.StartAsync(
            repository => repository.AddVersion("m", 1, TestModels.AddConstant(1)),
            [
                ("urls", "http://127.0.0.1:0"),
                ("Gateway:Tls:Addresses", "https://127.0.0.1:0"),
                ("Gateway:Tls:CertificateFile", host.Secret.PathOf("tls.crt")),
                ("Gateway:Tls:KeyFile", host.Secret.PathOf("tls.key")),
                ("Gateway:Tls:ReloadInterval", "00:00:00.050"),
                .. settings.Select(setting => (setting.Key, setting.Value.Replace(Mounted, host.Secret.Folder + "/", StringComparison.Ordinal))),
            ]);
        return host;
    }

    /// <summary>A file of the secret, for settings: where the secret is mounted is known only later.</summary>
    public static string SecretFile(string name) => Mounted + name;

    /// <summary>Puts a new certificate where the host looks for it.</summary>
    /// <returns>Its serial number.</returns>
    public string PutNewCertificate(TimeSpan? until = null, X509Certificate2? clientAuthority = null)
    {
        using X509Certificate2 certificate = CertificateMaker.Server(Intermediate, until);
        Secret.Put(
            ("tls.crt", $"{certificate.ExportCertificatePem()}\n{Intermediate.ExportCertificatePem()}\n"),
            ("tls.key", CertificateMaker.KeyPem(certificate)),
            ("ca.crt", (clientAuthority ?? Root).ExportCertificatePem()));
        return certificate.SerialNumber;
    }

    /// <summary>A client that believes the root alone, as one that knows no intermediate authority; a new connection for every request.</summary>
    public HttpClient Connect(X509Certificate2? certificate = null, SslProtocols protocols = SslProtocols.None)
    {
        SslClientAuthenticationOptions ssl = TrustRoot();
        ssl.EnabledSslProtocols = protocols;
        if (certificate is not null)
        {
            ssl.ClientCertificates = [certificate];
            ssl.LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate;
        }

        return Own(new HttpClient(new SocketsHttpHandler { SslOptions = ssl, PooledConnectionLifetime = TimeSpan.Zero }) { BaseAddress = Secure });
    }

    /// <summary>The serial number of the certificate that the next connection is shown.</summary>
    public async Task<string> SerialAsync()
    {
        using var tcp = new System.Net.Sockets.TcpClient();
        await tcp.ConnectAsync(Secure.Host, Secure.Port);
        await using var ssl = new SslStream(tcp.GetStream());
        await ssl.AuthenticateAsClientAsync(TrustRoot());
        return ((X509Certificate2)ssl.RemoteCertificate!).SerialNumber;
    }

    public async Task<double?> MetricAsync(string series) => Http.HttpGateway.Value(await Host.Client.GetStringAsync(new Uri(Plain, "/metrics")), series);

    public static async Task WaitUntilAsync(Func<Task<bool>> condition, string complaint)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!await condition())
        {
            Assert.False(patience.IsCancellationRequested, complaint);
            await Task.Delay(20);
        }
    }

    public static Task<HttpResponseMessage> PredictAsync(HttpClient client, Uri address) =>
        client.PostAsync(new Uri(address, "/predict/m"), JsonContent.Create(new { inputs = new { x = new[] { new[] { 1 } } } }));

    public async ValueTask DisposeAsync()
    {
        if (_host is not null)
        {
            await _host.DisposeAsync();
        }

        _owned.ForEach(owned => owned.Dispose());
        Secret.Dispose();
    }

    private SslClientAuthenticationOptions TrustRoot()
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        policy.CustomTrustStore.Add(Root);
        return new SslClientAuthenticationOptions { TargetHost = "127.0.0.1", CertificateChainPolicy = policy };
    }

    private T Own<T>(T disposable)
        where T : IDisposable
    {
        _owned.Add(disposable);
        return disposable;
    }
}
