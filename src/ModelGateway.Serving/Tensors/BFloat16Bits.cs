namespace ModelGateway.Serving.Tensors;

/// <summary>Conversions between bfloat16 bits and wider floats; .NET has the half but not this type.</summary>
public static class BFloat16Bits
{
    private const int MantissaBits = 16;
    private const ushort QuietBit = 0x0040;
    private const uint LostBits = 0xFFFF;
    private const uint HalfwayBits = 0x8000;

    /// <summary>Every bfloat16 is exactly a float.</summary>
    public static float ToSingle(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << MantissaBits);

    /// <summary>Rounds to nearest, ties to even; NaN stays NaN.</summary>
    public static ushort FromSingle(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value))
        {
            return (ushort)((bits >> MantissaBits) | QuietBit);
        }

        uint half = 0x7FFF + ((bits >> MantissaBits) & 1);
        return (ushort)((bits + half) >> MantissaBits);
    }

    /// <summary>Whether the value lies just between two neighbours: only there does it matter if it was rounded before.</summary>
    public static bool IsHalfway(double value) =>
        (float)value == value && (BitConverter.SingleToUInt32Bits((float)value) & LostBits) == HalfwayBits;

    /// <summary>
    /// Rounds once from the double: going through float first would round twice. The float is made by rounding to odd
    /// (truncate, then set the last bit if anything was lost), after which the second rounding is exact.
    /// </summary>
    public static ushort FromDouble(double value)
    {
        float single = (float)value;
        if (double.IsNaN(value) || float.IsInfinity(single) || single == value)
        {
            return FromSingle(single);
        }

        uint bits = BitConverter.SingleToUInt32Bits(single);
        bool roundedAwayFromZero = Math.Abs((double)single) > Math.Abs(value);
        bits = roundedAwayFromZero ? bits - 1 : bits;
        return FromSingle(BitConverter.UInt32BitsToSingle(bits | 1));
    }
}
