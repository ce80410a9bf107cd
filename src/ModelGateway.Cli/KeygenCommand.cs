using System.CommandLine;
using System.Security.Cryptography;
using ModelGateway.Serving.Repository.Encryption;
using NSec.Cryptography;

namespace ModelGateway.Cli;

/// <summary><c>modelgateway keygen</c>: keys to sign and to encrypt with. Existing files are never overwritten.</summary>
internal static class KeygenCommand
{
    private static readonly Argument<string> Kind = new Argument<string>("kind") { Description = "ed25519 or ecdsa (P-256) to sign with, aes to encrypt with." }
        .AcceptOnlyFromAmong("ed25519", "ecdsa", "aes");

    private static readonly Argument<FileInfo> KeyFile = new("path") { Description = "The file for the secret key; only you will be able to read it. The public key is written beside it." };

    public static Command Create(TextWriter output)
    {
        var command = new Command("keygen", """
            Makes a key. Examples:
              modelgateway keygen ed25519 release.pem    the secret key, and release.pub.pem for the gateway (Gateway:Signatures:Keys:0:PemFile)
              modelgateway keygen aes k1.key             a key for both sides (Gateway:Encryption:Keys:0:Id and KeyFile)
            """)
        {
            Kind, KeyFile,
        };
        command.SetAction(parsed => Run(parsed.GetRequiredValue(Kind), parsed.GetRequiredValue(KeyFile).FullName, output));
        return command;
    }

    private static int Run(string kind, string path, TextWriter output)
    {
        if (kind == "aes")
        {
            FileWriting.NewSecret(path, Convert.ToBase64String(RandomNumberGenerator.GetBytes(EncryptionKey.Size)) + "\n");
            output.WriteLine($"The key is in '{path}': give it an id, and the gateway both.");
            return 0;
        }

        string publicPath = Path.ChangeExtension(path, ".pub.pem");
        if (Path.Exists(publicPath))
        {
            throw new RefusedException($"'{publicPath}' is there already, and a key is never overwritten: take another name.");
        }

        (string secretPem, string publicPem) = kind == "ecdsa" ? MakeEcdsa() : MakeEd25519();
        FileWriting.NewSecret(path, secretPem);
        FileWriting.NewPublic(publicPath, publicPem);
        output.WriteLine($"The secret key is in '{path}', the public one, for the gateway, in '{publicPath}'.");
        return 0;
    }

    private static (string Secret, string Public) MakeEcdsa()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return (key.ExportPkcs8PrivateKeyPem() + "\n", key.ExportSubjectPublicKeyInfoPem() + "\n");
    }

    private static (string Secret, string Public) MakeEd25519()
    {
        using var key = Key.Create(SignatureAlgorithm.Ed25519, new KeyCreationParameters { ExportPolicy = KeyExportPolicies.AllowPlaintextExport });
        byte[] secret = key.Export(KeyBlobFormat.PkixPrivateKey);
        (string, string) pem = (
            PemEncoding.WriteString("PRIVATE KEY", secret) + "\n",
            PemEncoding.WriteString("PUBLIC KEY", key.Export(KeyBlobFormat.PkixPublicKey)) + "\n");
        CryptographicOperations.ZeroMemory(secret);
        return pem;
    }
}
