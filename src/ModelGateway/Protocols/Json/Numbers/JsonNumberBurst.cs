using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ModelGateway.Protocols.Json.Numbers;

/// <summary>
/// The loops that the time goes to: numbers without an exponent that are followed by a comma, by a comma and a blank, or by a bracket. Where they
/// stand is found for 64 bytes at once, so that to read one does not need to wait for the one before. One loop reads numbers of
/// less than sixteen bytes, another the longer ones, as an array has mostly the ones or the others: no call in either, and
/// all their variables in registers.
/// </summary>
internal static class JsonNumberBurst
{
    private enum Stop
    {
        /// <summary>A number that is for the other loop.</summary>
        OtherLength,

        /// <summary>The bracket behind the last number.</summary>
        Bracket,

        /// <summary>Something else, or the end.</summary>
        Unknown,
    }

    /// <summary>
    /// Reads as many numbers as it can, the first of which begins at <paramref name="at"/>, and leaves this at the next one, or at the bracket behind
    /// the last one. It stops at whatever it does not know, and before the end of the text: the last numbers are for others to read.
    /// </summary>
    /// <param name="isAtBracket">It stopped there.</param>
    /// <returns>How many were read.</returns>
    public static int Read<T, TElement>(ReadOnlySpan<byte> text, ref int at, Span<T> to, out bool isAtBracket)
        where T : unmanaged
        where TElement : IJsonElement<T>
    {
        isAtBracket = false;
        if (!DecimalDigits.IsSupported)
        {
            return 0;
        }

        int read = ReadShort<T, TElement>(text, ref at, to, out Stop stop);
        for (int before = -1; stop == Stop.OtherLength && read > before;)
        {
            before = read;
            read += ReadLong<T, TElement>(text, ref at, to[read..], out stop);
            if (stop == Stop.OtherLength)
            {
                read += ReadShort<T, TElement>(text, ref at, to[read..], out stop);
            }
        }

        isAtBracket = stop == Stop.Bracket;
        return read;
    }

    private static int ReadShort<T, TElement>(ReadOnlySpan<byte> text, ref int start, Span<T> to, out Stop stop)
        where T : unmanaged
        where TElement : IJsonElement<T>
    {
        int lastBlock = LastBlock(text);
        int at = start;
        int read = 0;
        stop = Stop.Unknown;
        for (bool more = true; more && at <= lastBlock;)
        {
            ref byte origin = ref Unsafe.Add(ref MemoryMarshal.GetReference(text), (uint)at);
            var block = new NumberBlock(ref origin);
            ulong firstDigits = block.FirstDigits;
            ulong marks = block.Points | block.Ends;
            int end = read + Math.Min(BitOperations.PopCount(block.Ends), to.Length - read);
            more = block.IsSound & end > read;
            int next = 0;
            for (; read < end; read++)
            {
                int first = BitOperations.TrailingZeroCount(firstDigits);
                int length = BitOperations.TrailingZeroCount(block.Ends >> first);
                int point = BitOperations.TrailingZeroCount(marks >> first);
                if (length >= DecimalDigits.Window)
                {
                    start = SkipBlank(text, at + next);
                    stop = Stop.OtherLength;
                    return read;
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
            if (next > 0 && text[at - 1] == (byte)']')
            {
                at--;
                stop = Stop.Bracket;
                break;
            }

            at = SkipBlank(text, at);
        }

        start = at;
        return read;
    }

    private static int ReadLong<T, TElement>(ReadOnlySpan<byte> text, ref int start, Span<T> to, out Stop stop)
        where T : unmanaged
        where TElement : IJsonElement<T>
    {
        int lastBlock = LastBlock(text);
        int at = start;
        int read = 0;
        stop = Stop.Unknown;
        for (bool more = true; more && at <= lastBlock;)
        {
            ref byte origin = ref Unsafe.Add(ref MemoryMarshal.GetReference(text), (uint)at);
            var block = new NumberBlock(ref origin);
            ulong firstDigits = block.FirstDigits;
            ulong marks = block.Points | block.Ends;
            int end = read + Math.Min(BitOperations.PopCount(block.Ends), to.Length - read);
            more = block.IsSound & end > read;
            int next = 0;
            for (; read < end; read++)
            {
                int first = BitOperations.TrailingZeroCount(firstDigits);
                int length = BitOperations.TrailingZeroCount(block.Ends >> first);
                int point = BitOperations.TrailingZeroCount(marks >> first);
                if (length < DecimalDigits.Window)
                {
                    start = SkipBlank(text, at + next);
                    stop = Stop.OtherLength;
                    return read;
                }

                if (length > DecimalDigits.Longest
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
            if (next > 0 && text[at - 1] == (byte)']')
            {
                at--;
                stop = Stop.Bracket;
                break;
            }

            at = SkipBlank(text, at);
        }

        start = at;
        return read;
    }

    private static int SkipBlank(ReadOnlySpan<byte> text, int at) => text[at] == (byte)' ' ? at + 1 : at;

    // The digits behind the point, none where there is no point; without a jump, which Math.Max is.
    private static int Fraction(int length, int point)
    {
        int digits = length - point - 1;
        return digits & ~(digits >> 31);
    }

    // From any number of the block a window more can be read.
    private static int LastBlock(ReadOnlySpan<byte> text) => text.Length - NumberBlock.Size - DecimalDigits.Window;
}
