using System.Numerics;
using ModelGateway.Protocols.Json.Numbers;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.Json;

/// <summary>How one type's elements are written; the compiler makes a loop of its own for each implementation.</summary>
internal interface IJsonNumber<in T>
{
    /// <summary>Writes the element to at least <see cref="JsonNumbers.Longest"/> bytes and returns how many it took.</summary>
    static abstract int Format(T value, Span<byte> to, NonFiniteStyle style);
}

/// <summary>
/// The numbers of JSON: the shortest text that reads back as the same value of the type. FP16 and BF16 are written as the
/// float that they exactly are, so that they are right also for a client that reads them as FP32.
/// </summary>
internal static class JsonNumbers
{
    /// <summary>No element is longer: <c>-1.7976931348623157E+308</c> has 24 bytes. The bytes behind its text may be overwritten.</summary>
    public const int Longest = DecimalText.Room;

    private static int Copy(ReadOnlySpan<byte> text, Span<byte> to)
    {
        text.CopyTo(to);
        return text.Length;
    }

    // -0 would be read as the integer 0 by readers that tell integers and floats apart, and its sign would be lost.
    private static int NegativeZero(Span<byte> to) => Copy("-0.0"u8, to);

    private static int NonFinite(double value, Span<byte> to, NonFiniteStyle style)
    {
        ReadOnlySpan<byte> quoted = double.IsNaN(value) ? "\"NaN\""u8 : value > 0 ? "\"Infinity\""u8 : "\"-Infinity\""u8;
        return Copy(style == NonFiniteStyle.Quoted ? quoted : quoted[1..^1], to);
    }

    internal readonly struct Single : IJsonNumber<float>
    {
        public static int Format(float value, Span<byte> to, NonFiniteStyle style)
        {
            if (!float.IsFinite(value))
            {
                return NonFinite(value, to, style);
            }

            if (value == 0)
            {
                return float.IsNegative(value) ? NegativeZero(to) : Copy("0"u8, to);
            }

            return DecimalText.Write(value, to);
        }
    }

    internal readonly struct Double : IJsonNumber<double>
    {
        public static int Format(double value, Span<byte> to, NonFiniteStyle style)
        {
            if (!double.IsFinite(value))
            {
                return NonFinite(value, to, style);
            }

            if (value == 0)
            {
                return double.IsNegative(value) ? NegativeZero(to) : Copy("0"u8, to);
            }

            return DecimalText.Write(value, to);
        }
    }

    internal readonly struct HalfFloat : IJsonNumber<Half>
    {
        public static int Format(Half value, Span<byte> to, NonFiniteStyle style) => Single.Format((float)value, to, style);
    }

    internal readonly struct BFloat16 : IJsonNumber<ushort>
    {
        public static int Format(ushort value, Span<byte> to, NonFiniteStyle style) => Single.Format(BFloat16Bits.ToSingle(value), to, style);
    }

    internal readonly struct Boolean : IJsonNumber<byte>
    {
        public static int Format(byte value, Span<byte> to, NonFiniteStyle style) => Copy(value != 0 ? "true"u8 : "false"u8, to);
    }

    internal readonly struct Integer<T> : IJsonNumber<T>
        where T : IBinaryInteger<T>
    {
        public static int Format(T value, Span<byte> to, NonFiniteStyle style) =>
            T.IsNegative(value) ? DecimalText.Write(long.CreateTruncating(value), to) : DecimalText.Write(ulong.CreateTruncating(value), to);
    }
}
