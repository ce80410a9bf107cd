using ModelGateway.Serving.Repository.Encryption;
using ModelGateway.Serving.Repository.Signing;
using ModelGateway.TestKit;
using ModelGateway.Trust;
using Xunit;

namespace ModelGateway.Tests.Trust;

/// <summary>What the sections Gateway:Signatures and Gateway:Encryption may hold; all faults come at once, and none quotes a key.</summary>
public sealed class ConfiguredTrustTests : IDisposable
{
    private const string Key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    private readonly OpenSsl _openssl = new();

    public void Dispose() => _openssl.Dispose();

    [Fact]
    public void ReadSignatures_KeysOfBothKindsInlineAndInFiles_AreTaken()
    {
        string inline = _openssl.MakeKey("ecdsa", "a").Trim().Replace("\n", "\\n", StringComparison.Ordinal);
        _openssl.MakeKey("ed25519", "b");
        var options = new SignatureOptions
        {
            Mode = SignatureMode.Require,
            Keys = [new SignatureKeyOptions { Id = "a", Pem = inline }, new SignatureKeyOptions { PemFile = "b.pub.pem" }],
        };

        Assert.Empty(Faults(options));
    }

    [Fact]
    public void ReadSignatures_NothingSet_IsOffAndFine() => Assert.Empty(Faults(new SignatureOptions()));

    [Theory]
    [InlineData(SignatureMode.Verify)]
    [InlineData(SignatureMode.Require)]
    public void ReadSignatures_ModeWithoutKeys_SaysWhatToSet(SignatureMode mode)
    {
        string fault = Assert.Single(Faults(new SignatureOptions { Mode = mode }));

        Assert.Equal($"Gateway:Signatures:Mode is {mode} and there are no keys: set Gateway:Signatures:Keys:0:PemFile to the public key of who signs.", fault);
    }

    [Fact]
    public void ReadSignatures_Several_AllAtOnce()
    {
        string pem = _openssl.MakeKey("ed25519", "a");
        string secret = File.ReadAllText(_openssl.PathOf("a.pem"));
        List<string> faults = Faults(new SignatureOptions
        {
            Keys =
            [
                new SignatureKeyOptions(),
                new SignatureKeyOptions { Pem = pem, PemFile = "a.pub.pem" },
                new SignatureKeyOptions { PemFile = "missing.pem" },
                new SignatureKeyOptions { Pem = secret },
                new SignatureKeyOptions { Id = "twice", Pem = pem },
                new SignatureKeyOptions { Id = "twice", Pem = pem },
            ],
        });

        Assert.Equal(5, faults.Count);
        Assert.Contains("Gateway:Signatures:Keys:0 needs exactly one of Pem and PemFile; neither is set.", faults);
        Assert.Contains("Gateway:Signatures:Keys:1 needs exactly one of Pem and PemFile; both are set.", faults);
        Assert.Contains(faults, fault => fault.StartsWith("Gateway:Signatures:Keys:2:PemFile names a file that cannot be read", StringComparison.Ordinal));
        Assert.Contains(faults, fault => fault.StartsWith("Gateway:Signatures:Keys:3:Pem holds a private key", StringComparison.Ordinal));
        Assert.Contains("Gateway:Signatures:Keys holds the Id 'twice' more than once: give each key its own.", faults);
        Assert.DoesNotContain(faults, fault => fault.Contains(secret.Split('\n')[1], StringComparison.Ordinal));
    }

    [Fact]
    public void ReadEncryption_KeysInlineAndInFiles_AreFoundById()
    {
        File.WriteAllText(_openssl.PathOf("new.key"), Key + "\n");
        var faults = new List<string>();

        EncryptionKeys keys = ConfiguredTrust.ReadEncryption(
            new EncryptionOptions { Keys = [new EncryptionKeyOptions { Id = "old", Key = Key }, new EncryptionKeyOptions { Id = "new", KeyFile = "new.key" }] }, _openssl.Folder, faults);

        Assert.Empty(faults);
        Assert.Equal(["new", "old"], keys.Ids);
    }

    [Fact]
    public void ReadEncryption_Several_AllAtOnce()
    {
        var faults = new List<string>();
        ConfiguredTrust.ReadEncryption(
            new EncryptionOptions
            {
                Keys =
                [
                    new EncryptionKeyOptions { Key = Key },
                    new EncryptionKeyOptions { Id = new string('x', 65), Key = Key },
                    new EncryptionKeyOptions { Id = "none" },
                    new EncryptionKeyOptions { Id = "short", Key = "c2hvcnQ=" },
                    new EncryptionKeyOptions { Id = "text", Key = "open sesame" },
                    new EncryptionKeyOptions { Id = "missing", KeyFile = "missing.key" },
                    new EncryptionKeyOptions { Id = "twice", Key = Key },
                    new EncryptionKeyOptions { Id = "twice", Key = Key },
                ],
            },
            _openssl.Folder,
            faults);

        Assert.Equal(7, faults.Count);
        Assert.Equal(2, faults.Count(fault => fault.Contains(":Id is not a name", StringComparison.Ordinal)));
        Assert.Contains("Gateway:Encryption:Keys:2 needs exactly one of Key and KeyFile; neither is set.", faults);
        Assert.Contains(faults, fault => fault.StartsWith("Gateway:Encryption:Keys:3:Key holds 5 bytes", StringComparison.Ordinal));
        Assert.Contains(faults, fault => fault.StartsWith("Gateway:Encryption:Keys:4:Key is not base64", StringComparison.Ordinal));
        Assert.Contains(faults, fault => fault.StartsWith("Gateway:Encryption:Keys:5:KeyFile names a file that cannot be read", StringComparison.Ordinal));
        Assert.Contains(faults, fault => fault.Contains("'twice' more than once", StringComparison.Ordinal));
        Assert.DoesNotContain(faults, fault => fault.Contains("c2hvcnQ", StringComparison.Ordinal) || fault.Contains("sesame", StringComparison.Ordinal));
    }

    private List<string> Faults(SignatureOptions options)
    {
        var faults = new List<string>();
        ConfiguredTrust.ReadSignatures(options, _openssl.Folder, faults);
        return faults;
    }
}
