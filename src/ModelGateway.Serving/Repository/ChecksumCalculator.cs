using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.IO.Hashing;
using System.Security.Cryptography;

namespace ModelGateway.Serving.Repository;

/// <summary>Computes a checksum over bytes that come one after the other. For one thread at a time.</summary>
public sealed class ChecksumCalculator : IDisposable
{
    private readonly ChecksumAlgorithm _algorithm;
    private readonly IncrementalHash? _hash;
    private readonly NonCryptographicHashAlgorithm? _crc;

    /// <summary>Begins a checksum over no bytes.</summary>
    [SuppressMessage("Security", "CA5351", Justification = "Stores have MD5 and SHA-1 of what they hold; they guard against damage, not against forgery.")]
    [SuppressMessage("Security", "CA5350", Justification = "As above.")]
    public ChecksumCalculator(ChecksumAlgorithm algorithm)
    {
        _algorithm = algorithm;
        switch (algorithm)
        {
            case ChecksumAlgorithm.Md5:
                _hash = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
                break;
            case ChecksumAlgorithm.Sha1:
                _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
                break;
            case ChecksumAlgorithm.Sha256:
                _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
                break;
            case ChecksumAlgorithm.Crc32:
                _crc = new Crc32();
                break;
            case ChecksumAlgorithm.Crc32C:
                _crc = new Crc32(Crc32ParameterSet.Crc32C);
                break;
            default:
                _crc = new Crc64(Crc64ParameterSet.Nvme);
                break;
        }
    }

    /// <summary>Takes the next bytes in.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        _hash?.AppendData(bytes);
        _crc?.Append(bytes);
    }

    /// <summary>The checksum of all bytes so far; the calculator begins anew.</summary>
    public ObjectChecksum GetChecksumAndReset()
    {
        if (_hash is not null)
        {
            return new ObjectChecksum(_algorithm, Convert.ToHexStringLower(_hash.GetHashAndReset()));
        }

        // The library writes some sets with the least significant byte first; on the wire it is always the most significant.
        byte[] bytes = new byte[ObjectChecksum.LengthOf(_algorithm)];
        switch (_crc)
        {
            case Crc32 crc:
                BinaryPrimitives.WriteUInt32BigEndian(bytes, crc.GetCurrentHashAsUInt32());
                break;
            case Crc64 crc:
                BinaryPrimitives.WriteUInt64BigEndian(bytes, crc.GetCurrentHashAsUInt64());
                break;
        }

        _crc!.Reset();
        return new ObjectChecksum(_algorithm, Convert.ToHexStringLower(bytes));
    }

    /// <inheritdoc/>
    public void Dispose() => _hash?.Dispose();
}
