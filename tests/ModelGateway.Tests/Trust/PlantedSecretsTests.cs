using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Onnx;
using ModelGateway.Tests.Auth;
using ModelGateway.Tests.Http;
using Xunit;

namespace ModelGateway.Tests.Trust;

/// <summary>Secrets are planted wherever a setting takes one, and looked for in everything that the server says.</summary>
public sealed class PlantedSecretsTests : IDisposable
{
    private readonly MountedSecret _folder = new();
    private readonly byte[] _signing = RandomNumberGenerator.GetBytes(32);
    private readonly List<string> _planted = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Everything_ThatTheServerSays_HoldsNoSecret()
    {
        string signing = Convert.ToBase64String(_signing);
        string refresh = Plant("refresh");
        string redis = Plant("redis");
        string keySecret = PlantKey();
        string encryption = PlantKey();
        string pfxPassword = Plant("pfx");
        _planted.Add(signing);
        _folder.Put(
            ("Gateway__Auth__Keys__0__Secret", Utf8(signing)),
            ("Gateway__Refresh__Secret", Utf8(refresh + "\n")),
            ("Gateway__Cache__Redis__Password", Utf8(redis)),
            ("key-secret", Utf8(keySecret)),
            ("tls.password", Utf8(pfxPassword)),
            ("tls.pfx", Certificate(pfxPassword)));
        await using HttpGateway gateway = await HttpGateway.StartAsync(
            repository => repository.AddVersion("m", 1, TestModels.AddConstant(1)),
            ("SecretsFolder", _folder.Folder),
            ("Auth__Enabled", "true"),
            ("Auth__Issuer", TestToken.DefaultIssuer),
            ("Audit__Enabled", "true"),
            ("Cache__Redis__Configuration", "127.0.0.1:1,connectTimeout=50"),
            ("Cache__KeySecretFile", _folder.PathOf("key-secret")),
            ("Cache__Encryption__Keys__0__Id", "one"),
            ("Cache__Encryption__Keys__0__Key", encryption),
            ("S3__SecretAccessKey", Plant("s3")),
            ("S3__SessionToken", Plant("session")),
            ("AzureBlob__SasToken", $"sig={Plant("sas")}"),
            ("Http__Password", Plant("web")),
            ("MLflow__Token", Plant("mlflow")),
            ("Tls__CertificateFile", _folder.PathOf("tls.pfx")),
            ("Tls__PasswordFile", _folder.PathOf("tls.password")),
            ("Tls__Addresses", "https://127.0.0.1:0"),
            ("Tls__PlainHttp", "Everything"),
            ("Swagger__Enabled", "true"),
            ("Logging__Level", "Verbose"),
            ("Logging__Requests", "All"));

        string token = new TestToken().Sign(_signing);
        string strange = new TestToken().With("jti", Plant("jti")).Sign(RandomNumberGenerator.GetBytes(32));
        _planted.AddRange([token, strange, token.Split('.')[2], strange.Split('.')[1]]);
        var said = new StringBuilder();
        foreach ((string method, string path, string body) in new[]
        {
            ("POST", "/predict/m", """{"inputs":{"x":[[1]]}}"""),
            ("POST", "/predict/m", "{"),
            ("POST", "/v2/repository/index", "{}"),
            ("POST", "/v2/repository/refresh", "{}"),
            ("POST", "/v2/repository/models/m/load", "{}"),
            ("POST", "/v2/logging", """{"level":"Verbose"}"""),
            ("DELETE", "/v2/models/m/cache", ""),
            ("GET", "/v2/models/m", ""),
            ("GET", "/health/ready", ""),
            ("GET", "/metrics", ""),
            ("GET", "/swagger/index.html", ""),
            ("GET", "/swagger/v1/swagger.json", ""),
            ("GET", "/nothing", ""),
        })
        {
            foreach (string? given in new[] { token, strange, null })
            {
                said.Append(await AskAsync(gateway, new HttpMethod(method), path, body, given));
            }
        }

        // The folder's secret opens the one endpoint, so it was read.
        using var announced = new HttpRequestMessage(HttpMethod.Post, $"/v2/repository/refresh?secret={refresh}");
        using HttpResponseMessage taken = await gateway.Client.SendAsync(announced);
        Assert.Equal(202, (int)taken.StatusCode);

        // Faults of a renewal are told, too.
        _folder.Put(("tls.pfx", Utf8("noise")), ("tls.password", Utf8(Plant("second"))));
        await gateway.WaitUntilAsync(() => Task.FromResult(gateway.Process.Output.Contains("not taken", StringComparison.Ordinal)), () => "The faulty certificate is not told");
        gateway.Process.Terminate();
        await gateway.Process.WaitForExitAsync(HttpGateway.Patience);

        said.Append(gateway.Process.Output);
        Assert.Contains("\"audit\":true", gateway.Process.Output, StringComparison.Ordinal);
        Assert.All(_planted, secret => Assert.DoesNotContain(secret, said.ToString(), StringComparison.Ordinal));
    }

    [Fact]
    public async Task Start_WithFaults_TellsThemWithoutTheSecrets()
    {
        await using HttpGateway gateway = HttpGateway.Start(
            _ => { },
            ("Auth__Enabled", "true"),
            ("Auth__Keys__0__Secret", Plant("not-base-64!")),
            ("Refresh__Secret", "short-one"),
            ("Cache__KeySecret", Plant("key-secret!")),
            ("Tls__CertificateFile", "missing.pem"),
            ("Tls__Password", Plant("tls")),
            ("SecretsFolder", "missing-folder"));

        Assert.NotEqual(0, await gateway.Process.WaitForExitAsync(HttpGateway.Patience));
        foreach (string key in new[] { "Gateway:Auth:Keys:0:Secret", "Gateway:Refresh:Secret", "Gateway:Tls:CertificateFile", "Gateway:SecretsFolder names a folder that is not there" })
        {
            Assert.Contains(key, gateway.Process.Output, StringComparison.Ordinal);
        }

        Assert.All([.. _planted, "short-one"], secret => Assert.DoesNotContain(secret, gateway.Process.Output, StringComparison.Ordinal));
    }

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    private static byte[] Certificate(string password)
    {
        using var authority = PrivateAuthority.Create();
        using var server = CertificateMaker.Server(authority);
        return server.Export(System.Security.Cryptography.X509Certificates.X509ContentType.Pkcs12, password);
    }

    private static async Task<string> AskAsync(HttpGateway gateway, HttpMethod method, string path, string body, string? token)
    {
        using var request = new HttpRequestMessage(method, path);
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        request.Content = body.Length == 0 ? null : new StringContent(body, Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await gateway.Client.SendAsync(request);
        return $"{response.Headers}{await response.Content.ReadAsStringAsync()}\n";
    }

    private string Plant(string name)
    {
        string secret = $"planted-{name}-{Convert.ToHexString(RandomNumberGenerator.GetBytes(12))}";
        _planted.Add(secret);
        return secret;
    }

    private string PlantKey()
    {
        string key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
        _planted.Add(key);
        return key;
    }
}
