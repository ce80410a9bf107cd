using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Text.Json;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.Json;

/// <summary>Reads one element of a fixed-size type: the JSON value under a reader, to the bytes of a tensor.</summary>
internal static class JsonScalars
{
    // Utf8Parser is the quicker one, but some ties of more than a hundred digits it rounds to odd (.NET 10).
    private const int LongestForUtf8Parser = 64;

    /// <summary>Writes the element; on a fault <paramref name="to"/> is undefined and the reader stands where it stood.</summary>
    public static JsonScalarFault Read(in Utf8JsonReader reader, JsonText text, TensorType type, Span<byte> to) => reader.TokenType switch
    {
        JsonTokenType.Number => ReadNumber(reader.ValueSpan, type, to),
        JsonTokenType.String when type.IsFloat() => ReadNonFinite(reader, text, type, to),
        JsonTokenType.True when type == TensorType.Bool => Put(to, 1),
        JsonTokenType.False when type == TensorType.Bool => Put(to, 0),
        _ => JsonScalarFault.WrongKind,
    };

    /// <summary>Writes the element that a JSON number is; on a fault <paramref name="to"/> is undefined.</summary>
    public static JsonScalarFault ReadNumber(ReadOnlySpan<byte> number, TensorType type, Span<byte> to) =>
        type.IsFloat() ? ReadFloat(number, type, to) : ReadInteger(number, type, to);

    /// <summary>Writes NaN or an infinity; false for any other word.</summary>
    public static bool TryReadNonFinite(ReadOnlySpan<byte> word, TensorType type, Span<byte> to)
    {
        float number = 0;
        if (word.SequenceEqual("NaN"u8) || word.SequenceEqual("nan"u8))
        {
            number = float.NaN;
        }
        else if (word.SequenceEqual("Infinity"u8) || word.SequenceEqual("inf"u8))
        {
            number = float.PositiveInfinity;
        }
        else if (word.SequenceEqual("-Infinity"u8) || word.SequenceEqual("-inf"u8))
        {
            number = float.NegativeInfinity;
        }
        else
        {
            return false;
        }

        WriteNonFinite(number, type, to);
        return true;
    }

    private static JsonScalarFault Put(Span<byte> to, byte value)
    {
        to[0] = value;
        return JsonScalarFault.None;
    }

    /// <summary>The double nearest to a JSON number, infinite where it is too large.</summary>
    public static bool TryParse(ReadOnlySpan<byte> number, out double value) => number.Length <= LongestForUtf8Parser
        ? Utf8Parser.TryParse(number, out value, out _)
        : double.TryParse(number, NumberStyles.Float, NumberFormatInfo.InvariantInfo, out value);

    private static bool TryParse(ReadOnlySpan<byte> number, out float value) => number.Length <= LongestForUtf8Parser
        ? Utf8Parser.TryParse(number, out value, out _)
        : float.TryParse(number, NumberStyles.Float, NumberFormatInfo.InvariantInfo, out value);

    // Each type is parsed from the text itself, so that it is rounded once. A number too large to be finite is refused.
    private static JsonScalarFault ReadFloat(ReadOnlySpan<byte> digits, TensorType type, Span<byte> to)
    {
        bool finite;
        switch (type)
        {
            case TensorType.Fp32:
                finite = TryParse(digits, out float single) && float.IsFinite(single);
                BinaryPrimitives.WriteSingleLittleEndian(to, single);
                break;
            case TensorType.Fp64:
                finite = TryParse(digits, out double wide) && double.IsFinite(wide);
                BinaryPrimitives.WriteDoubleLittleEndian(to, wide);
                break;
            case TensorType.Fp16:
                finite = Half.TryParse(digits, NumberStyles.Float, NumberFormatInfo.InvariantInfo, out Half half) && Half.IsFinite(half);
                BinaryPrimitives.WriteHalfLittleEndian(to, half);
                break;
            default:
                finite = JsonBFloat16.TryParse(digits, out ushort bits);
                BinaryPrimitives.WriteUInt16LittleEndian(to, bits);
                break;
        }

        return finite ? JsonScalarFault.None : JsonScalarFault.OutOfRange;
    }

    private static JsonScalarFault ReadNonFinite(in Utf8JsonReader reader, JsonText text, TensorType type, Span<byte> to)
    {
        ReadOnlySpan<byte> word = text.IsBareToken(reader, out ReadOnlySpan<byte> token) ? token : reader.ValueSpan;
        return TryReadNonFinite(word, type, to) ? JsonScalarFault.None : JsonScalarFault.WrongKind;
    }

    private static void WriteNonFinite(float number, TensorType type, Span<byte> to)
    {
        switch (type)
        {
            case TensorType.Fp32:
                BinaryPrimitives.WriteSingleLittleEndian(to, number);
                break;
            case TensorType.Fp64:
                BinaryPrimitives.WriteDoubleLittleEndian(to, number);
                break;
            case TensorType.Fp16:
                BinaryPrimitives.WriteHalfLittleEndian(to, (Half)number);
                break;
            default:
                BinaryPrimitives.WriteUInt16LittleEndian(to, BFloat16Bits.FromSingle(number));
                break;
        }
    }

    private static JsonScalarFault ReadInteger(ReadOnlySpan<byte> digits, TensorType type, Span<byte> to)
    {
        if (type == TensorType.UInt64)
        {
            return ReadUInt64(digits, to);
        }

        if (!Utf8Parser.TryParse(digits, out long value, out int used) || used != digits.Length)
        {
            JsonScalarFault fault = JsonIntegers.Read(digits, out value);
            if (fault != JsonScalarFault.None)
            {
                return JsonIntegers.Narrow(fault, type);
            }
        }

        (long min, long max) = JsonIntegers.Range(type);
        if (value < min || value > max)
        {
            return JsonScalarFault.OutOfRange;
        }

        Write(value, to[..type.ElementSize()]);
        return JsonScalarFault.None;
    }

    // Unsigned and signed types of one size share the bits once the range is checked.
    private static void Write(long value, Span<byte> to)
    {
        switch (to.Length)
        {
            case 1:
                to[0] = (byte)value;
                break;
            case 2:
                BinaryPrimitives.WriteInt16LittleEndian(to, (short)value);
                break;
            case 4:
                BinaryPrimitives.WriteInt32LittleEndian(to, (int)value);
                break;
            default:
                BinaryPrimitives.WriteInt64LittleEndian(to, value);
                break;
        }
    }

    private static JsonScalarFault ReadUInt64(ReadOnlySpan<byte> digits, Span<byte> to)
    {
        if (!Utf8Parser.TryParse(digits, out ulong value, out int used) || used != digits.Length)
        {
            JsonScalarFault fault = JsonIntegers.Read(digits, out long whole);
            if (fault != JsonScalarFault.None || whole < 0)
            {
                return fault != JsonScalarFault.None ? fault : JsonScalarFault.OutOfRange;
            }

            value = (ulong)whole;
        }

        BinaryPrimitives.WriteUInt64LittleEndian(to, value);
        return JsonScalarFault.None;
    }
}
