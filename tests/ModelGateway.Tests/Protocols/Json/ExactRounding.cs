using System.Globalization;
using System.Numerics;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Tests.Protocols.Json;

/// <summary>Rounds decimal text to bfloat16 with whole numbers only: slow, and easy to believe.</summary>
internal static class ExactRounding
{
    public static double ToBFloat16(string text)
    {
        bool negative = text[0] == '-';
        string[] parts = text.TrimStart('-').Split('e', 'E');
        string[] mantissa = parts[0].Split('.');
        BigInteger exponent = parts.Length < 2 ? 0 : BigInteger.Parse(parts[1], CultureInfo.InvariantCulture);
        BigInteger digits = BigInteger.Parse(string.Concat(mantissa), CultureInfo.InvariantCulture);
        BigInteger scale = exponent - (mantissa.Length < 2 ? 0 : mantissa[1].Length);
        BigInteger magnitude = scale + (BigInteger)(digits.IsZero ? 0 : BigInteger.Log10(digits));
        double value = digits.IsZero || magnitude < -60 ? 0
            : magnitude > 60 ? double.PositiveInfinity
            : Round(digits, (int)scale);
        return negative ? -value : value;
    }

    // The least bfloat16 whose upper neighbour is not nearer.
    private static double Round(BigInteger digits, int scale)
    {
        BigInteger numerator = digits * BigInteger.Pow(10, Math.Max(scale, 0));
        BigInteger denominator = BigInteger.Pow(10, Math.Max(-scale, 0));
        int low = 0;
        int high = 0x7F80;
        while (high - low > 1)
        {
            int middle = (low + high) / 2;
            bool notAbove = Compare(numerator, denominator, Units(middle)) >= 0;
            (low, high) = notAbove ? (middle, high) : (low, middle);
        }

        // Twice the units of the middle between the neighbours; the value beyond the largest counts as if it were finite.
        BigInteger halfway = Units(low) + Units(low + 1);
        int side = Compare(numerator * 2, denominator, halfway);
        int rounded = side > 0 || (side == 0 && low % 2 != 0) ? low + 1 : low;
        return BFloat16Bits.ToSingle((ushort)rounded);
    }

    // In units of 2^-133, the least step of bfloat16.
    private static BigInteger Units(int bits)
    {
        int exponent = bits >> 7;
        int fraction = bits & 0x7F;
        return exponent == 0 ? fraction : new BigInteger(fraction | 0x80) << (exponent - 1);
    }

    private static int Compare(BigInteger numerator, BigInteger denominator, BigInteger units) =>
        (numerator << 133).CompareTo(units * denominator);
}
