using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Storage.Http.Tests;

public sealed class HttpObjectStoreProviderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("provider-").FullName;

    public HttpObjectStoreProviderTests()
    {
        File.WriteAllText(Path.Combine(_folder, "token"), "abc\n");
        File.WriteAllText(Path.Combine(_folder, "empty"), "\n");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("https://models.example.com/index.json")]
    [InlineData("https://models.example.com:8443/team%20a/models.json")]
    [InlineData("http://models.example.com/index.json")]
    [InlineData("https://models.example.com/index.json", "BearerToken", "abc")]
    [InlineData("https://models.example.com/index.json", "BearerTokenFile", "FOLDER/token")]
    [InlineData("https://models.example.com/index.json", "Username", "gateway", "Password", "")]
    [InlineData("https://models.example.com/index.json", "Username", "gateway", "PasswordFile", "FOLDER/token")]
    [InlineData("http://127.0.0.1/index.json", "BearerToken", "abc")]
    [InlineData("http://localhost:8080/index.json", "BearerToken", "abc")]
    [InlineData("http://models.example.com/index.json", "BearerToken", "abc", "AllowInsecure", "true")]
    public void FindFaults_GoodLocation_HasNoneAndShowsItself(string location, params string[] settings)
    {
        StoreHarness harness = Harness(settings);

        Assert.Empty(new HttpObjectStoreProvider().FindFaults(new Uri(location), harness.Settings));
        Assert.Equal(location, harness.Open(new HttpObjectStoreProvider(), location).Location);
    }

    [Theory]
    [InlineData("s3://bucket/models", "https://host/path/index.json")]
    [InlineData("models", "https://host/path/index.json")]
    [InlineData("https://models.example.com", "must name the repository's index")]
    [InlineData("https://models.example.com/models/", "the path is '/models/'")]
    [InlineData("https://me:secret@models.example.com/index.json", "Gateway:Http:Username")]
    [InlineData("https://models.example.com/index.json?token=secret", "'?'")]
    [InlineData("https://models.example.com/index.json#secret", "'#'")]
    [InlineData("https://models.example.com/index.json", "Gateway:Http:BearerTokenFile are both set", "BearerToken", "secret", "BearerTokenFile", "FOLDER/token")]
    [InlineData("https://models.example.com/index.json", "Gateway:Http:PasswordFile are both set", "Username", "me", "Password", "secret", "PasswordFile", "FOLDER/token")]
    [InlineData("https://models.example.com/index.json", "Gateway:Http:Username is not set", "Password", "secret")]
    [InlineData("https://models.example.com/index.json", "neither Gateway:Http:Password nor", "Username", "me")]
    [InlineData("https://models.example.com/index.json", "only one of them", "Username", "me", "Password", "secret", "BearerToken", "secret")]
    [InlineData("https://models.example.com/index.json", "colon", "Username", "me:too", "Password", "secret")]
    [InlineData("https://models.example.com/index.json", "Gateway:Http:BearerToken does not hold a token", "BearerToken", "two secrets")]
    [InlineData("https://models.example.com/index.json", "Gateway:Http:BearerTokenFile does not hold a token", "BearerTokenFile", "FOLDER/empty")]
    [InlineData("https://models.example.com/index.json", "Gateway:Http:BearerTokenFile cannot be read", "BearerTokenFile", "FOLDER/none")]
    [InlineData("https://models.example.com/index.json", "Gateway:Http:PasswordFile cannot be read", "Username", "me", "PasswordFile", "FOLDER/none")]
    [InlineData("https://models.example.com/index.json", "Gateway:Http:CertificateAuthorityFile", "CertificateAuthorityFile", "FOLDER/none")]
    [InlineData("https://models.example.com/index.json", "no certificate in PEM form", "CertificateAuthorityFile", "FOLDER/token")]
    [InlineData("http://models.example.com/index.json", "Gateway:Http:AllowInsecure", "BearerToken", "secret")]
    [InlineData("http://models.example.com/index.json", "Gateway:Http:AllowInsecure", "Username", "me", "Password", "secret")]
    [InlineData("https://models.example.com/index.json", "AllowInsecure", "AllowInsecure", "perhaps")]
    public void FindFaults_Fault_IsOneSentenceWithoutSecrets(string location, string expected, params string[] settings)
    {
        string fault = Assert.Single(new HttpObjectStoreProvider().FindFaults(new Uri(location, UriKind.RelativeOrAbsolute), Harness(settings).Settings));

        Assert.Contains(expected, fault, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void FindFaults_ManyFaults_AreAllTold()
    {
        var location = new Uri("http://me:secret@models.example.com/models");

        Assert.Equal(5, new HttpObjectStoreProvider().FindFaults(location, Harness("Password", "secret", "CertificateAuthorityFile", "FOLDER/none").Settings).Count);
    }

    private StoreHarness Harness(params string[] settings) =>
        new([.. settings.Chunk(2).Select(pair => (pair[0], (string?)pair[1].Replace("FOLDER", _folder, StringComparison.Ordinal)))]);
}
