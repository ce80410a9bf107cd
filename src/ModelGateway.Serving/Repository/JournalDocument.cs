using System.Text.Json.Serialization;

namespace ModelGateway.Serving.Repository;

/// <summary>A file of the <see cref="ListingJournal"/>, everything in the order of the keys, so that the same listing is the same file.</summary>
internal sealed record JournalDocument(
    int Format, string Location, IReadOnlyList<JournalObject> Objects, IReadOnlyList<JournalText> Texts, SortedDictionary<string, string> Settled)
{
    public const int CurrentFormat = 1;

    /// <summary>Texts beyond this are left out; bytes. Models whose texts are missing wait for the store.</summary>
    public const int LargestTexts = 16 << 20;

    public static JournalDocument Of(string location, JournaledListing listing)
    {
        int room = LargestTexts;
        var texts = new List<JournalText>();
        foreach ((string key, JournaledText text) in listing.Texts.OrderBy(text => text.Key, StringComparer.Ordinal))
        {
            if (text.Content.Length <= room)
            {
                room -= text.Content.Length;
                texts.Add(new JournalText(key, text.Tag, text.Content));
            }
        }

        return new JournalDocument(
            CurrentFormat,
            location,
            [.. listing.Objects.OrderBy(item => item.Key, StringComparer.Ordinal).Select(JournalObject.Of)],
            texts,
            new SortedDictionary<string, string>(listing.Settled.ToDictionary(), StringComparer.Ordinal));
    }

    // The names become keys and file names again, so they are looked at as if they came from a store.
    public JournaledListing ToListing() => new(
        [.. Objects.Where(item => item is not null && ObjectKey.IsListed(item.Key) && item.Size >= 0).DistinctBy(item => item.Key).Select(item => item.ToObject())],
        Texts.Where(text => text is not null).ToDictionary(text => text.Key, text => new JournaledText(text.Tag, text.Content), StringComparer.Ordinal),
        Settled);
}

internal sealed record JournalObject(string Key, long Size, string Tag, DateTimeOffset Modified, string? Checksum = null)
{
    public static JournalObject Of(StoredObject item) =>
        new(item.Key, item.Size, item.Tag, item.LastModified, item.Checksum is { } checksum ? $"{checksum.Algorithm}:{checksum.Hex}" : null);

    public StoredObject ToObject() => new(Key, Size, Tag, Modified) { Checksum = ReadChecksum() };

    private ObjectChecksum? ReadChecksum() =>
        Checksum?.Split(':') is [string name, string hex] && Enum.TryParse(name, out ChecksumAlgorithm algorithm) ? new ObjectChecksum(algorithm, hex) : null;
}

internal sealed record JournalText(string Key, string Tag, byte[] Content);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(JournalDocument))]
internal sealed partial class JournalJson : JsonSerializerContext;
