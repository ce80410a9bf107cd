using System.Runtime.CompilerServices;

namespace ModelGateway.Protocols.Json.Numbers;

/// <summary>
/// Floats by way of the nearest double. To round that again is to round the number itself unless the double stands just between
/// two values of the narrower type, where it no longer tells on which side the number was.
/// </summary>
internal readonly struct FloatElement<T, TRounding> : IJsonElement<T>
    where T : unmanaged
    where TRounding : IDoubleRounding<T>
{
    private const ulong MostExact = 1UL << 53;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryMake(ulong digits, int length, int point, uint negative, out T value) =>
        TRounding.TryRoundModerate((long)digits / DecimalLayouts.Divisor(length, point, negative), point == length, out value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryMakeLong(ulong digits, int fraction, uint negative, out T value)
    {
        // Two roundings, of the digits and of the quotient.
        if (fraction <= DecimalToDouble.GreatestExactPower
            && TRounding.TryRoundAbout(Signed((long)digits / DecimalToDouble.ExactPower(fraction), negative), out value))
        {
            return true;
        }

        return TryMakeExactly(digits, fraction, negative, out value);
    }

    public static bool TryMake(in JsonDecimal number, out T value)
    {
        double nearest = DecimalToDouble.Convert(number.Digits, number.Exponent);
        bool exact = number.Exponent == 0 && number.Digits <= MostExact;
        return TRounding.TryRound(Signed(nearest, number.IsNegative ? 1u : 0), exact, out value);
    }

    private static bool TryMakeExactly(ulong digits, int fraction, uint negative, out T value)
    {
        double nearest = digits == 0 ? 0 : DecimalToDouble.Multiply(digits, -fraction);
        return TRounding.TryRound(Signed(nearest, negative), fraction == 0 & digits <= MostExact, out value);
    }

    private static double Signed(double value, uint negative) =>
        BitConverter.UInt64BitsToDouble(BitConverter.DoubleToUInt64Bits(value) | ((ulong)negative << 63));
}
