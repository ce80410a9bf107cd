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

/// <summary>The same for floats, whose shortest digits are looked for first, several at a time.</summary>
internal interface IJsonFloat<T>
{
    /// <summary>The digits and the exponents of at most <see cref="JsonNumbers.FloatsAtOnce"/> values; whatever for those that have none.</summary>
    static abstract void Shorten(ReadOnlySpan<T> values, Span<ulong> digits, Span<int> exponents);

    /// <summary>Writes the element to at least <see cref="JsonNumbers.Longest"/> bytes and returns how many it took.</summary>
    static abstract int Format(T value, ulong digits, int exponent, Span<byte> to, NonFiniteStyle style);
}

/// <summary>
/// The numbers of JSON: the shortest text that reads back as the same value of the type. FP16 and BF16 are written as the
/// float that they exactly are, so that they are right also for a client that reads them as FP32.
/// </summary>
internal static class JsonNumbers
{
    /// <summary>No element is longer: <c>-1.7976931348623157E+308</c> has 24 bytes. The bytes behind its text may be overwritten.</summary>
    public const int Longest = DecimalText.Room;

    /// <summary>Floats whose digits are looked for together.</summary>
    public const int FloatsAtOnce = 16;

    private static int Copy(ReadOnlySpan<byte> text, Span<byte> to)
    {
        text.CopyTo(to);
        return text.Length;
    }

    // -0 would be read as the integer 0 by readers that tell integers and floats apart, and its sign would be lost.
    private static int Zero(bool negative, Span<byte> to) => Copy(negative ? "-0.0"u8 : "0"u8, to);

    private static int NonFinite(double value, Span<byte> to, NonFiniteStyle style)
    {
        ReadOnlySpan<byte> quoted = double.IsNaN(value) ? "\"NaN\""u8 : value > 0 ? "\"Infinity\""u8 : "\"-Infinity\""u8;
        return Copy(style == NonFiniteStyle.Quoted ? quoted : quoted[1..^1], to);
    }

    internal readonly struct Single : IJsonFloat<float>
    {
        public static void Shorten(ReadOnlySpan<float> values, Span<ulong> digits, Span<int> exponents) => ShortestDecimals.Of(values, digits, exponents);

        public static int Format(float value, ulong digits, int exponent, Span<byte> to, NonFiniteStyle style) =>
            !float.IsFinite(value) ? NonFinite(value, to, style)
            : value == 0 ? Zero(float.IsNegative(value), to)
            : DecimalText.WriteSingle(value < 0, (uint)digits, exponent, to);
    }

    internal readonly struct Double : IJsonFloat<double>
    {
        public static void Shorten(ReadOnlySpan<double> values, Span<ulong> digits, Span<int> exponents) => ShortestDecimals.Of(values, digits, exponents);

        public static int Format(double value, ulong digits, int exponent, Span<byte> to, NonFiniteStyle style) =>
            !double.IsFinite(value) ? NonFinite(value, to, style)
            : value == 0 ? Zero(double.IsNegative(value), to)
            : DecimalText.WriteDouble(value < 0, digits, exponent, to);
    }

    internal readonly struct HalfFloat : IJsonFloat<Half>
    {
        public static void Shorten(ReadOnlySpan<Half> values, Span<ulong> digits, Span<int> exponents)
        {
            Span<float> floats = stackalloc float[FloatsAtOnce];
            for (int i = 0; i < values.Length; i++)
            {
                floats[i] = (float)values[i];
            }

            ShortestDecimals.Of(floats[..values.Length], digits, exponents);
        }

        public static int Format(Half value, ulong digits, int exponent, Span<byte> to, NonFiniteStyle style) =>
            Single.Format((float)value, digits, exponent, to, style);
    }

    internal readonly struct BFloat16 : IJsonFloat<ushort>
    {
        public static void Shorten(ReadOnlySpan<ushort> values, Span<ulong> digits, Span<int> exponents)
        {
            Span<float> floats = stackalloc float[FloatsAtOnce];
            for (int i = 0; i < values.Length; i++)
            {
                floats[i] = BFloat16Bits.ToSingle(values[i]);
            }

            ShortestDecimals.Of(floats[..values.Length], digits, exponents);
        }

        public static int Format(ushort value, ulong digits, int exponent, Span<byte> to, NonFiniteStyle style) =>
            Single.Format(BFloat16Bits.ToSingle(value), digits, exponent, to, style);
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
