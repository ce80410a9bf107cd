using System.IO.Compression;
using System.Numerics;

namespace ModelGateway.Serving.Caching;

/// <summary>
/// Compresses payloads where it pays: from 1 KiB, and where it saves an eighth. Where it did not, the next ones of the same length, most likely of the
/// same model, are not tried for a while. Safe for any thread: what two threads forget of each other costs an attempt.
/// </summary>
internal sealed class PayloadCompressor
{
    public const int Smallest = 1024;

    // The fastest that still finds the repeats in scores and texts; it runs for every value that is written.
    private const int Quality = 1;

    // 64 attempts are left out at most.
    private const int LongestPause = 6;

    private const int LengthBits = 6;

    private readonly Pause[] _pauses = new Pause[1 << LengthBits];

    /// <summary>The most bytes that a compressed payload may have to be kept so.</summary>
    public static int Limit(int payloadLength) => payloadLength - (payloadLength / 8);

    /// <summary>Whether the payload is better kept compressed, and now stands so in <paramref name="destination"/>, which has room for <see cref="Limit"/>.</summary>
    public bool TryCompress(ReadOnlySpan<byte> payload, Span<byte> destination, out int length)
    {
        length = 0;
        if (payload.Length < Smallest)
        {
            return false;
        }

        ref Pause pause = ref _pauses[(uint)payload.Length * 0x9E3779B9u >> (32 - LengthBits)];
        if (pause.Left > 0)
        {
            pause.Left--;
            return false;
        }

        int window = Math.Clamp(BitOperations.Log2((uint)payload.Length - 1) + 1, 10, 22);
        if (BrotliEncoder.TryCompress(payload, destination[..Limit(payload.Length)], out length, Quality, window))
        {
            pause.Failures = 0;
            return true;
        }

        pause.Failures = Math.Min(pause.Failures + 1, LongestPause);
        pause.Left = 1 << pause.Failures;
        return false;
    }

    private struct Pause
    {
        public int Failures;
        public int Left;
    }
}
