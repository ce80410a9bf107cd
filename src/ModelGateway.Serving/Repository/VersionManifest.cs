using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace ModelGateway.Serving.Repository;

/// <summary>
/// <c>manifest.json</c> of a version, written last by whoever publishes it:
/// <c>{"files":[{"name":"model.onnx","size":692,"sha256":"…"}]}</c>. Names are relative to the version's folder.
/// </summary>
public sealed partial class VersionManifest
{
    /// <summary>The file's name.</summary>
    public const string FileName = "manifest.json";

    /// <summary>A manifest larger than this is not read; bytes.</summary>
    public const int LargestSize = 1 << 20;

    private VersionManifest(IReadOnlyList<ManifestFile> files) => Files = files;

    /// <summary>Every file of the version except the manifest.</summary>
    public IReadOnlyList<ManifestFile> Files { get; }

    /// <summary>Reads a manifest.</summary>
    /// <exception cref="FormatException">It is not one, or a name leaves the folder; the message says what is wrong.</exception>
    public static VersionManifest Parse(ReadOnlySpan<byte> json)
    {
        Document? document;
        try
        {
            document = JsonSerializer.Deserialize(json, Json.Default.Document);
        }
        catch (JsonException exception)
        {
            throw new FormatException($"{FileName} is not a manifest: {exception.Message}", exception);
        }

        if (document?.Files is not { Count: > 0 } files)
        {
            throw new FormatException($"{FileName} names no files.");
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (ManifestFile? file in files)
        {
            Check(file, names);
        }

        return names.Contains(ModelArtifact.ModelFileName)
            ? new VersionManifest(files!)
            : throw new FormatException($"{FileName} does not name {ModelArtifact.ModelFileName}.");
    }

    private static void Check([NotNull] ManifestFile? file, HashSet<string> names)
    {
        if (file is null)
        {
            throw new FormatException($"{FileName} is not a manifest: it has a file that is null.");
        }

        if (file.Name.Length == 0 || file.Name.Split('/', '\\').Any(part => part is "" or "." or ".."))
        {
            throw new FormatException($"{FileName} names a file outside its folder.");
        }

        if (file.Sha256.Length != 64 || !file.Sha256.All(char.IsAsciiHexDigit))
        {
            throw new FormatException($"{FileName} has no SHA-256 for '{file.Name}'.");
        }

        if (file.Name == FileName)
        {
            throw new FormatException($"{FileName} names itself.");
        }

        if (!names.Add(file.Name))
        {
            throw new FormatException($"{FileName} names '{file.Name}' twice.");
        }
    }

    // The serializer checks that no property is null, but not that no element is.
    internal sealed record Document(IReadOnlyList<ManifestFile?>? Files = null);

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true)]
    [JsonSerializable(typeof(Document))]
    private sealed partial class Json : JsonSerializerContext;
}

/// <summary>One file that a manifest names.</summary>
/// <param name="Name">Relative to the version's folder.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Sha256">Hexadecimal.</param>
public sealed record ManifestFile(string Name, long Size, string Sha256);
