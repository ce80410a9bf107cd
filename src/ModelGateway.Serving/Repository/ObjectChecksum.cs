using System.Security.Cryptography;

namespace ModelGateway.Serving.Repository;

/// <summary>How a store computes the checksum of an object's whole content.</summary>
public enum ChecksumAlgorithm
{
    /// <summary>MD5, 16 bytes.</summary>
    Md5,

    /// <summary>SHA-1, 20 bytes.</summary>
    Sha1,

    /// <summary>SHA-256, 32 bytes.</summary>
    Sha256,

    /// <summary>CRC-32 (ISO-HDLC), 4 bytes, most significant byte first.</summary>
    Crc32,

    /// <summary>CRC-32C (Castagnoli), 4 bytes, most significant byte first.</summary>
    Crc32C,

    /// <summary>CRC-64/NVME, 8 bytes, most significant byte first.</summary>
    Crc64Nvme,
}

/// <summary>A checksum of an object's whole content, as its store has it.</summary>
/// <param name="Algorithm">How it is computed.</param>
/// <param name="Hex">Its bytes, lower-case hexadecimal.</param>
public readonly record struct ObjectChecksum(ChecksumAlgorithm Algorithm, string Hex)
{
    /// <summary>From the base64 text in which HTTP headers carry checksums; null where it is none of the algorithm's length.</summary>
    public static ObjectChecksum? FromBase64(ChecksumAlgorithm algorithm, string? text)
    {
        Span<byte> bytes = stackalloc byte[64];
        return text is not null && Convert.TryFromBase64String(text, bytes, out int length) && length == LengthOf(algorithm)
            ? new ObjectChecksum(algorithm, Convert.ToHexStringLower(bytes[..length]))
            : null;
    }

    /// <summary>Bytes of a checksum.</summary>
    public static int LengthOf(ChecksumAlgorithm algorithm) => algorithm switch
    {
        ChecksumAlgorithm.Md5 => MD5.HashSizeInBytes,
        ChecksumAlgorithm.Sha1 => SHA1.HashSizeInBytes,
        ChecksumAlgorithm.Sha256 => SHA256.HashSizeInBytes,
        ChecksumAlgorithm.Crc64Nvme => sizeof(ulong),
        _ => sizeof(uint),
    };
}
