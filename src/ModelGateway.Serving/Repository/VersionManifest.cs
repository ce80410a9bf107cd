using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;
using ModelGateway.Serving.Repository.Signing;

namespace ModelGateway.Serving.Repository;

/// <summary>
/// <c>manifest.json</c> of a version, written last by whoever publishes it:
/// <c>{"model":"iris","version":1,"files":[{"name":"model.onnx","size":692,"sha256":"…"}]}</c>. Names are relative to the version's folder;
/// model and version may be left out.
/// </summary>
public sealed partial class VersionManifest
{
    /// <summary>The file's name.</summary>
    public const string FileName = "manifest.json";

    /// <summary>A manifest larger than this is not read; bytes.</summary>
    public const int LargestSize = 1 << 20;

    private VersionManifest(string? model, long? version, IReadOnlyList<ManifestFile> files)
    {
        Model = model;
        Version = version;
        Files = files;
    }

    /// <summary>The model's folder, where the manifest names it: a signed manifest is then good for no other.</summary>
    public string? Model { get; }

    /// <summary>The version's folder, where the manifest names it.</summary>
    public long? Version { get; }

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

        return (names.Contains(ModelArtifact.ModelFileName), names.Contains(ModelArtifact.EncryptedModelFileName)) switch
        {
            (false, false) => throw new FormatException($"{FileName} does not name {ModelArtifact.ModelFileName}."),
            (true, true) => throw new FormatException($"{FileName} names both {ModelArtifact.ModelFileName} and {ModelArtifact.EncryptedModelFileName}."),
            _ => new VersionManifest(document.Model, document.Version, files!),
        };
    }

    /// <summary>The text of a manifest, for those who publish.</summary>
    public static byte[] Format(string? model, long? version, IReadOnlyList<ManifestFile> files) =>
        JsonSerializer.SerializeToUtf8Bytes(new Document(model, version, files), Json.Default.Document);

    private static void Check([NotNull] ManifestFile? file, HashSet<string> names)
    {
        if (file is null)
        {
            throw new FormatException($"{FileName} is not a manifest: it has a file that is null.");
        }

        if (!ObjectKey.IsListed(file.Name))
        {
            throw new FormatException($"{FileName} names a file outside its folder, or one that no folder could hold.");
        }

        if (file.Sha256.Length != 64 || !file.Sha256.All(char.IsAsciiHexDigit))
        {
            throw new FormatException($"{FileName} has no SHA-256 for '{file.Name}'.");
        }

        if (file.Name is FileName or ManifestSignature.FileName)
        {
            throw new FormatException($"{FileName} names itself or its signature.");
        }

        if (!names.Add(file.Name))
        {
            throw new FormatException($"{FileName} names '{file.Name}' twice.");
        }
    }

    // The serializer checks that no property is null, but not that no element is.
    internal sealed record Document(string? Model = null, long? Version = null, IReadOnlyList<ManifestFile?>? Files = null);

    [JsonSourceGenerationOptions(
        WriteIndented = true, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true)]
    [JsonSerializable(typeof(Document))]
    private sealed partial class Json : JsonSerializerContext;
}

/// <summary>One file that a manifest names.</summary>
/// <param name="Name">Relative to the version's folder.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Sha256">Hexadecimal.</param>
public sealed record ManifestFile(string Name, long Size, string Sha256);
