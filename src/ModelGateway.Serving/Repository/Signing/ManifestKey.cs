using System.Security.Cryptography;
using NSec.Cryptography;
using SpkiPublicKey = System.Security.Cryptography.X509Certificates.PublicKey;

namespace ModelGateway.Serving.Repository.Signing;

/// <summary>A public key whose owner may sign manifests: ECDSA on the curve P-256 with SHA-256, or Ed25519. May be used by several threads.</summary>
public sealed class ManifestKey
{
    private const string EllipticCurve = "1.2.840.10045.2.1";
    private const string P256 = "1.2.840.10045.3.1.7";
    private const string Ed25519 = "1.3.101.112";
    private readonly byte[] _spki;
    private readonly NSec.Cryptography.PublicKey? _ed25519;

    private ManifestKey(string id, byte[] spki, NSec.Cryptography.PublicKey? ed25519)
    {
        Id = id;
        _spki = spki;
        _ed25519 = ed25519;
    }

    /// <summary>What operators call it.</summary>
    public string Id { get; }

    /// <summary>Reads a public key in PEM (SubjectPublicKeyInfo, <c>BEGIN PUBLIC KEY</c>).</summary>
    /// <exception cref="FormatException">It is no key of either kind; the message continues a sentence that begins with where it stands.</exception>
    public static ManifestKey Parse(string id, string pem)
    {
        if (pem.Contains("PRIVATE KEY-----", StringComparison.Ordinal))
        {
            throw new FormatException("holds a private key: only the public one belongs here ('openssl pkey -in private.pem -pubout').");
        }

        if (!PemEncoding.TryFind(pem, out PemFields fields) || pem[fields.Label] != "PUBLIC KEY")
        {
            throw new FormatException("is not a public key in PEM: it begins with '-----BEGIN PUBLIC KEY-----' ('openssl pkey -in private.pem -pubout').");
        }

        byte[] der = Convert.FromBase64String(pem[fields.Base64Data]);
        try
        {
            switch (SpkiPublicKey.CreateFromSubjectPublicKeyInfo(der, out _).Oid.Value)
            {
                case Ed25519:
                    return new ManifestKey(id, der, NSec.Cryptography.PublicKey.Import(SignatureAlgorithm.Ed25519, der, KeyBlobFormat.PkixPublicKey));
                case EllipticCurve when CurveOf(der) == P256:
                    return new ManifestKey(id, der, null);
            }
        }
        catch (Exception exception) when (exception is CryptographicException or FormatException)
        {
            throw new FormatException("holds a damaged public key.", exception);
        }

        throw new FormatException("is a key of another kind: signatures are ECDSA on the curve P-256, or Ed25519.");
    }

    /// <summary>Whether the owner of the key signed these bytes.</summary>
    /// <param name="content">The manifest.</param>
    /// <param name="signatureFile">The content of the signature's file, in any form that is accepted.</param>
    public bool Verifies(ReadOnlySpan<byte> content, byte[] signatureFile)
    {
        foreach (byte[] signature in ManifestSignature.Read(signatureFile))
        {
            if (VerifiesRaw(content, signature))
            {
                return true;
            }
        }

        return false;
    }

    private bool VerifiesRaw(ReadOnlySpan<byte> content, byte[] signature)
    {
        if (_ed25519 is not null)
        {
            return SignatureAlgorithm.Ed25519.Verify(_ed25519, content, signature);
        }

        // Made anew each time: the class does not promise to bear several threads.
        using var key = ECDsa.Create();
        key.ImportSubjectPublicKeyInfo(_spki, out _);
        return key.VerifyData(content, signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence)
            || key.VerifyData(content, signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
    }

    private static string? CurveOf(byte[] der)
    {
        using var key = ECDsa.Create();
        key.ImportSubjectPublicKeyInfo(der, out _);
        return key.ExportParameters(includePrivateParameters: false).Curve.Oid.Value;
    }
}
