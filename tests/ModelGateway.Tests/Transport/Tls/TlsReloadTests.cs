using System.Security.Cryptography.X509Certificates;
using ModelGateway.TestKit.Hosting;
using Xunit;

namespace ModelGateway.Tests.Transport.Tls;

/// <summary>A certificate that is renewed while the server runs.</summary>
public sealed class TlsReloadTests
{
    private const string Expiry = "tls_certificate_expiry_timestamp_seconds";
    private const string Failed = "tls_certificate_reloads_total{outcome=\"failed\"}";
    private const string Succeeded = "tls_certificate_reloads_total{outcome=\"success\"}";

    [Fact]
    public async Task MountedSecret_Turned_NextConnectionIsShownTheNewCertificate()
    {
        await using TlsHost host = await TlsHost.StartAsync();
        string before = await host.SerialAsync();
        double? endsBefore = await host.MetricAsync(Expiry);

        string renewed = host.PutNewCertificate(TimeSpan.FromMinutes(90));
        await TlsHost.WaitUntilAsync(async () => await host.SerialAsync() == renewed, "The new certificate is not shown.");

        Assert.NotEqual(before, renewed);
        Assert.InRange((await host.MetricAsync(Expiry))!.Value - endsBefore!.Value, 1700, 1900);
        Assert.Equal(1, await host.MetricAsync(Succeeded));
        Assert.Equal(0, await host.MetricAsync(Failed));
    }

    [Fact]
    public async Task MountedSecret_FaultyThenGood_OldStaysUntilThen()
    {
        await using TlsHost host = await TlsHost.StartAsync();
        string before = await host.SerialAsync();
        using X509Certificate2 stranger = CertificateMaker.Server(host.Intermediate);
        using X509Certificate2 expired = CertificateMaker.Server(host.Intermediate, TimeSpan.FromMinutes(-1));

        // A key that belongs to another certificate, as a half-done renewal leaves it.
        host.Secret.Put(("tls.crt", stranger.ExportCertificatePem()), ("tls.key", CertificateMaker.KeyPem(expired)), ("ca.crt", ""));
        await TlsHost.WaitUntilAsync(async () => await host.MetricAsync(Failed) == 1, "The faulty key is not counted.");
        Assert.Equal(before, await host.SerialAsync());

        host.Secret.Put(("tls.crt", expired.ExportCertificatePem()), ("tls.key", CertificateMaker.KeyPem(expired)), ("ca.crt", ""));
        await TlsHost.WaitUntilAsync(async () => await host.MetricAsync(Failed) == 2, "The expired certificate is not counted.");
        Assert.Equal(before, await host.SerialAsync());

        string renewed = host.PutNewCertificate();
        await TlsHost.WaitUntilAsync(async () => await host.SerialAsync() == renewed, "The new certificate is not shown.");
        Assert.Equal(2, await host.MetricAsync(Failed));
    }

    [Fact]
    public async Task NoCertificate_NoGauge()
    {
        await using GatewayHost host = await GatewayHost.StartAsync();

        Assert.DoesNotContain("modelgateway_tls", await host.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative)), StringComparison.Ordinal);
    }
}
