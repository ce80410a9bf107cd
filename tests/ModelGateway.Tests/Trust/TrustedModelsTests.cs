using System.Net;
using System.Security.Cryptography;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Repository.Encryption;
using ModelGateway.Serving.Repository.Signing;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using ModelGateway.Tests.Http;
using Xunit;

namespace ModelGateway.Tests.Trust;

/// <summary>The real server with keys from its settings.</summary>
public sealed class TrustedModelsTests : IDisposable
{
    private const string Key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    private readonly OpenSsl _openssl = new();

    public void Dispose() => _openssl.Dispose();

    [Fact]
    public async Task Predict_EncryptedAndSigned_AnswersAndWhatIsUnsignedDoesNot()
    {
        _openssl.MakeKey("ed25519", "release");
        await File.WriteAllTextAsync(_openssl.PathOf("k1.key"), Key);
        await using HttpGateway gateway = await HttpGateway.StartAsync(
            Fill,
            ("Signatures__Mode", "Require"),
            ("Signatures__Keys__0__PemFile", _openssl.PathOf("release.pub.pem")),
            ("Encryption__Keys__0__Id", "k1"),
            ("Encryption__Keys__0__KeyFile", _openssl.PathOf("k1.key")));

        using HttpResponseMessage answer = await gateway.PostAsync("/predict/secret", """{"inputs":{"x":[[1]]}}""");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Contains("[[3]]", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using HttpResponseMessage refusal = await gateway.PostAsync("/predict/unsigned", """{"inputs":{"x":[[1]]}}""");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refusal.StatusCode);
        using HttpResponseMessage index = await gateway.PostAsync("/v2/repository/index", "{}");
        Assert.Contains("The version is not signed, and Gateway:Signatures:Mode is Require", await index.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain(Key, gateway.Process.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_FaultyKeys_ListsThemAndFails()
    {
        await using HttpGateway gateway = HttpGateway.Start(
            _ => { }, ("Signatures__Mode", "Require"), ("Encryption__Keys__0__Id", "k1"), ("Encryption__Keys__0__Key", "c2hvcnQ="), ("PollInterval", "00:00:00"));

        Assert.NotEqual(0, await gateway.Process.WaitForExitAsync(HttpGateway.Patience));
        Assert.Contains("Gateway:Signatures:Mode is Require and there are no keys", gateway.Process.Output, StringComparison.Ordinal);
        Assert.Contains("Gateway:Encryption:Keys:0:Key holds 5 bytes", gateway.Process.Output, StringComparison.Ordinal);
        Assert.Contains("PollInterval", gateway.Process.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("c2hvcnQ", gateway.Process.Output, StringComparison.Ordinal);
    }

    private void Fill(RepositoryFolder repository)
    {
        Assert.True(EncryptionKey.TryParse("k1", Key, out EncryptionKey? key, out string? fault), fault);
        using var cipher = new MemoryStream();
        EncryptedFile.Encrypt(new MemoryStream(TestModels.AddConstant(2)), cipher, ModelArtifact.ModelFileName, key);
        byte[] manifest = VersionManifest.Format(
            "secret", 1, [new ManifestFile(ModelArtifact.EncryptedModelFileName, cipher.Length, Convert.ToHexStringLower(SHA256.HashData(cipher.ToArray())))]);
        repository.WriteFile("secret", 1, ModelArtifact.EncryptedModelFileName, cipher.ToArray());
        repository.WriteFile("secret", 1, ManifestSignature.FileName, _openssl.Sign("ed25519", "release", manifest));
        repository.WriteFile("secret", 1, VersionManifest.FileName, manifest);
        repository.AddVersion("unsigned", 1, TestModels.AddConstant(1));
    }
}
