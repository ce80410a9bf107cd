using System.Net;
using System.Security.Cryptography.X509Certificates;
using ModelGateway.TestKit.Hosting;
using Xunit;

namespace ModelGateway.Tests.Transport.Tls;

/// <summary>Callers who show certificates.</summary>
public sealed class ClientCertificateTests
{
    [Fact]
    public async Task Required_OnlyCertificatesOfTheAuthorityAreAnswered()
    {
        await using TlsHost host = await StartAsync("Required");
        using X509Certificate2 own = CertificateMaker.Client(host.Root, "caller");
        using X509Certificate2 strange = PrivateAuthority.Create();
        using X509Certificate2 strangers = CertificateMaker.Client(strange, "caller");
        using X509Certificate2 server = CertificateMaker.Server(host.Root);
        using X509Certificate2 wrongUse = X509CertificateLoader.LoadPkcs12(server.Export(X509ContentType.Pkcs12), null);

        Assert.Equal(HttpStatusCode.OK, await AskAsync(host, own));
        await Assert.ThrowsAsync<HttpRequestException>(() => AskAsync(host, null));
        await Assert.ThrowsAsync<HttpRequestException>(() => AskAsync(host, strangers));
        await Assert.ThrowsAsync<HttpRequestException>(() => AskAsync(host, wrongUse));
    }

    [Fact]
    public async Task Optional_NoneIsAnsweredAndABadOneIsNot()
    {
        await using TlsHost host = await StartAsync("Optional");
        using X509Certificate2 own = CertificateMaker.Client(host.Root, "caller");
        using X509Certificate2 strange = PrivateAuthority.Create();
        using X509Certificate2 strangers = CertificateMaker.Client(strange, "caller");

        Assert.Equal(HttpStatusCode.OK, await AskAsync(host, null));
        Assert.Equal(HttpStatusCode.OK, await AskAsync(host, own));
        await Assert.ThrowsAsync<HttpRequestException>(() => AskAsync(host, strangers));
    }

    [Fact]
    public async Task Authority_Replaced_IsTheOneThatCounts()
    {
        await using TlsHost host = await StartAsync("Required");
        using X509Certificate2 next = PrivateAuthority.Create();
        using X509Certificate2 before = CertificateMaker.Client(host.Root, "caller");
        using X509Certificate2 after = CertificateMaker.Client(next, "caller");
        Assert.Equal(HttpStatusCode.OK, await AskAsync(host, before));

        host.PutNewCertificate(clientAuthority: next);
        await TlsHost.WaitUntilAsync(async () => await IsAnsweredAsync(host, after), "The new authority is not believed.");

        Assert.False(await IsAnsweredAsync(host, before));
    }

    private static async Task<bool> IsAnsweredAsync(TlsHost host, X509Certificate2 certificate)
    {
        try
        {
            return await AskAsync(host, certificate) == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private static Task<TlsHost> StartAsync(string mode) => TlsHost.StartAsync(("Gateway:Tls:ClientCertificates", mode), ("Gateway:Tls:ClientCaFile", TlsHost.SecretFile("ca.crt")));

    private static async Task<HttpStatusCode> AskAsync(TlsHost host, X509Certificate2? certificate)
    {
        using HttpResponseMessage response = await TlsHost.PredictAsync(host.Connect(certificate), host.Secure);
        return response.StatusCode;
    }
}
