using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ModelGateway.Serving.Repository;

/// <summary>
/// Checksum over the bytes of one piece as they arrive. It tells bytes that reached the disk from those that a power cut took; what comes
/// from the store is checked by SHA-256.
/// </summary>
/// <remarks>
/// <code>
/// byte     0..7   8..15  16..23 24..31 32..39 ...
/// lane     0      1      2      3      0      ...
/// </code>
/// Each lane is a CRC-32C by the processor's own instruction, which takes one word a cycle but gives its result only after three: one
/// lane alone would wait for itself. The value is the CRC-32C of the four lanes. Measured by the benchmark <c>fetch</c>: one lane
/// took a tenth of a download's processor time, and a library's hash is compiled while the first large model of a process is fetched, and
/// then costs more than the download itself.
/// </remarks>
internal struct PieceChecksum
{
    /// <summary>Its name in notes: what another version of this server noted is not taken for one of these.</summary>
    public const string Kind = "crc32c-4";

    private const int Stripe = 4 * sizeof(ulong);
    private uint _lane0 = uint.MaxValue;
    private uint _lane1 = uint.MaxValue;
    private uint _lane2 = uint.MaxValue;
    private uint _lane3 = uint.MaxValue;

    // Place of the next byte within its stripe.
    private int _place;

    /// <summary>A checksum over no bytes.</summary>
    public PieceChecksum()
    {
    }

    /// <summary>Of all bytes so far.</summary>
    public readonly uint Value =>
        ~BitOperations.Crc32C(BitOperations.Crc32C(BitOperations.Crc32C(BitOperations.Crc32C(uint.MaxValue, _lane0), _lane1), _lane2), _lane3);

    /// <summary>Takes the next bytes in.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Append(ReadOnlySpan<byte> bytes)
    {
        int head = Math.Min((Stripe - _place) % Stripe, bytes.Length);
        AppendSingly(bytes[..head]);
        bytes = bytes[head..];
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes[..(bytes.Length - (bytes.Length % Stripe))]);
        uint lane0 = _lane0;
        uint lane1 = _lane1;
        uint lane2 = _lane2;
        uint lane3 = _lane3;
        while (words.Length >= 4)
        {
            lane0 = BitOperations.Crc32C(lane0, words[0]);
            lane1 = BitOperations.Crc32C(lane1, words[1]);
            lane2 = BitOperations.Crc32C(lane2, words[2]);
            lane3 = BitOperations.Crc32C(lane3, words[3]);
            words = words[4..];
        }

        _lane0 = lane0;
        _lane1 = lane1;
        _lane2 = lane2;
        _lane3 = lane3;
        AppendSingly(bytes[^(bytes.Length % Stripe)..]);
    }

    private void AppendSingly(ReadOnlySpan<byte> bytes)
    {
        foreach (byte next in bytes)
        {
            ref uint lane = ref LaneOf(ref this, _place);
            lane = BitOperations.Crc32C(lane, next);
            _place = (_place + 1) % Stripe;
        }
    }

    private static ref uint LaneOf(ref PieceChecksum checksum, int place)
    {
        switch (place / sizeof(ulong))
        {
            case 0:
                return ref checksum._lane0;
            case 1:
                return ref checksum._lane1;
            case 2:
                return ref checksum._lane2;
            default:
                return ref checksum._lane3;
        }
    }
}
