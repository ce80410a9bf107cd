using System.Security.Cryptography;
using NSec.Cryptography;

namespace ModelGateway.Cli;

/// <summary>A private key that manifests are signed with: ECDSA on the curve P-256, or Ed25519; PKCS#8 in PEM.</summary>
internal sealed class ManifestSigner : IDisposable
{
    private const string P256 = "1.2.840.10045.3.1.7";
    private readonly Key? _ed25519;
    private readonly ECDsa? _ecdsa;

    private ManifestSigner(Key? ed25519, ECDsa? ecdsa)
    {
        _ed25519 = ed25519;
        _ecdsa = ecdsa;
    }

    public static ManifestSigner Read(FileInfo file)
    {
        string pem = File.ReadAllText(file.FullName);
        if (!PemEncoding.TryFind(pem, out PemFields fields) || pem[fields.Label] != "PRIVATE KEY")
        {
            throw new RefusedException(pem.Contains("ENCRYPTED", StringComparison.Ordinal)
                ? $"'{file.Name}' is protected by a passphrase: hand over the key without ('openssl pkey -in {file.Name}'), by a file that only you can read."
                : $"'{file.Name}' is not a private key in PEM that begins with '-----BEGIN PRIVATE KEY-----': convert it with 'openssl pkcs8 -topk8 -nocrypt', or make one with 'modelgateway keygen'.");
        }

        byte[] der = Convert.FromBase64String(pem[fields.Base64Data]);
        try
        {
            if (Key.TryImport(SignatureAlgorithm.Ed25519, der, KeyBlobFormat.PkixPrivateKey, out Key? ed25519))
            {
                return new ManifestSigner(ed25519, null);
            }

            if (ReadP256(der) is { } ecdsa)
            {
                return new ManifestSigner(null, ecdsa);
            }
        }
        finally
        {
            CryptographicOperations.ZeroMemory(der);
        }

        throw new RefusedException($"'{file.Name}' is a key of another kind: signatures are ECDSA on the curve P-256, or Ed25519.");
    }

    /// <summary>The signature as openssl writes it: 64 bytes for Ed25519, DER for ECDSA.</summary>
    public byte[] Sign(byte[] content) => _ed25519 is not null
        ? SignatureAlgorithm.Ed25519.Sign(_ed25519, content)
        : _ecdsa!.SignData(content, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);

    public void Dispose()
    {
        _ed25519?.Dispose();
        _ecdsa?.Dispose();
    }

    private static ECDsa? ReadP256(byte[] der)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportPkcs8PrivateKey(der, out _);
            if (key.ExportParameters(includePrivateParameters: false).Curve.Oid.Value == P256)
            {
                return key;
            }
        }
        catch (CryptographicException)
        {
            // Of another algorithm, or damaged: told by the caller.
        }

        key.Dispose();
        return null;
    }
}
