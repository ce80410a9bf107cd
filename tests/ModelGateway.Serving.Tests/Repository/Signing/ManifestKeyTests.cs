using System.Security.Cryptography;
using System.Text;
using ModelGateway.Serving.Repository.Signing;
using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository.Signing;

/// <summary>Signatures are made by openssl, as publishers make them.</summary>
public sealed class ManifestKeyTests : IDisposable
{
    private static readonly byte[] Manifest = """{"files":[{"name":"model.onnx","size":1,"sha256":"00"}]}"""u8.ToArray();
    private readonly OpenSsl _openssl = new();

    public static TheoryData<string> Kinds => ["ecdsa", "ed25519"];

    public void Dispose() => _openssl.Dispose();

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Verifies_EveryFormOfTheOwnersSignature(string kind)
    {
        ManifestKey key = MakeKey(kind);
        byte[] raw = _openssl.Sign(kind, "key", Manifest);
        string wrapped = _openssl.Run("base64", "-in", "content.sig");
        string oneLine = Convert.ToBase64String(raw);

        Assert.True(key.Verifies(Manifest, raw));
        foreach (string text in new[] { wrapped, oneLine, oneLine + "\n", oneLine + "\r\n" })
        {
            Assert.True(key.Verifies(Manifest, Encoding.ASCII.GetBytes(text)), text);
        }
    }

    [Fact]
    public void Verifies_EcdsaInFixedLength()
    {
        ManifestKey key = MakeKey("ecdsa");
        using var signer = ECDsa.Create();
        signer.ImportFromPem(File.ReadAllText(_openssl.PathOf("key.pem")));

        byte[] signature = signer.SignData(Manifest, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);

        Assert.Equal(64, signature.Length);
        Assert.True(key.Verifies(Manifest, signature));
        Assert.True(key.Verifies(Manifest, Encoding.ASCII.GetBytes(Convert.ToBase64String(signature))));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Verifies_AnyBitOfTheContentFlipped_Never(string kind)
    {
        ManifestKey key = MakeKey(kind);
        byte[] signature = _openssl.Sign(kind, "key", Manifest);

        Assert.All(Flips(Manifest), changed => Assert.False(key.Verifies(changed, signature)));
        Assert.False(key.Verifies([.. Manifest, (byte)'\n'], signature));
        Assert.False(key.Verifies([], signature));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Verifies_AnyBitOfTheSignatureFlippedOrMissing_Never(string kind)
    {
        ManifestKey key = MakeKey(kind);
        byte[] signature = _openssl.Sign(kind, "key", Manifest);

        Assert.All(Flips(signature), changed => Assert.False(key.Verifies(Manifest, changed)));
        Assert.All(Enumerable.Range(0, signature.Length), length => Assert.False(key.Verifies(Manifest, signature[..length])));
        Assert.False(key.Verifies(Manifest, [.. signature, 0]));
        Assert.False(key.Verifies(Manifest, "not a signature"u8.ToArray()));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Verifies_SignatureOfSomebodyElse_Never(string kind)
    {
        ManifestKey key = MakeKey(kind);
        foreach (string other in new[] { "ecdsa", "ed25519" })
        {
            _openssl.MakeKey(other, "other");
            Assert.False(key.Verifies(Manifest, _openssl.Sign(other, "other", Manifest)));
        }
    }

    [Theory]
    [InlineData("", "is not a public key in PEM")]
    [InlineData("hello", "is not a public key in PEM")]
    [InlineData("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "damaged")]
    [InlineData("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "is not a public key in PEM")]
    public void Parse_WhatIsNoPublicKey_SaysSo(string pem, string reason)
    {
        Assert.Contains(reason, Assert.Throws<FormatException>(() => ManifestKey.Parse("a", pem)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-algorithm EC -pkeyopt ec_paramgen_curve:P-384")]
    [InlineData("-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1")]
    [InlineData("-algorithm RSA -pkeyopt rsa_keygen_bits:2048")]
    [InlineData("-algorithm ed448")]
    [InlineData("-algorithm x25519")]
    public void Parse_KeyOfAnotherKind_IsRefused(string arguments)
    {
        _openssl.Run(["genpkey", "-out", "key.pem", .. arguments.Split(' ')]);
        string pem = _openssl.Run("pkey", "-in", "key.pem", "-pubout");

        Assert.Contains("ECDSA on the curve P-256, or Ed25519", Assert.Throws<FormatException>(() => ManifestKey.Parse("a", pem)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Parse_PrivateKey_IsRefusedWithoutQuotingIt(string kind)
    {
        _openssl.MakeKey(kind, "key");
        string pem = File.ReadAllText(_openssl.PathOf("key.pem"));

        string message = Assert.Throws<FormatException>(() => ManifestKey.Parse("a", pem)).Message;

        Assert.Contains("holds a private key", message, StringComparison.Ordinal);
        Assert.DoesNotContain(pem.Split('\n')[1], message, StringComparison.Ordinal);
    }

    private ManifestKey MakeKey(string kind) => ManifestKey.Parse("key", _openssl.MakeKey(kind, "key"));

    private static IEnumerable<byte[]> Flips(byte[] content)
    {
        for (int bit = 0; bit < content.Length * 8; bit++)
        {
            byte[] changed = [.. content];
            changed[bit / 8] ^= (byte)(1 << (bit % 8));
            yield return changed;
        }
    }
}
