using System.Numerics;

namespace ModelGateway.Protocols.Json.Numbers;

/// <summary>
/// The powers of five from 5^-342 to 5^324 as 128 bits that begin with a one: what is multiplied with the digits of a decimal number
/// to have the leading bits of its value. Truncated where the power has more bits, rounded up where it is a fraction, as the proof
/// behind <see cref="DecimalToDouble"/> asks (D. Lemire, "Number Parsing at a Gigabyte per Second", 2021, section 5).
/// </summary>
internal static class PowersOfFive
{
    /// <summary>Of the numbers below, with up to 19 digits, none is as large as half the least double.</summary>
    public const int Least = -342;

    /// <summary>What the least double is scaled by to have all its digits before the point.</summary>
    public const int Greatest = 324;

    private const int Bits = 128;

    // The reciprocals of those powers whose multiples fit 64 bits: there a product can be exact, and must then not come out too small.
    private const int LeastRoundedUp = 27;

    // 5^27 has 63 bits, 5^55 has 128.
    private const int GreatestOf64Bits = 27;
    private const int GreatestOf128Bits = 55;

    // High and low half in turn, so that one line of the cache holds both. Ten kilobytes, made on first use in less than a millisecond.
    private static readonly ulong[] Halves = Make();

    /// <summary>The upper 64 bits of 5^<paramref name="exponent"/>.</summary>
    public static ulong High(int exponent) => Halves[(exponent - Least) * 2];

    /// <summary>The lower 64 bits of 5^<paramref name="exponent"/>.</summary>
    public static ulong Low(int exponent) => Halves[((exponent - Least) * 2) + 1];

    /// <summary>5^<paramref name="exponent"/> is no more than its upper 64 bits.</summary>
    public static bool IsWhole64(int exponent) => exponent is >= 0 and <= GreatestOf64Bits;

    /// <summary>5^<paramref name="exponent"/> is no more than its 128 bits, or less; otherwise it is more.</summary>
    public static bool IsCeiling(int exponent) => exponent is >= -LeastRoundedUp and <= GreatestOf128Bits;

    private static ulong[] Make()
    {
        ulong[] halves = new ulong[(Greatest - Least + 1) * 2];
        BigInteger power = BigInteger.One;
        for (int exponent = 0; exponent <= -Least; exponent++)
        {
            if (exponent <= Greatest)
            {
                Put(halves, exponent, Normalize(power));
            }

            if (exponent > 0)
            {
                // Enough bits that the quotient has more than are kept.
                BigInteger one = BigInteger.One << ((int)power.GetBitLength() + Bits);
                Put(halves, -exponent, Normalize(one / power) + (exponent <= LeastRoundedUp ? 1 : 0));
            }

            power *= 5;
        }

        return halves;
    }

    private static BigInteger Normalize(BigInteger value)
    {
        int shift = (int)value.GetBitLength() - Bits;
        return shift < 0 ? value << -shift : value >> shift;
    }

    private static void Put(ulong[] halves, int exponent, BigInteger value)
    {
        halves[(exponent - Least) * 2] = (ulong)(value >> 64);
        halves[((exponent - Least) * 2) + 1] = (ulong)(value & ulong.MaxValue);
    }
}
