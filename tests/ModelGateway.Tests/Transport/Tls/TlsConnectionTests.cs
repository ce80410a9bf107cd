using System.Net;
using System.Security.Authentication;
using System.Text.Json;
using Xunit;

namespace ModelGateway.Tests.Transport.Tls;

/// <summary>What callers of an address with TLS, and of the one without, see.</summary>
public sealed class TlsConnectionTests
{
    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public async Task Secure_CallerWhoKnowsTheRootAlone_IsAnswered(SslProtocols protocol)
    {
        await using TlsHost host = await TlsHost.StartAsync();

        using HttpResponseMessage response = await TlsHost.PredictAsync(host.Connect(protocols: protocol), host.Secure);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task Secure_MinVersion13_RefusesTls12()
    {
        await using TlsHost host = await TlsHost.StartAsync(("Gateway:Tls:MinVersion", "Tls13"));

        await Assert.ThrowsAsync<HttpRequestException>(() => TlsHost.PredictAsync(host.Connect(protocols: SslProtocols.Tls12), host.Secure));
        using HttpResponseMessage response = await TlsHost.PredictAsync(host.Connect(protocols: SslProtocols.Tls13), host.Secure);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task Secure_SeveralAddresses_AreAllAnswered()
    {
        await using TlsHost host = await TlsHost.StartAsync(("Gateway:Tls:Addresses", "https://127.0.0.1:0 https://127.0.0.1:0"));

        Uri[] addresses = [.. host.Host.Addresses.Where(address => address.Scheme == Uri.UriSchemeHttps)];
        Assert.Equal(2, addresses.Length);
        foreach (Uri address in addresses)
        {
            using HttpResponseMessage response = await TlsHost.PredictAsync(host.Connect(), address);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }
    }

    [Fact]
    public async Task Plain_ByDefault_AnswersHealthAndMetricsOnly()
    {
        await using TlsHost host = await TlsHost.StartAsync();
        HttpClient secure = host.Connect();

        // Often enough for the answer to come from memory, past routing.
        for (int i = 0; i < 4; i++)
        {
            using HttpResponseMessage answered = await TlsHost.PredictAsync(secure, host.Secure);
            Assert.Equal(HttpStatusCode.OK, answered.StatusCode);
        }

        using HttpResponseMessage refused = await TlsHost.PredictAsync(host.Host.Client, host.Plain);
        JsonElement problem = JsonDocument.Parse(await refused.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Equal("urn:modelgateway:problem:plain-http", problem.GetProperty("type").GetString());
        Assert.Equal(refused.Headers.GetValues("X-Request-Id").Single(), problem.GetProperty("requestId").GetString());
        foreach (string path in new[] { "/health/live", "/health/ready", "/v2/health/live", "/metrics" })
        {
            using HttpResponseMessage operation = await host.Host.Client.GetAsync(new Uri(host.Plain, path));
            Assert.Equal(HttpStatusCode.OK, operation.StatusCode);
        }

        using HttpResponseMessage other = await host.Host.Client.GetAsync(new Uri(host.Plain, "/v2/healthy"));
        Assert.Equal(HttpStatusCode.Forbidden, other.StatusCode);
    }

    [Fact]
    public async Task Plain_Everything_IsAnswered()
    {
        await using TlsHost host = await TlsHost.StartAsync(("Gateway:Tls:PlainHttp", "Everything"));

        using HttpResponseMessage response = await TlsHost.PredictAsync(host.Host.Client, host.Plain);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task Hsts_OnEveryAnswerOverTlsAndOnNoOther()
    {
        await using TlsHost host = await TlsHost.StartAsync(("Gateway:Tls:HstsMaxAge", "1.00:00:00"), ("Gateway:Tls:PlainHttp", "Everything"));
        HttpClient secure = host.Connect();

        for (int i = 0; i < 4; i++)
        {
            using HttpResponseMessage answered = await TlsHost.PredictAsync(secure, host.Secure);
            Assert.Equal("max-age=86400", Assert.Single(answered.Headers.GetValues("Strict-Transport-Security")));
        }

        using HttpResponseMessage missing = await secure.GetAsync(new Uri("/nothing", UriKind.Relative));
        Assert.Equal("max-age=86400", Assert.Single(missing.Headers.GetValues("Strict-Transport-Security")));
        using HttpResponseMessage plain = await TlsHost.PredictAsync(host.Host.Client, host.Plain);
        Assert.False(plain.Headers.Contains("Strict-Transport-Security"));
        using HttpResponseMessage local = await secure.GetAsync(new UriBuilder(host.Secure) { Host = "localhost", Path = "/health/live" }.Uri);
        Assert.False(local.Headers.Contains("Strict-Transport-Security"));
    }
}
