using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ModelGateway.Protocols.Json.Numbers;

/// <summary>
/// Writes numbers as .NET writes them, the shortest text that reads back: <c>0.0015</c>, <c>1500</c>, <c>15.5</c>, <c>1.5E-05</c>, <c>1.5E+18</c>. Eight digits
/// are made at once and stored at once, the point is pushed between them; no digit is handled alone.
/// </summary>
internal static class DecimalText
{
    /// <summary>Bytes that must be there and may be overwritten, however long the text is.</summary>
    public const int Room = 32;

    // .NET's limits: with more digits before the point, or more zeros behind it, there is an exponent.
    private const int MostWholeOfSingle = 9;
    private const int MostWholeOfDouble = 17;
    private const int LeastPoint = -3;
    private const int Eight = 8;
    private const uint TenToEight = 100_000_000;
    private const ulong Zeros = 0x3030_3030_3030_3030;
    private const ulong ZeroPoint = 0x3030_3030_3030_2E30;

    private static ReadOnlySpan<ulong> PowersOfTen =>
    [
        1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000, 100_000_000_000,
        1_000_000_000_000, 10_000_000_000_000, 100_000_000_000_000, 1_000_000_000_000_000, 10_000_000_000_000_000, 100_000_000_000_000_000,
    ];

    /// <summary>Writes a finite value other than zero and returns the length of its text.</summary>
    public static int Write(float value, Span<byte> to)
    {
        uint shortest = ShortestDecimal.Of(Math.Abs(value), out int exponent);
        return WriteSingle(value < 0, shortest, exponent, to);
    }

    /// <summary>The same for digits that are known: (-1)^negative * shortest * 10^exponent, with at most nine digits.</summary>
    public static int WriteSingle(bool negative, uint shortest, int exponent, Span<byte> to)
    {
        int count = CountDigits(shortest);
        uint nine = shortest * (uint)PowersOfTen[MostWholeOfSingle - count];
        uint eight = nine / 10;
        uint last = nine - (eight * 10);
        ulong first = Spell(eight);

        // No jump here: whether there is a ninth digit is chance.
        int withoutLast = Eight - TrailingZeros(first);
        int ifLast = (int)(0 - last) >> 31;
        int significant = withoutLast + ((Eight + 1 - withoutLast) & ifLast);
        return WriteSigned(negative, new Digits(first, last, 0), significant, count + exponent, MostWholeOfSingle, to);
    }

    /// <summary>Writes a finite value other than zero and returns the length of its text.</summary>
    public static int Write(double value, Span<byte> to)
    {
        ulong shortest = ShortestDecimal.Of(Math.Abs(value), out int exponent);
        return WriteDouble(value < 0, shortest, exponent, to);
    }

    /// <summary>The same for digits that are known: (-1)^negative * shortest * 10^exponent, with at most seventeen digits.</summary>
    public static int WriteDouble(bool negative, ulong shortest, int exponent, Span<byte> to)
    {
        int count = CountDigits(shortest);
        ulong seventeen = shortest * PowersOfTen[MostWholeOfDouble - count];
        ulong sixteen = seventeen / 10;
        uint last = (uint)(seventeen - (sixteen * 10));
        ulong upper = sixteen / TenToEight;
        ulong first = Spell((uint)upper);
        ulong second = Spell((uint)(sixteen - (upper * TenToEight)));
        int significant = last != 0 ? (2 * Eight) + 1
            : second != 0 ? (2 * Eight) - TrailingZeros(second)
            : Eight - TrailingZeros(first);
        return WriteSigned(negative, new Digits(first, second, last), significant, count + exponent, MostWholeOfDouble, to);
    }

    /// <summary>Writes a whole number and returns the length of its text.</summary>
    public static int Write(long value, Span<byte> to)
    {
        if (value >= 0)
        {
            return Write((ulong)value, to);
        }

        to[0] = (byte)'-';
        return 1 + Write(0 - (ulong)value, to[1..]);
    }

    /// <summary>Writes a whole number and returns the length of its text.</summary>
    public static int Write(ulong value, Span<byte> to)
    {
        ref byte start = ref MemoryMarshal.GetReference(to[..(3 * Eight)]);
        if (value < TenToEight)
        {
            return WriteLeading((uint)value, ref start);
        }

        ulong upper = value / TenToEight;
        ulong lower = Spell((uint)(value - (upper * TenToEight))) | Zeros;
        if (upper < TenToEight)
        {
            int length = WriteLeading((uint)upper, ref start);
            Store(ref start, length, lower);
            return length + Eight;
        }

        ulong top = upper / TenToEight;
        int before = WriteLeading((uint)top, ref start);
        Store(ref start, before, Spell((uint)(upper - (top * TenToEight))) | Zeros);
        Store(ref start, before + Eight, lower);
        return before + (2 * Eight);
    }

    private static int WriteLeading(uint value, ref byte to)
    {
        // The last digit stands for zero.
        ulong digits = Spell(value);
        int zeros = BitOperations.TrailingZeroCount(digits | (1UL << 56)) >> 3;
        Store(ref to, 0, (digits | Zeros) >> (zeros * Eight));
        return Eight - zeros;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int WriteSigned(bool negative, Digits digits, int significant, int point, int mostWhole, Span<byte> to)
    {
        ref byte start = ref MemoryMarshal.GetReference(to[..Room]);
        start = (byte)'-';
        int sign = negative ? 1 : 0;
        return sign + Place(ref Unsafe.Add(ref start, sign), digits, significant, point, mostWhole);
    }

    // The value is 0.digits * 10^point.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Place(ref byte to, Digits digits, int significant, int point, int mostWhole)
    {
        if (point is >= LeastPoint and <= 0)
        {
            Store(ref to, 0, ZeroPoint);
            digits.Store(ref to, 2 - point);
            return 2 - point + significant;
        }

        if (point < LeastPoint || point > mostWhole)
        {
            digits.StorePointed(ref to, 1);
            int mantissa = significant == 1 ? 1 : significant + 1;
            return mantissa + WriteExponent(ref Unsafe.Add(ref to, mantissa), point - 1);
        }

        if (point >= significant)
        {
            digits.Store(ref to, 0);
            return point;
        }

        digits.StorePointed(ref to, point);
        return significant + 1;
    }

    // Two digits at least.
    private static int WriteExponent(ref byte to, int exponent)
    {
        to = (byte)'E';
        Unsafe.Add(ref to, 1) = exponent < 0 ? (byte)'-' : (byte)'+';
        uint value = (uint)Math.Abs(exponent);
        uint hundreds = value / 100;
        int length = 2;
        if (hundreds != 0)
        {
            Unsafe.Add(ref to, length++) = (byte)('0' + hundreds);
        }

        uint tens = value / 10 % 10;
        Unsafe.Add(ref to, length++) = (byte)('0' + tens);
        Unsafe.Add(ref to, length++) = (byte)('0' + (value % 10));
        return length;
    }

    private static int CountDigits(ulong value)
    {
        // log10(2) is a little more than 1233 / 4096; the guess may be one too high.
        int guess = ((64 - BitOperations.LeadingZeroCount(value)) * 1233) >> 12;
        return guess + (value >= PowersOfTen[guess] ? 1 : 0);
    }

    // Of eight digits the last of which is in the highest byte; not all are zero.
    private static int TrailingZeros(ulong digits) => BitOperations.LeadingZeroCount(digits) >> 3;

    // A byte a digit, the first in the lowest: fours, then pairs, then digits are taken apart side by side, each by a product and a shift
    // that divide exactly in its range.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Spell(uint eight)
    {
        uint upper = eight / 10_000;
        ulong fours = upper | ((ulong)(eight - (upper * 10_000)) << 32);
        ulong hundreds = ((fours * 10_486) >> 20) & 0x0000_007F_0000_007F;
        ulong pairs = hundreds | ((fours - (hundreds * 100)) << 16);
        ulong tens = ((pairs * 103) >> 10) & 0x000F_000F_000F_000F;
        return tens | ((pairs - (tens * 10)) << 8);
    }

    private static void Store(ref byte to, int at, ulong bytes) => Unsafe.WriteUnaligned(ref Unsafe.Add(ref to, at), bytes);

    /// <summary>Seventeen digits, without their text's 0x30.</summary>
    private readonly struct Digits(ulong first, ulong second, uint last)
    {
        public readonly ulong First = first;
        public readonly ulong Second = second;
        private readonly uint _last = last;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Store(ref byte to, int at)
        {
            DecimalText.Store(ref to, at, First | Zeros);
            DecimalText.Store(ref to, at + Eight, Second | Zeros);
            Unsafe.Add(ref to, at + (2 * Eight)) = (byte)('0' + _last);
        }

        /// <summary>With a point behind the first 1 to 16: all are stored one byte further, and those before the point once more in their place.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void StorePointed(ref byte to, int point)
        {
            Store(ref to, 1);
            if (point < Eight)
            {
                DecimalText.Store(ref to, 0, Insert(First | Zeros, point));
                return;
            }

            DecimalText.Store(ref to, 0, First | Zeros);
            if (point < 2 * Eight)
            {
                DecimalText.Store(ref to, Eight, Insert(Second | Zeros, point - Eight));
                return;
            }

            DecimalText.Store(ref to, Eight, Second | Zeros);
            Unsafe.Add(ref to, point) = (byte)'.';
        }

        // The digit that falls out at the end is there already.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static ulong Insert(ulong digits, int point)
        {
            int shift = point * Eight;
            ulong before = digits & ((1UL << shift) - 1);
            return before | ((ulong)'.' << shift) | ((digits ^ before) << Eight);
        }
    }
}
