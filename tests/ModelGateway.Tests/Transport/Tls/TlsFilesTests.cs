using System.Security.Cryptography.X509Certificates;
using ModelGateway.TestKit.Hosting;
using ModelGateway.Transport.Tls;
using Xunit;

namespace ModelGateway.Tests.Transport.Tls;

/// <summary>Files that change while they are read.</summary>
public sealed class TlsFilesTests : IDisposable
{
    private readonly X509Certificate2 _root = PrivateAuthority.Create();
    private readonly MountedSecret _secret = new();

    public void Dispose()
    {
        _root.Dispose();
        _secret.Dispose();
    }

    // The old certificate would meet a new key in some of the readings: each generation has a pair of its own.
    [Fact]
    public async Task Read_LinkTurnsBetweenTwoFiles_IsNoFault()
    {
        Put();
        TlsFiles files = Files();
        string? known = files.Read(DateTimeOffset.UtcNow, null, out TlsMaterial? material, []);
        Assert.NotNull(material);

        Task turning = Task.Run(() =>
        {
            for (int turns = 0; turns < 300; turns++)
            {
                Put();
            }
        });
        while (!turning.IsCompleted)
        {
            var faults = new List<string>();
            files.Read(DateTimeOffset.UtcNow, known, out material, faults);
            Assert.Empty(faults);
            known = material?.Fingerprint ?? known;
        }

        await turning;
        string? last = files.Read(DateTimeOffset.UtcNow, null, out material, []);
        Assert.Equal(last, material!.Fingerprint);
    }

    [Fact]
    public void Read_FaultThatStays_IsToldOnce()
    {
        Put();
        File.Delete(_secret.PathOf("tls.key"));
        var faults = new List<string>();

        Assert.Null(Files().Read(DateTimeOffset.UtcNow, null, out TlsMaterial? material, faults));

        Assert.Null(material);
        Assert.Contains("KeyFile names a file that cannot be read", Assert.Single(faults), StringComparison.Ordinal);
    }

    private TlsFiles Files() => new(new TlsOptions { CertificateFile = _secret.PathOf("tls.crt"), KeyFile = _secret.PathOf("tls.key") }, _secret.Folder);

    private void Put()
    {
        using X509Certificate2 certificate = CertificateMaker.Server(_root);
        _secret.Put(("tls.crt", certificate.ExportCertificatePem()), ("tls.key", CertificateMaker.KeyPem(certificate)));
    }
}
