using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using ModelGateway.Serving.Models;

namespace ModelGateway.Serving.Repository;

/// <summary>
/// <c>index.json</c> at the root of a repository: every object with its size and SHA-256, written last by whoever publishes. Where there is
/// one, it is the repository's listing.
/// </summary>
/// <remarks>
/// <code>
/// {"generated": "2026-11-26T15:00:00Z",                           optional: when it was written
///  "objects": [{"key": "iris/1/model.onnx",                       a plain relative path, see ObjectKey
///               "size": 692,                                      bytes
///               "sha256": "64 hexadecimal digits",
///               "modified": "2026-11-26T14:59:58Z"}]}             optional: when the object last changed
/// </code>
/// Other members are passed over. One wrong entry spoils the whole: half an index would unload what the other half names.
/// </remarks>
public static partial class RepositoryIndex
{
    /// <summary>The file's name.</summary>
    public const string FileName = "index.json";

    /// <summary>A larger index is not read; bytes. Room for some 300,000 objects.</summary>
    public const int LargestSize = 64 << 20;

    private const int Sha256Digits = 64;
    private const int FlushSize = 1 << 16;

    /// <summary>
    /// Reads an index. An object's <see cref="StoredObject.Tag"/> is its SHA-256, which is also its <see cref="StoredObject.Checksum"/>. The
    /// entry of an index that names itself is left out.
    /// </summary>
    /// <param name="json">The whole file.</param>
    /// <param name="written">When the file was written: the time of objects whose entries tell none, unless the index tells its own.</param>
    /// <exception cref="FormatException">It is not an index, or an entry is wrong; the message says which and what.</exception>
    public static IReadOnlyList<StoredObject> Parse(ReadOnlySpan<byte> json, DateTimeOffset written)
    {
        if (json.Length > LargestSize)
        {
            throw new FormatException($"{FileName} has {json.Length} bytes, more than the {LargestSize} that are read.");
        }

        IndexDocument document = Read(json);
        IReadOnlyList<IndexEntry?> entries = document.Objects ?? throw new FormatException($"{FileName} is not an index: it has no list 'objects'.");
        var objects = new List<StoredObject>(entries.Count);
        var keys = new HashSet<string>(entries.Count, StringComparer.Ordinal);
        for (int i = 0; i < entries.Count; i++)
        {
            StoredObject item = Check(entries[i], i, document.Generated ?? written);
            if (!keys.Add(item.Key))
            {
                throw new FormatException($"{FileName}: object {i} names '{item.Key}' a second time.");
            }

            if (item.Key != FileName)
            {
                objects.Add(item);
            }
        }

        return objects;
    }

    /// <summary>Writes an index, in the order of its keys: the same objects give the same bytes. An index among the objects is left out.</summary>
    /// <param name="destination">Gets the file; it is not closed.</param>
    /// <param name="objects">Each with its SHA-256 as its <see cref="StoredObject.Checksum"/>.</param>
    /// <param name="generated">The time of the index itself; null to leave it out.</param>
    /// <exception cref="ArgumentException">An object could not be read back: it has no SHA-256, or a name that is not allowed, or twice the same.</exception>
    public static void Write(Stream destination, IEnumerable<StoredObject> objects, DateTimeOffset? generated = null)
    {
        // The names stay legible: nobody puts this file into a page.
        using var writer = new Utf8JsonWriter(destination, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        writer.WriteStartObject();
        if (generated is { } time)
        {
            writer.WriteString("generated", time.UtcDateTime);
        }

        writer.WriteStartArray("objects");
        string? last = null;
        foreach (StoredObject item in objects.Where(item => item.Key != FileName).OrderBy(item => item.Key, StringComparer.Ordinal))
        {
            if (item.Key == last)
            {
                throw new ArgumentException($"'{item.Key}' is there twice.", nameof(objects));
            }

            WriteEntry(writer, item);
            last = item.Key;
            if (writer.BytesPending > FlushSize)
            {
                writer.Flush();
            }
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static void WriteEntry(Utf8JsonWriter writer, StoredObject item)
    {
        if (!ObjectKey.IsListed(item.Key) || item.Size < 0 || item.Checksum is not { Algorithm: ChecksumAlgorithm.Sha256 } checksum || !IsSha256(checksum.Hex))
        {
            throw new ArgumentException($"'{item.Key}' does not go into an index: it needs a plain relative path, a size and a SHA-256.", nameof(item));
        }

        writer.WriteStartObject();
        writer.WriteString("key", item.Key);
        writer.WriteNumber("size", item.Size);
        writer.WriteString("sha256", checksum.Hex);
        writer.WriteString("modified", item.LastModified.UtcDateTime);
        writer.WriteEndObject();
    }

    private static IndexDocument Read(ReadOnlySpan<byte> json)
    {
        // Some editors and shells put a byte order mark in front.
        ReadOnlySpan<byte> text = json.StartsWith("\uFEFF"u8) ? json[3..] : json;
        try
        {
            return JsonSerializer.Deserialize(text, IndexJson.Default.IndexDocument) ?? throw new FormatException($"{FileName} is not an index: it is null.");
        }
        catch (JsonException exception)
        {
            throw new FormatException($"{FileName} is not an index, or was cut: {exception.Message}", exception);
        }
    }

    private static StoredObject Check(IndexEntry? entry, int position, DateTimeOffset written)
    {
        if (entry?.Key is not { } key)
        {
            throw new FormatException($"{FileName}: object {position} has no key.");
        }

        if (!ObjectKey.IsListed(key))
        {
            throw new FormatException($"{FileName}: object {position} has the key '{NameSuggestion.Shorten(string.Concat(key.Where(c => !char.IsControl(c))))}', which is not a plain relative path without hidden parts.");
        }

        if (entry.Size is not { } size || size < 0)
        {
            throw new FormatException($"{FileName}: object {position}, '{key}', has no size from 0 up.");
        }

        if (entry.Sha256 is not { } sha256 || !IsSha256(sha256))
        {
            throw new FormatException($"{FileName}: object {position}, '{key}', has no sha256 of {Sha256Digits} hexadecimal digits.");
        }

        string hex = sha256.ToLowerInvariant();
        return new StoredObject(key, size, hex, entry.Modified ?? written) { Checksum = new ObjectChecksum(ChecksumAlgorithm.Sha256, hex) };
    }

    private static bool IsSha256(string text) => text.Length == Sha256Digits && text.All(char.IsAsciiHexDigit);

    // All may be missing here: the messages of Check say more than the serializer's.
    internal sealed record IndexDocument(IReadOnlyList<IndexEntry?>? Objects = null, DateTimeOffset? Generated = null);

    internal sealed record IndexEntry(string? Key = null, long? Size = null, string? Sha256 = null, DateTimeOffset? Modified = null);

    [JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, AllowDuplicateProperties = false)]
    [JsonSerializable(typeof(IndexDocument))]
    private sealed partial class IndexJson : JsonSerializerContext;
}
