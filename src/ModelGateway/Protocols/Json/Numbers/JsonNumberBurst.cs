using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ModelGateway.Protocols.Json.Numbers;

/// <summary>
/// The loops that the time goes to: numbers without an exponent that are followed by a comma, or by a comma and a blank. Where they
/// stand is found for 64 bytes at once, so that to read one does not need to wait for the one before. One loop reads numbers of
/// less than sixteen bytes, another the longer ones, as an array has mostly the ones or the others: no call in either, and
/// all their variables in registers.
/// </summary>
internal static class JsonNumberBurst
{
    /// <summary>
    /// Reads as many numbers as it can, the first of which begins at <paramref name="at"/>, and leaves this at the next one. It stops at whatever
    /// it does not know, and before the end of the text: the last numbers are for others to read.
    /// </summary>
    /// <returns>How many were read.</returns>
    public static int Read<T, TElement>(ReadOnlySpan<byte> text, ref int at, Span<T> to)
        where T : unmanaged
        where TElement : IJsonElement<T>
    {
        int read = 0;
        for (int before = -1; read > before && DecimalDigits.IsSupported;)
        {
            before = read;
            read += ReadShort<T, TElement>(text, ref at, to[read..]);
            read += ReadLong<T, TElement>(text, ref at, to[read..]);
        }

        return read;
    }

    private static int ReadShort<T, TElement>(ReadOnlySpan<byte> text, ref int start, Span<T> to)
        where T : unmanaged
        where TElement : IJsonElement<T>
    {
        int lastBlock = LastBlock(text);
        int at = start;
        int read = 0;
        for (bool more = true; more && at <= lastBlock;)
        {
            ref byte origin = ref Unsafe.Add(ref MemoryMarshal.GetReference(text), (uint)at);
            var block = new NumberBlock(ref origin);
            ulong firstDigits = block.FirstDigits;
            ulong marks = block.Points | block.Commas;
            int end = read + Math.Min(BitOperations.PopCount(block.Commas), to.Length - read);
            more = end > read;
            int next = 0;
            for (; read < end; read++)
            {
                int first = BitOperations.TrailingZeroCount(firstDigits);
                int length = BitOperations.TrailingZeroCount(block.Commas >> first);
                int point = BitOperations.TrailingZeroCount(marks >> first);
                if (length >= DecimalDigits.Window)
                {
                    more = false;
                    break;
                }

                ulong digits = DecimalDigits.Join(ref Unsafe.Add(ref origin, (uint)first), length, point);
                if (!TElement.TryMake(digits, length, point, (uint)(block.Negative >> first) & 1, out T value))
                {
                    more = false;
                    break;
                }

                to[read] = value;
                firstDigits &= firstDigits - 1;
                next = first + length + 1;
            }

            at += next;
            at += text[at] == (byte)' ' ? 1 : 0;
        }

        start = at;
        return read;
    }

    private static int ReadLong<T, TElement>(ReadOnlySpan<byte> text, ref int start, Span<T> to)
        where T : unmanaged
        where TElement : IJsonElement<T>
    {
        int lastBlock = LastBlock(text);
        int at = start;
        int read = 0;
        for (bool more = true; more && at <= lastBlock;)
        {
            ref byte origin = ref Unsafe.Add(ref MemoryMarshal.GetReference(text), (uint)at);
            var block = new NumberBlock(ref origin);
            ulong firstDigits = block.FirstDigits;
            ulong marks = block.Points | block.Commas;
            int end = read + Math.Min(BitOperations.PopCount(block.Commas), to.Length - read);
            more = end > read;
            int next = 0;
            for (; read < end; read++)
            {
                int first = BitOperations.TrailingZeroCount(firstDigits);
                int length = BitOperations.TrailingZeroCount(block.Commas >> first);
                int point = BitOperations.TrailingZeroCount(marks >> first);
                if (length is < DecimalDigits.Window or > DecimalDigits.Longest
                    || !DecimalDigits.TryJoinLong(ref Unsafe.Add(ref origin, (uint)first), length, point, out ulong digits)
                    || !TElement.TryMakeLong(digits, Fraction(length, point), (uint)(block.Negative >> first) & 1, out T value))
                {
                    more = false;
                    break;
                }

                to[read] = value;
                firstDigits &= firstDigits - 1;
                next = first + length + 1;
            }

            at += next;
            at += text[at] == (byte)' ' ? 1 : 0;
        }

        start = at;
        return read;
    }

    // The digits behind the point, none where there is no point; without a jump, which Math.Max is.
    private static int Fraction(int length, int point)
    {
        int digits = length - point - 1;
        return digits & ~(digits >> 31);
    }

    // From any number of the block a window more can be read.
    private static int LastBlock(ReadOnlySpan<byte> text) => text.Length - NumberBlock.Size - DecimalDigits.Window;
}
