using System.Buffers.Text;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.Json;

/// <summary>
/// Integers that are not written as plain digits: <c>3.0</c>, <c>1e2</c>, <c>12.50e1</c>. They are taken where they are whole and
/// no larger than 2^53; decided on the decimal digits, so that no rounding makes a fraction look whole.
/// </summary>
internal static class JsonIntegers
{
    /// <summary>Clients that write a point or an exponent hold doubles, which count exactly up to here.</summary>
    private const ulong LargestExact = 1UL << 53;

    // Any exponent beyond this has an answer that no longer depends on it; a number of 2^31 digits cannot arrive.
    private const long ExponentBound = 1L << 40;

    /// <summary>The least and the greatest value of a type. UINT64 does not fit and is read on its own.</summary>
    public static (long Min, long Max) Range(TensorType type) => type switch
    {
        TensorType.Bool => (0, 1),
        TensorType.UInt8 => (0, byte.MaxValue),
        TensorType.UInt16 => (0, ushort.MaxValue),
        TensorType.UInt32 => (0, uint.MaxValue),
        TensorType.Int8 => (sbyte.MinValue, sbyte.MaxValue),
        TensorType.Int16 => (short.MinValue, short.MaxValue),
        TensorType.Int32 => (int.MinValue, int.MaxValue),
        _ => (long.MinValue, long.MaxValue),
    };

    /// <summary>For the types whose whole range is below 2^53, what is beyond that is out of their range.</summary>
    public static JsonScalarFault Narrow(JsonScalarFault fault, TensorType type) =>
        fault == JsonScalarFault.Inexact && type != TensorType.Int64 ? JsonScalarFault.OutOfRange : fault;

    /// <summary>Reads a JSON number that the plain reader of digits did not take.</summary>
    public static JsonScalarFault Read(ReadOnlySpan<byte> number, out long value)
    {
        bool negative = number[0] == (byte)'-';
        ReadOnlySpan<byte> rest = negative ? number[1..] : number;
        value = 0;
        if (rest.IndexOfAny(".eE"u8) < 0)
        {
            // Plain digits: -0 for an unsigned type, or more than 64 bits.
            return rest.SequenceEqual("0"u8) ? JsonScalarFault.None : JsonScalarFault.OutOfRange;
        }

        int e = rest.IndexOfAny("eE"u8);
        ReadOnlySpan<byte> decimals = e < 0 ? rest : rest[..e];
        bool exact = TryReadDecimals(decimals, out ulong digits, out long exponent);
        exponent += e < 0 ? 0 : ReadExponent(rest[(e + 1)..]);
        if (digits == 0)
        {
            return JsonScalarFault.None;
        }

        if (exponent < 0)
        {
            return JsonScalarFault.Fraction;
        }

        for (; exact && exponent > 0; exponent--)
        {
            exact = TryAppend(ref digits, 0);
        }

        value = negative ? -(long)digits : (long)digits;
        return exact ? JsonScalarFault.None : JsonScalarFault.Inexact;
    }

    // The number is digits * 10^exponent, without trailing zeros in digits. False: more digits than 2^53 has; the exponent is
    // right all the same, and digits is not zero.
    private static bool TryReadDecimals(ReadOnlySpan<byte> decimals, out ulong digits, out long exponent)
    {
        digits = 0;
        exponent = 0;
        bool exact = true;
        bool afterPoint = false;
        long zeros = 0;
        foreach (byte character in decimals)
        {
            if (character == (byte)'.')
            {
                afterPoint = true;
                continue;
            }

            exponent -= afterPoint ? 1 : 0;
            if (character == (byte)'0')
            {
                zeros++;
                continue;
            }

            for (; exact && digits > 0 && zeros > 0; zeros--)
            {
                exact = TryAppend(ref digits, 0);
            }

            exact = exact && TryAppend(ref digits, character - (uint)'0');
            zeros = 0;
        }

        exponent += zeros;
        return exact;
    }

    private static bool TryAppend(ref ulong digits, uint digit)
    {
        ulong longer = (digits * 10) + digit;
        bool fits = longer <= LargestExact;
        digits = fits ? longer : digits;
        return fits;
    }

    private static long ReadExponent(ReadOnlySpan<byte> exponent)
    {
        bool negative = exponent[0] == (byte)'-';
        ReadOnlySpan<byte> digits = exponent.TrimStart("+-"u8).TrimStart((byte)'0');
        long value = digits.IsEmpty ? 0
            : Utf8Parser.TryParse(digits, out long parsed, out _) ? Math.Min(parsed, ExponentBound)
            : ExponentBound;
        return negative ? -value : value;
    }
}
