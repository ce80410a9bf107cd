using System.Globalization;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.Json;

/// <summary>Reads a JSON number as the nearest bfloat16, ties to even, rounded once.</summary>
internal static class JsonBFloat16
{
    // The exact digits of any half-way value between two bfloat16 are fewer (the least of them is 2^-134, with 94).
    private const string ExactDigits = "E110";
    private const int ExactLength = 128;

    /// <summary>False where the number is too large to be finite.</summary>
    public static bool TryParse(ReadOnlySpan<byte> number, out ushort bits)
    {
        bool valid = JsonScalars.TryParse(number, out double value);
        bits = BFloat16Bits.IsHalfway(value) ? RoundHalfway(number, value) : BFloat16Bits.FromDouble(value);
        return valid && float.IsFinite(BFloat16Bits.ToSingle(bits));
    }

    // The double was rounded already: the text may be a little above or below.
    private static ushort RoundHalfway(ReadOnlySpan<byte> number, double halfway)
    {
        uint below = BitConverter.SingleToUInt32Bits((float)halfway) >> 16;
        return CompareDigits(number, halfway) switch
        {
            < 0 => (ushort)below,
            > 0 => (ushort)(below + 1),
            _ => BFloat16Bits.FromDouble(halfway),
        };
    }

    // By magnitude. The two agree in their first fifteen digits and no half-way value is a power of ten, so that the first
    // digits are of the same weight and the points need not be lined up.
    private static int CompareDigits(ReadOnlySpan<byte> number, double halfway)
    {
        Span<byte> exact = stackalloc byte[ExactLength];
        Math.Abs(halfway).TryFormat(exact, out int length, ExactDigits, NumberFormatInfo.InvariantInfo);
        ReadOnlySpan<byte> expected = Decimals(exact[..length]);
        bool leading = true;
        foreach (byte character in Decimals(number))
        {
            leading = leading && character is (byte)'-' or (byte)'.' or (byte)'0';
            if (leading || character == (byte)'.')
            {
                continue;
            }

            // The exact digits are d.ddd
            expected = expected.StartsWith("."u8) ? expected[1..] : expected;
            int difference = character - (expected.IsEmpty ? '0' : expected[0]);
            if (difference != 0)
            {
                return difference;
            }

            expected = expected.IsEmpty ? expected : expected[1..];
        }

        // The text ended; what is left of the exact digits decides.
        return expected.IndexOfAnyExcept("0."u8) >= 0 ? -1 : 0;
    }

    private static ReadOnlySpan<byte> Decimals(ReadOnlySpan<byte> number)
    {
        int exponent = number.IndexOfAny("eE"u8);
        return exponent < 0 ? number : number[..exponent];
    }
}
