using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Http;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Storage.Http.Tests;

public sealed class CredentialsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("credentials-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task ListAsync_BasicAuthenticationOfNginx_IsAnswered()
    {
        await using NginxServer nginx = await NginxServer.StartAsync(
            "auth_basic models; auth_basic_user_file {base}/users;", ("users", "gateway:{PLAIN}päss wörd\n"));
        using var folder = new IndexedFolder(nginx.Root);
        folder.Write("iris/1/model.onnx", [1, 2, 3]);
        string location = nginx.AddressOf(folder.IndexFile).AbsoluteUri;

        IObjectStore store = Open(location, ("Username", "gateway"), ("Password", "päss wörd"));
        StoredObject listed = Assert.Single((await store.ListAsync(null, CancellationToken.None))!.Objects);
        await store.CopyToAsync(listed, Stream.Null, CancellationToken.None);

        IOException refused = await Assert.ThrowsAsync<IOException>(
            () => Open(location, ("Username", "gateway"), ("Password", "wrong-one")).ListAsync(null, CancellationToken.None));
        Assert.Contains("Gateway:Http:Username", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("wrong-one", refused.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListAsync_BearerTokenFileThatIsRenewed_IsReadAnew()
    {
        await using ScriptedWebServer server = await ScriptedWebServer.StartAsync(EmptyIndexAsync);
        string file = WriteFile("token", "first\n");
        IObjectStore store = Open($"{server.Address}index.json", ("BearerTokenFile", file));
        await store.ListAsync(null, CancellationToken.None);

        WriteFile("token", "second");
        await store.ListAsync(null, CancellationToken.None);
        File.Delete(file);
        IOException exception = await Assert.ThrowsAsync<IOException>(() => store.ListAsync(null, CancellationToken.None));

        Assert.Equal(["Bearer first", "Bearer second"], server.Requests.Select(request => request.Headers.Authorization.ToString()));
        Assert.Contains("Gateway:Http:BearerTokenFile", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListAsync_RedirectedOnTheSameServer_CarriesCredentialsAndConditionOn()
    {
        await using ScriptedWebServer server = await ScriptedWebServer.StartAsync(context =>
        {
            context.Response.Headers.ETag = "\"1\"";
            return context.Request.Path == "/index.json" ? RedirectAsync(context, "/moved/index.json") : EmptyIndexAsync(context);
        });
        var harness = new StoreHarness(("BearerToken", "secret"));
        IObjectStore store = harness.Open(new HttpObjectStoreProvider(), $"{server.Address}index.json");

        string? marker = (await store.ListAsync(null, CancellationToken.None))!.Marker;
        await store.ListAsync(marker, CancellationToken.None);

        Assert.Equal(["/index.json", "/moved/index.json", "/index.json", "/moved/index.json"], server.Requests.Select(request => request.Path));
        Assert.All(server.Requests, request => Assert.Equal("Bearer secret", request.Headers.Authorization));
        Assert.Equal("\"1\"", server.Requests.Last().Headers.IfNoneMatch);
        Assert.Equal(4, (await harness.RequestsAsync()).Values.Sum());
    }

    [Theory]
    [InlineData("Username", "gateway", "Password", "secret")]
    [InlineData("BearerToken", "secret", "AllowInsecure", "false")]
    public async Task CopyRangeAsync_RedirectedToAnotherServer_CarriesTheRangeButNoCredentials(string key, string value, string key2, string value2)
    {
        await using ScriptedWebServer other = await ScriptedWebServer.StartAsync(async context =>
        {
            context.Response.StatusCode = StatusCodes.Status206PartialContent;
            context.Response.Headers.ContentRange = "bytes 1-2/3";
            await context.Response.Body.WriteAsync(new byte[] { 2, 3 });
        });
        await using ScriptedWebServer server = await ScriptedWebServer.StartAsync(context => RedirectAsync(context, $"{other.Address}blob?signature=abc"));
        IObjectStore store = Open($"{server.Address}index.json", (key, value), (key2, value2));

        using var destination = new MemoryStream();
        await store.CopyRangeAsync(new StoredObject("iris/1/model.onnx", 3, "", default), 1, 2, destination, CancellationToken.None);

        Assert.Equal([2, 3], destination.ToArray());
        Assert.True(Assert.Single(server.Requests).Headers.ContainsKey("Authorization"));
        IHeaderDictionary sent = Assert.Single(other.Requests).Headers;
        Assert.Equal("bytes=1-2", sent.Range);
        Assert.False(sent.ContainsKey("Authorization"));
    }

    [Theory]
    [InlineData("/index.json", "in circles")]
    [InlineData("ftp://elsewhere.example/index.json?signature=abc", "to ftp on elsewhere.example")]
    [InlineData("file:///etc/passwd", "to file on")]
    public async Task ListAsync_RedirectThatLeadsNowhere_IsAnIOException(string target, string expected)
    {
        await using ScriptedWebServer server = await ScriptedWebServer.StartAsync(context => RedirectAsync(context, target));

        IOException exception = await Assert.ThrowsAsync<IOException>(() => Open($"{server.Address}index.json").ListAsync(null, CancellationToken.None));

        Assert.Contains(expected, exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("signature", exception.Message, StringComparison.Ordinal);
        Assert.InRange(server.Requests.Count, 1, 6);
    }

    [Fact]
    public async Task ListAsync_PrivateAuthority_IsBelievedOnlyWhereItIsConfigured()
    {
        using X509Certificate2 authority = PrivateAuthority.Create();
        using X509Certificate2 certificate = PrivateAuthority.Certify(authority);
        await using ScriptedWebServer server = await ScriptedWebServer.StartAsync(EmptyIndexAsync, certificate);
        string location = $"https://127.0.0.1:{server.Address.Port}/index.json";

        Assert.Empty((await Open(location, ("CertificateAuthorityFile", WriteFile("ca.pem", authority.ExportCertificatePem()))).ListAsync(null, CancellationToken.None))!.Objects);

        IOException exception = await Assert.ThrowsAsync<IOException>(() => Open(location).ListAsync(null, CancellationToken.None));
        Assert.Contains("Gateway:Http:CertificateAuthorityFile", exception.Message, StringComparison.Ordinal);
        using X509Certificate2 other = PrivateAuthority.Create();
        await Assert.ThrowsAsync<IOException>(
            () => Open(location, ("CertificateAuthorityFile", WriteFile("other.pem", other.ExportCertificatePem()))).ListAsync(null, CancellationToken.None));
    }

    [Fact]
    public async Task ListAsync_RedirectedFromHttpsToHttp_IsNotFollowed()
    {
        using X509Certificate2 authority = PrivateAuthority.Create();
        using X509Certificate2 certificate = PrivateAuthority.Certify(authority);
        await using ScriptedWebServer open = await ScriptedWebServer.StartAsync(EmptyIndexAsync);
        await using ScriptedWebServer server = await ScriptedWebServer.StartAsync(context => RedirectAsync(context, $"{open.Address}index.json"), certificate);
        IObjectStore store = Open($"https://127.0.0.1:{server.Address.Port}/index.json", ("CertificateAuthorityFile", WriteFile("ca.pem", authority.ExportCertificatePem())));

        Assert.Contains("from https to http", (await Assert.ThrowsAsync<IOException>(() => store.ListAsync(null, CancellationToken.None))).Message, StringComparison.Ordinal);

        Assert.Empty(open.Requests);
    }

    private static IObjectStore Open(string location, params (string, string?)[] settings) =>
        new StoreHarness(settings).Open(new HttpObjectStoreProvider(), location);

    private string WriteFile(string name, string content)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, content);
        return path;
    }

    private static Task EmptyIndexAsync(HttpContext context) => context.Response.WriteAsync("""{"objects":[]}""");

    private static Task RedirectAsync(HttpContext context, string target)
    {
        context.Response.StatusCode = StatusCodes.Status302Found;
        context.Response.Headers.Location = target;
        return Task.CompletedTask;
    }
}
