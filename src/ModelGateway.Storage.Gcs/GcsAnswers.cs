using System.Globalization;
using System.Text.Json.Serialization;
using ModelGateway.Serving.Repository;

namespace ModelGateway.Storage.Gcs;

/// <summary>A page of a listing. An empty one has no items at all; its kind tells it from JSON of somebody else.</summary>
internal sealed record GcsPage(string Kind, string? NextPageToken = null, IReadOnlyList<GcsItem>? Items = null)
{
    public const string ListingKind = "storage#objects";
}

/// <summary>One object as the JSON API shows it. 64-bit numbers come as text.</summary>
internal sealed record GcsItem(string Name, long Size, long Generation, DateTimeOffset Updated, string? Md5Hash = null, string? Crc32c = null)
{
    /// <summary>Objects that were composed of others have no MD5, every object has a CRC-32C.</summary>
    public StoredObject ToStoredObject(string key) => new(key, Size, Generation.ToString(CultureInfo.InvariantCulture), Updated)
    {
        Checksum = ObjectChecksum.FromBase64(ChecksumAlgorithm.Md5, Md5Hash) ?? ObjectChecksum.FromBase64(ChecksumAlgorithm.Crc32C, Crc32c),
    };
}

/// <summary>What the API says when it refuses.</summary>
internal sealed record GcsRefusal(GcsRefusalDetails? Error = null);

internal sealed record GcsRefusalDetails(string? Message = null, IReadOnlyList<GcsRefusalReason?>? Errors = null);

internal sealed record GcsRefusalReason(string? Reason = null);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    NumberHandling = JsonNumberHandling.AllowReadingFromString,
    RespectRequiredConstructorParameters = true,
    RespectNullableAnnotations = true)]
[JsonSerializable(typeof(GcsPage))]
[JsonSerializable(typeof(GcsItem))]
[JsonSerializable(typeof(GcsRefusal))]
internal sealed partial class GcsJson : JsonSerializerContext;
