using System.Buffers.Binary;

namespace ModelGateway.Protocols.Json.Numbers;

/// <summary>
/// A number as JSON spells it: <c>-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?</c>, that is Digits * 10^Exponent and a sign. Read byte by
/// byte, eight digits at once where so many stand together.
/// </summary>
internal struct JsonDecimal
{
    private const int MostDigits = 19;

    // Beyond this no number of an int's length of digits is anything but zero or infinite.
    private const int ExponentBound = 1_000_000_000;

    /// <summary>All digits in a row; meaningless unless <see cref="IsExact"/>.</summary>
    public ulong Digits;

    public int Exponent;
    public bool IsNegative;

    /// <summary>The digits fit, and the exponent does not leave an int.</summary>
    public bool IsExact;

    /// <summary>There is neither a point nor an exponent.</summary>
    public bool IsWhole;

    /// <summary>Bytes of the text.</summary>
    public int Length;

    /// <summary>False where no number begins at <paramref name="start"/>. What stands behind the number is the caller's to judge.</summary>
    public static bool TryRead(ReadOnlySpan<byte> text, int start, out JsonDecimal number)
    {
        number = default;
        int at = start;
        if ((uint)at < (uint)text.Length && text[at] == (byte)'-')
        {
            number.IsNegative = true;
            at++;
        }

        int whole = at;
        ulong digits = 0;
        at = Accumulate(text, at, ref digits);
        int count = at - whole;
        if (count == 0 || (count > 1 && text[whole] == (byte)'0'))
        {
            return false;
        }

        int fraction = 0;
        if (at < text.Length && text[at] == (byte)'.')
        {
            int point = ++at;
            at = Accumulate(text, at, ref digits);
            fraction = at - point;
            if (fraction == 0)
            {
                return false;
            }
        }

        number.IsExact = count + fraction <= MostDigits || count + fraction - LeadingZeros(text[whole..at]) <= MostDigits;
        number.Digits = digits;
        number.Exponent = -fraction;
        if (at < text.Length && (text[at] | 0x20) == 'e' && !TryReadExponent(text, ref at, ref number))
        {
            return false;
        }

        number.Length = at - start;
        number.IsWhole = at == whole + count;
        return true;
    }

    // Wraps around where there are too many.
    private static int Accumulate(ReadOnlySpan<byte> text, int at, ref ulong digits)
    {
        while (text.Length - at >= sizeof(ulong) && TryReadEight(BinaryPrimitives.ReadUInt64LittleEndian(text[at..]), out uint eight))
        {
            digits = (digits * 100_000_000) + eight;
            at += sizeof(ulong);
        }

        for (; (uint)at < (uint)text.Length; at++)
        {
            uint digit = text[at] - (uint)'0';
            if (digit > 9)
            {
                break;
            }

            digits = (digits * 10) + digit;
        }

        return at;
    }

    // The first digit is in the lowest byte: neighbours are joined to pairs, pairs to fours, fours to all eight.
    private static bool TryReadEight(ulong bytes, out uint value)
    {
        const ulong HighHalves = 0xF0F0_F0F0_F0F0_F0F0;
        const ulong Zeros = 0x3030_3030_3030_3030;
        ulong beyondNine = (bytes + 0x0606_0606_0606_0606) & HighHalves;
        bool areDigits = (bytes & HighHalves) == Zeros && beyondNine == Zeros;
        bytes -= Zeros;
        bytes = (bytes * 10) + (bytes >> 8);
        const ulong EverySecondPair = 0x0000_00FF_0000_00FF;
        value = (uint)((((bytes & EverySecondPair) * (100 + (1_000_000UL << 32))) + (((bytes >> 16) & EverySecondPair) * (1 + (10_000UL << 32)))) >> 32);
        return areDigits;
    }

    private static int LeadingZeros(ReadOnlySpan<byte> decimals)
    {
        int other = decimals.IndexOfAnyExcept((byte)'0', (byte)'.');
        ReadOnlySpan<byte> zeros = other < 0 ? decimals : decimals[..other];
        return zeros.Length - (zeros.Contains((byte)'.') ? 1 : 0);
    }

    private static bool TryReadExponent(ReadOnlySpan<byte> text, ref int at, ref JsonDecimal number)
    {
        at++;
        bool negative = at < text.Length && text[at] == (byte)'-';
        at += at < text.Length && text[at] is (byte)'-' or (byte)'+' ? 1 : 0;
        int first = at;
        long exponent = 0;
        for (; (uint)at < (uint)text.Length && text[at] - (uint)'0' <= 9; at++)
        {
            exponent = Math.Min((exponent * 10) + (text[at] - '0'), ExponentBound);
        }

        number.IsExact &= exponent < ExponentBound;
        number.Exponent += (int)(negative ? -exponent : exponent);
        return at > first;
    }
}
