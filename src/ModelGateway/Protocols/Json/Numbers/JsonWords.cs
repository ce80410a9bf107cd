using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.Json.Numbers;

/// <summary>The elements that are not written as numbers: true and false, NaN and the infinities, quoted or not.</summary>
internal static class JsonWords
{
    // "-Infinity" with its quotes and what stands behind it.
    private const int Longest = 12;

    /// <summary>Writes the element that the text begins with and gives its length; 0 where the type has none that begins so.</summary>
    public static int Read(ReadOnlySpan<byte> text, TensorType type, Span<byte> to)
    {
        text = text[..Math.Min(text.Length, Longest)];
        return type == TensorType.Bool ? ReadBoolean(text, to) : type.IsFloat() ? ReadNonFinite(text, type, to) : 0;
    }

    private static int ReadBoolean(ReadOnlySpan<byte> text, Span<byte> to)
    {
        bool isTrue = text.StartsWith("true"u8);
        to[0] = isTrue ? (byte)1 : (byte)0;
        return isTrue ? 4 : text.StartsWith("false"u8) ? 5 : 0;
    }

    private static int ReadNonFinite(ReadOnlySpan<byte> text, TensorType type, Span<byte> to)
    {
        bool quoted = text[0] == (byte)'"';
        ReadOnlySpan<byte> word = quoted ? text[1..] : text;
        int length = word.IndexOfAny(quoted ? "\""u8 : ",] \t\r\n"u8);
        if (length < 0)
        {
            return 0;
        }

        word = word[..length];
        bool known = (quoted || JsonBareTokens.IsToken(word)) && JsonScalars.TryReadNonFinite(word, type, to);
        return !known ? 0 : quoted ? length + 2 : length;
    }
}
