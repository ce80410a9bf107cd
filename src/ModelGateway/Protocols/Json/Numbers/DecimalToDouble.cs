namespace ModelGateway.Protocols.Json.Numbers;

/// <summary>
/// The double nearest to digits * 10^exponent, ties to even: by one exact division or multiplication where both sides are exact
/// (W. Clinger, 1990), else by the algorithm of M. Eisel and D. Lemire, which for digits of at most 64 bits needs no second way
/// (N. Mushtak and D. Lemire, "Fast Number Parsing Without Fallback", 2023).
/// </summary>
internal static class DecimalToDouble
{
    private const int MantissaBits = 52;
    private const int LeastExponent = -1023;
    private const int InfiniteExponent = 0x7FF;
    private const ulong MostExactDigits = 1UL << 53;

    /// <summary>The greatest power of ten that is a double.</summary>
    public const int GreatestExactPower = 22;

    // Any digits with a greater power of ten are too many, but zero.
    private const int GreatestFinite = 308;

    // Only between these powers of ten can digits of 64 bits be just between two doubles.
    private const int LeastTie = -4;
    private const int GreatestTie = 23;

    private static ReadOnlySpan<double> ExactPowers =>
    [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ];

    /// <summary>10^<paramref name="exponent"/>, from 0 to <see cref="GreatestExactPower"/>.</summary>
    public static double ExactPower(int exponent) => ExactPowers[exponent];

    /// <summary>Any digits, any exponent; too large a value is infinite.</summary>
    public static double Convert(ulong digits, int exponent)
    {
        if (digits <= MostExactDigits && Math.Abs((long)exponent) <= GreatestExactPower)
        {
            return exponent < 0 ? (long)digits / ExactPowers[-exponent] : (long)digits * ExactPowers[exponent];
        }

        return digits == 0 || exponent < PowersOfFive.Least ? 0
            : exponent > GreatestFinite ? double.PositiveInfinity
            : Multiply(digits, exponent);
    }

    /// <summary>Any digits but zero, any exponent of <see cref="PowersOfFive"/>.</summary>
    public static double Multiply(ulong digits, int exponent)
    {
        int zeros = (int)ulong.LeadingZeroCount(digits);
        ulong high = Product(digits << zeros, exponent, out ulong low);
        int upper = (int)(high >> 63);
        int shift = upper + 64 - MantissaBits - 3;
        ulong mantissa = high >> shift;
        int power = BinaryExponent(exponent) + upper - zeros - LeastExponent;
        if (power <= 0)
        {
            return Subnormal(mantissa, power);
        }

        bool tie = low <= 1 && exponent is >= LeastTie and <= GreatestTie && (mantissa & 3) == 1 && mantissa << shift == high;
        mantissa = tie ? mantissa & ~1UL : mantissa;
        mantissa = (mantissa + (mantissa & 1)) >> 1;
        if (mantissa >> (MantissaBits + 1) != 0)
        {
            mantissa >>= 1;
            power++;
        }

        return power >= InfiniteExponent ? double.PositiveInfinity : Assemble(mantissa, power);
    }

    // The upper 128 bits of digits * 5^exponent. The lower half of the power is needed only where the bits below the mantissa are
    // all ones, so that a carry could reach it.
    private static ulong Product(ulong digits, int exponent, out ulong low)
    {
        ulong high = Math.BigMul(digits, PowersOfFive.High(exponent), out low);
        const ulong BelowMantissa = ulong.MaxValue >> (MantissaBits + 3);
        if ((high & BelowMantissa) == BelowMantissa)
        {
            ulong carry = Math.BigMul(digits, PowersOfFive.Low(exponent), out _);
            low += carry;
            high += low < carry ? 1UL : 0;
        }

        return high;
    }

    // floor(log2(10^exponent)) + 63
    private static int BinaryExponent(int exponent) => ((217_706 * exponent) >> 16) + 63;

    // There no value of so few digits is between two doubles.
    private static double Subnormal(ulong mantissa, int power)
    {
        if (power <= -63)
        {
            return 0;
        }

        mantissa >>= 1 - power;
        mantissa = (mantissa + (mantissa & 1)) >> 1;

        // Rounded up to the least normal double, the bit is the exponent's.
        return BitConverter.UInt64BitsToDouble(mantissa);
    }

    private static double Assemble(ulong mantissa, int power) =>
        BitConverter.UInt64BitsToDouble((mantissa & ~(1UL << MantissaBits)) | ((ulong)power << MantissaBits));
}
