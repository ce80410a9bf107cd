using Amazon.S3;
using Amazon.S3.Model;
using ModelGateway.Serving.Repository;

// The SDK has a type of this name too.
using ChecksumAlgorithm = ModelGateway.Serving.Repository.ChecksumAlgorithm;

namespace ModelGateway.Storage.S3;

/// <summary>Finds the checksum of an object's whole content in the answer to a HEAD request.</summary>
internal static class S3Checksum
{
    private const int Md5HexLength = 32;

    /// <summary>
    /// The strongest that the store keeps. A multipart upload may have the checksum of its parts' checksums instead (COMPOSITE, with the
    /// number of parts behind a hyphen), which says nothing about the content as a whole.
    /// </summary>
    public static ObjectChecksum? Of(GetObjectMetadataResponse head, string bucket) =>
        head.ChecksumType == ChecksumType.COMPOSITE ? null
        : ObjectChecksum.FromBase64(ChecksumAlgorithm.Sha256, head.ChecksumSHA256)
            ?? ObjectChecksum.FromBase64(ChecksumAlgorithm.Crc64Nvme, head.ChecksumCRC64NVME)
            ?? ObjectChecksum.FromBase64(ChecksumAlgorithm.Sha1, head.ChecksumSHA1)
            ?? ObjectChecksum.FromBase64(ChecksumAlgorithm.Crc32C, head.ChecksumCRC32C)
            ?? ObjectChecksum.FromBase64(ChecksumAlgorithm.Crc32, head.ChecksumCRC32)
            ?? OfETag(head, bucket);

    // The ETag is the content's MD5 only for what was uploaded in one piece and is not encrypted with a key of KMS or of the customer;
    // in directory buckets never.
    private static ObjectChecksum? OfETag(GetObjectMetadataResponse head, string bucket)
    {
        string tag = (head.ETag ?? "").Trim('"');
        bool isEncryptedWithKey = head.ServerSideEncryptionMethod is { } method && method != ServerSideEncryptionMethod.None && method != ServerSideEncryptionMethod.AES256
            || !string.IsNullOrEmpty(head.ServerSideEncryptionKeyManagementServiceKeyId)
            || head.ServerSideEncryptionCustomerMethod is { } customer && customer != ServerSideEncryptionCustomerMethod.None;
        return tag.Length == Md5HexLength && tag.All(char.IsAsciiHexDigit) && !isEncryptedWithKey && head.PartsCount is null or 0 && !bucket.EndsWith("--x-s3", StringComparison.Ordinal)
            ? new ObjectChecksum(ChecksumAlgorithm.Md5, tag.ToLowerInvariant())
            : null;
    }
}
