using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace ModelGateway.TestKit.Hosting.Gcs;

/// <summary>One generation of an object.</summary>
/// <param name="Name">Whole, with the prefix.</param>
/// <param name="Content">As stored.</param>
/// <param name="Generation">Rises with every write.</param>
/// <param name="Updated">When it was written.</param>
/// <param name="ContentEncoding">For example <c>gzip</c>.</param>
/// <param name="IsComposite">Composed of others: it has no MD5 then.</param>
public sealed record GcsObject(string Name, byte[] Content, long Generation, DateTimeOffset Updated, string? ContentEncoding, bool IsComposite)
{
    /// <summary>The object resource; 64-bit numbers are text there.</summary>
    public JsonObject ToJson(string bucket)
    {
        string generation = Generation.ToString(CultureInfo.InvariantCulture);
        var json = new JsonObject
        {
            ["kind"] = "storage#object",
            ["id"] = $"{bucket}/{Name}/{generation}",
            ["name"] = Name,
            ["bucket"] = bucket,
            ["generation"] = generation,
            ["metageneration"] = "1",
            ["contentType"] = "application/octet-stream",
            ["storageClass"] = "STANDARD",
            ["size"] = Content.Length.ToString(CultureInfo.InvariantCulture),
            ["crc32c"] = Crc32C,
            ["etag"] = $"etag-{generation}",
            ["timeCreated"] = Updated.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture),
            ["updated"] = Updated.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture),
        };
        if (!IsComposite)
        {
            json["md5Hash"] = Md5;
        }

        if (ContentEncoding is not null)
        {
            json["contentEncoding"] = ContentEncoding;
        }

        return json;
    }

    [SuppressMessage("Security", "CA5351", Justification = "It is what the API has.")]
    private string Md5 => Convert.ToBase64String(MD5.HashData(Content));

    // Computed by other means than in the product.
    private string Crc32C
    {
        get
        {
            uint crc = uint.MaxValue;
            foreach (byte one in Content)
            {
                crc = BitOperations.Crc32C(crc, one);
            }

            byte[] bytes = new byte[sizeof(uint)];
            BinaryPrimitives.WriteUInt32BigEndian(bytes, ~crc);
            return Convert.ToBase64String(bytes);
        }
    }
}
