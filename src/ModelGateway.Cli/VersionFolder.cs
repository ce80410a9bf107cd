using System.Globalization;
using System.Security.Cryptography;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Repository.Encryption;
using ModelGateway.Serving.Repository.Signing;

namespace ModelGateway.Cli;

/// <summary>One version's folder on the publisher's disk.</summary>
internal sealed class VersionFolder
{
    private VersionFolder(string path, string model, long version)
    {
        Path = path;
        Model = model;
        Version = version;
    }

    public string Path { get; }

    public string Model { get; }

    public long Version { get; }

    public string Manifest => PathOf(VersionManifest.FileName);

    public string Signature => PathOf(ManifestSignature.FileName);

    /// <summary>Opens a folder whose name and whose parent's name say what it holds, unless the arguments do.</summary>
    public static VersionFolder Open(DirectoryInfo folder, string? model, long? version)
    {
        if (!folder.Exists)
        {
            throw new RefusedException($"There is no folder '{folder.FullName}'.");
        }

        string path = System.IO.Path.TrimEndingDirectorySeparator(folder.FullName);
        model ??= System.IO.Path.GetFileName(System.IO.Path.GetDirectoryName(path)) ?? "";
        version ??= long.TryParse(System.IO.Path.GetFileName(path), NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : 0;
        if (version <= 0 || !ModelName.IsValid(model))
        {
            throw new UsageException(
                $"'{path}' does not look like <model>/<version>, where the version is a positive number: give the names that it will have in the repository with --model and --version.");
        }

        return new VersionFolder(path, model, version.Value);
    }

    public string PathOf(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>The files that a manifest may name, in order; hidden ones, the manifest and its signature are left out.</summary>
    public IReadOnlyList<string> Files()
    {
        IEnumerable<string> names = Directory.EnumerateFiles(Path, "*", SearchOption.AllDirectories)
            .Select(file => System.IO.Path.GetRelativePath(Path, file).Replace(System.IO.Path.DirectorySeparatorChar, '/'))
            .Where(name => name is not (VersionManifest.FileName or ManifestSignature.FileName) && !name.Split('/').Any(part => part.StartsWith('.')))
            .Order(StringComparer.Ordinal);
        var files = new List<string>();
        foreach (string name in names)
        {
            files.Add(ObjectKey.IsListed(name) ? name : throw new RefusedException($"No gateway reads a file of the name '{name}': rename or remove it."));
        }

        return files;
    }

    public ManifestFile Describe(string name)
    {
        using FileStream file = File.OpenRead(PathOf(name));
        byte[] hash = SHA256.HashData(file);
        return new ManifestFile(name, file.Length, Convert.ToHexStringLower(hash));
    }

    /// <summary>Refuses a folder that holds a file both plain and encrypted, apart from those that are named.</summary>
    public static void CheckForms(IReadOnlyCollection<string> files)
    {
        foreach (string name in files.Where(name => files.Contains(name + EncryptedFile.Extension)))
        {
            throw new RefusedException($"There are both '{name}' and '{name}{EncryptedFile.Extension}': remove the one that is not meant.");
        }
    }
}
