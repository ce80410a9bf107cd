using System.CommandLine;
using System.IO.Enumeration;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Repository.Encryption;

namespace ModelGateway.Cli;

/// <summary>
/// <c>modelgateway manifest</c>: encrypts, lists, signs, in this order; the manifest is written last, because with it the version is complete.
/// </summary>
internal static class ManifestCommand
{
    private static readonly Argument<DirectoryInfo> Folder = new("folder") { Description = "The version's folder, <model>/<version>." };
    private static readonly Option<string?> Model = new("--model") { Description = "The model's name in the repository. Default: the name of the folder above." };
    private static readonly Option<long?> Version = new("--version") { Description = "The version in the repository. Default: the folder's name." };
    private static readonly Option<FileInfo?> Sign = new("--sign") { Description = "Private key to sign with, a PEM file (ECDSA P-256 or Ed25519).", HelpName = "key.pem" };
    private static readonly Option<string?> Encrypt = new("--encrypt") { Description = "Encrypts files first: the key's id, a colon, and the file that holds the key.", HelpName = "id:keyfile" };
    private static readonly Option<string[]> Only = new("--only") { Description = "With --encrypt: only files of such names, for example '*.onnx' and '*.bin', among them the model. May be given several times. Default: all files.", HelpName = "pattern" };
    private static readonly Option<bool> Keep = new("--keep") { Description = "With --encrypt: leaves the plain files where they are. Take care not to upload them." };

    public static Command Create(TextWriter output)
    {
        var command = new Command("manifest", """
            Writes manifest.json, with the size and SHA-256 of every file, so that a version is loaded only when it is complete and unharmed.

            It can encrypt the files first and sign the manifest. Upload manifest.json last. Examples:
              modelgateway manifest models/iris/3
              modelgateway manifest models/iris/3 --sign release.pem
              modelgateway manifest models/iris/3 --sign release.pem --encrypt k1:k1.key
            """)
        {
            Folder, Model, Version, Sign, Encrypt, Only, Keep,
        };
        command.SetAction(parsed => Run(parsed, output));
        return command;
    }

    private static int Run(ParseResult parsed, TextWriter output)
    {
        VersionFolder folder = VersionFolder.Open(parsed.GetRequiredValue(Folder), parsed.GetValue(Model), parsed.GetValue(Version));
        string? encrypt = parsed.GetValue(Encrypt);
        string[] only = parsed.GetValue(Only) ?? [];
        bool keep = parsed.GetValue(Keep);
        if (encrypt is null && (only.Length > 0 || keep))
        {
            throw new UsageException("--only and --keep say what is encrypted: they need --encrypt id:keyfile.");
        }

        // Whatever can go wrong with keys does so before anything is changed.
        EncryptionKey? key = encrypt is null ? null : ReadKey(encrypt);
        using ManifestSigner? signer = parsed.GetValue(Sign) is { } file ? ManifestSigner.Read(file) : null;
        List<string> names = [.. folder.Files()];
        List<string> plain = key is null ? [] : [.. names.Where(name => !name.EndsWith(EncryptedFile.Extension, StringComparison.Ordinal) && Matches(name, only))];
        List<string> published = [.. names.Except(plain).Union(plain.Select(name => name + EncryptedFile.Extension)).Order(StringComparer.Ordinal)];
        Check(folder, published, encrypts: key is not null, nothingToEncrypt: key is not null && plain.Count == 0);

        foreach (string name in plain)
        {
            EncryptFile(folder, name, key!, keep, output);
        }

        WriteManifest(folder, VersionManifest.Format(folder.Model, folder.Version, [.. published.Select(folder.Describe)]), signer);
        output.WriteLine($"{folder.Model}/{folder.Version}: {VersionManifest.FileName} names {published.Count} {(published.Count == 1 ? "file" : "files")}{(signer is null ? "" : ", signed")}.");
        return 0;
    }

    private static void Check(VersionFolder folder, List<string> published, bool encrypts, bool nothingToEncrypt)
    {
        VersionFolder.CheckForms(published);
        if (!published.Contains(ModelArtifact.ModelFileName) && !published.Contains(ModelArtifact.EncryptedModelFileName))
        {
            throw new RefusedException($"'{folder.Path}' holds no {ModelArtifact.ModelFileName}.");
        }

        if (nothingToEncrypt)
        {
            throw new RefusedException("There is nothing to encrypt: no plain file has a name that --only asks for.");
        }

        // No gateway opens an encrypted file beside a plain graph, which could be anybody's.
        if (encrypts && published.Contains(ModelArtifact.ModelFileName))
        {
            throw new RefusedException($"--only leaves {ModelArtifact.ModelFileName} plain while other files are encrypted, which no gateway loads: add --only {ModelArtifact.ModelFileName}.");
        }
    }

    private static EncryptionKey ReadKey(string option)
    {
        int colon = option.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0 || !EncryptionKey.IsValidId(option[..colon]))
        {
            throw new UsageException("--encrypt takes the key's id, a colon and the key's file, for example k1:/keys/k1.key.");
        }

        string file = option[(colon + 1)..];
        return EncryptionKey.TryParse(option[..colon], File.ReadAllText(file), out EncryptionKey? key, out string? fault)
            ? key
            : throw new RefusedException($"'{file}' {fault}");
    }

    private static bool Matches(string name, string[] only) =>
        only.Length == 0 || only.Any(pattern => FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false));

    private static void EncryptFile(VersionFolder folder, string name, EncryptionKey key, bool keep, TextWriter output)
    {
        string path = folder.PathOf(name);
        FileWriting.Atomically(path + EncryptedFile.Extension, cipher =>
        {
            using FileStream content = File.OpenRead(path);
            EncryptedFile.Encrypt(content, cipher, name, key);
        });
        if (!keep)
        {
            File.Delete(path);
        }

        output.WriteLine($"{name}: encrypted with the key '{key.Id}'{(keep ? "; the plain file is still there, do not upload it" : "")}.");
    }

    private static void WriteManifest(VersionFolder folder, byte[] manifest, ManifestSigner? signer)
    {
        if (signer is null)
        {
            // One that is there was for another manifest, and would only be refused.
            File.Delete(folder.Signature);
        }
        else
        {
            FileWriting.Atomically(folder.Signature, file => file.Write(signer.Sign(manifest)));
        }

        FileWriting.Atomically(folder.Manifest, file => file.Write(manifest));
    }
}
