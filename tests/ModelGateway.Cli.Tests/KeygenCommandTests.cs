using ModelGateway.Serving.Repository.Encryption;
using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Cli.Tests;

public sealed class KeygenCommandTests : IDisposable
{
    private readonly OpenSsl _openssl = new();

    public void Dispose() => _openssl.Dispose();

    [Theory]
    [InlineData("ecdsa", "prime256v1")]
    [InlineData("ed25519", "ED25519")]
    public void Keygen_ToSign_MakesKeysThatOpensslTakes(string kind, string name)
    {
        string path = _openssl.PathOf("release.pem");

        CliRun run = CliRun.Of("keygen", kind, path);

        Assert.Equal((0, ""), (run.Code, run.Errors));
        Assert.Contains(name, _openssl.Run("pkey", "-in", "release.pem", "-noout", "-text"), StringComparison.Ordinal);
        Assert.Equal(File.ReadAllText(_openssl.PathOf("release.pub.pem")), _openssl.Run("pkey", "-in", "release.pem", "-pubout"));
        AssertPrivate(path);
    }

    [Fact]
    public void Keygen_ToEncrypt_MakesAKeyThatTheGatewayTakes()
    {
        string path = _openssl.PathOf("k1.key");

        Assert.Equal(0, CliRun.Of("keygen", "aes", path).Code);

        Assert.True(EncryptionKey.TryParse("k1", File.ReadAllText(path), out _, out string? fault), fault);
        AssertPrivate(path);
    }

    [Theory]
    [InlineData("aes", "a.pem")]
    [InlineData("ed25519", "a.pem")]
    [InlineData("ed25519", "a.pub.pem")]
    public void Keygen_FileIsThere_KeepsItAndFails(string kind, string existing)
    {
        File.WriteAllText(_openssl.PathOf(existing), "precious");

        CliRun run = CliRun.Of("keygen", kind, _openssl.PathOf("a.pem"));

        Assert.Equal(1, run.Code);
        Assert.Contains("never overwritten", run.Errors, StringComparison.Ordinal);
        Assert.Equal("precious", File.ReadAllText(_openssl.PathOf(existing)));
        Assert.Single(Directory.GetFiles(_openssl.Folder));
    }

    private static void AssertPrivate(string path)
    {
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        }
    }
}
