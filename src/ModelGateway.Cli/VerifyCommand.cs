using System.CommandLine;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Repository.Signing;

namespace ModelGateway.Cli;

/// <summary><c>modelgateway verify</c>: what the gateway will check, before anybody uploads.</summary>
internal static class VerifyCommand
{
    private static readonly Argument<DirectoryInfo> Folder = new("folder") { Description = "The version's folder, <model>/<version>." };
    private static readonly Option<string?> Model = new("--model") { Description = "The model's name in the repository. Default: the name of the folder above." };
    private static readonly Option<long?> Version = new("--version") { Description = "The version in the repository. Default: the folder's name." };
    private static readonly Option<FileInfo[]> Keys = new("--key") { Description = "Public key that the signature must verify with, a PEM file. May be given several times; any one is enough.", HelpName = "public.pem" };

    public static Command Create(TextWriter output)
    {
        var command = new Command("verify", """
            Compares a version's files with its manifest.json and, with --key, checks the signature. Examples:
              modelgateway verify models/iris/3
              modelgateway verify models/iris/3 --key release.pub.pem

            It ends with 0 where all is well, and with 1 and every fault where it is not.
            """)
        {
            Folder, Model, Version, Keys,
        };
        command.SetAction(parsed => Run(parsed, output));
        return command;
    }

    private static int Run(ParseResult parsed, TextWriter output)
    {
        VersionFolder folder = VersionFolder.Open(parsed.GetRequiredValue(Folder), parsed.GetValue(Model), parsed.GetValue(Version));
        List<ManifestKey> keys = [.. (parsed.GetValue(Keys) ?? []).Select(ReadKey)];
        if (!File.Exists(folder.Manifest))
        {
            throw new RefusedException($"'{folder.Path}' has no {VersionManifest.FileName}: write one with 'modelgateway manifest'.");
        }

        byte[] content = File.ReadAllBytes(folder.Manifest);
        VersionManifest manifest = Parse(content);
        List<string> faults = [.. FindFaults(folder, manifest), .. FindSignatureFaults(folder, content, keys)];
        foreach (string extra in folder.Files().Except(manifest.Files.Select(file => file.Name)))
        {
            output.WriteLine($"Note: '{extra}' is not in the manifest, so no gateway reads it.");
        }

        if (faults.Count > 0)
        {
            throw new RefusedException(string.Join(Environment.NewLine + "modelgateway: ", faults));
        }

        string signature = keys.Count > 0 ? ", and the signature verifies" : File.Exists(folder.Signature) ? "; the signature was not checked, which takes --key" : "; it is not signed";
        output.WriteLine($"{folder.Model}/{folder.Version}: all {manifest.Files.Count} files are what {VersionManifest.FileName} says{signature}.");
        return 0;
    }

    private static VersionManifest Parse(byte[] content)
    {
        try
        {
            return VersionManifest.Parse(content);
        }
        catch (FormatException exception)
        {
            throw new RefusedException(exception.Message);
        }
    }

    private static ManifestKey ReadKey(FileInfo file)
    {
        try
        {
            return ManifestKey.Parse(file.Name, File.ReadAllText(file.FullName));
        }
        catch (FormatException exception)
        {
            throw new RefusedException($"'{file.Name}' {exception.Message}");
        }
    }

    private static IEnumerable<string> FindFaults(VersionFolder folder, VersionManifest manifest)
    {
        if ((manifest.Model ?? folder.Model) != folder.Model || (manifest.Version ?? folder.Version) != folder.Version)
        {
            yield return $"{VersionManifest.FileName} was made for '{manifest.Model ?? folder.Model}/{manifest.Version ?? folder.Version}', and this is '{folder.Model}/{folder.Version}'.";
        }

        foreach (ManifestFile file in manifest.Files)
        {
            if (!File.Exists(folder.PathOf(file.Name)))
            {
                yield return $"'{file.Name}' is missing.";
                continue;
            }

            ManifestFile found = folder.Describe(file.Name);
            if (found.Size != file.Size)
            {
                yield return $"'{file.Name}' has {found.Size} bytes, and {VersionManifest.FileName} says {file.Size}.";
            }
            else if (!found.Sha256.Equals(file.Sha256, StringComparison.OrdinalIgnoreCase))
            {
                yield return $"'{file.Name}' does not have the SHA-256 that {VersionManifest.FileName} says.";
            }
        }
    }

    private static IEnumerable<string> FindSignatureFaults(VersionFolder folder, byte[] manifest, List<ManifestKey> keys)
    {
        if (keys.Count == 0)
        {
            yield break;
        }

        if (!File.Exists(folder.Signature))
        {
            yield return $"It is not signed: there is no {ManifestSignature.FileName}.";
        }
        else if (new FileInfo(folder.Signature).Length > ManifestSignature.LargestSize
            || File.ReadAllBytes(folder.Signature) is var signature && !keys.Any(key => key.Verifies(manifest, signature)))
        {
            yield return $"The signature does not verify with {string.Join(", ", keys.Select(key => $"'{key.Id}'"))}.";
        }
    }
}
