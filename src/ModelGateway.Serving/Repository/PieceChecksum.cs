using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ModelGateway.Serving.Repository;

/// <summary>
/// CRC-32C over the bytes of one piece as they arrive, by the processor's own instruction. It tells bytes that reached the disk from those
/// that a power cut took; what comes from the store is checked by SHA-256.
/// </summary>
/// <remarks>
/// Measured by the benchmark <c>fetch</c>: a library's hash is compiled while the first large model of a process is fetched, and then costs
/// more than the download itself.
/// </remarks>
internal struct PieceChecksum
{
    private uint _crc;

    /// <summary>A checksum over no bytes.</summary>
    public PieceChecksum() => _crc = uint.MaxValue;

    /// <summary>Of all bytes so far.</summary>
    public readonly uint Value => ~_crc;

    /// <summary>Takes the next bytes in.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Append(ReadOnlySpan<byte> bytes)
    {
        uint crc = _crc;
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        for (int i = 0; i < words.Length; i++)
        {
            crc = BitOperations.Crc32C(crc, words[i]);
        }

        for (int i = words.Length * sizeof(ulong); i < bytes.Length; i++)
        {
            crc = BitOperations.Crc32C(crc, bytes[i]);
        }

        _crc = crc;
    }
}
