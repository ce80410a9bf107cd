using System.Buffers;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.Json;

/// <summary>
/// Finds NaN, Infinity and -Infinity where a JSON value may stand (Python and others write them so; RFC 8259 and
/// <see cref="System.Text.Json.Utf8JsonReader"/> know no such tokens) and puts quotes over their first and last byte.
/// A body without their first letters costs one vectorised search and no copy.
/// </summary>
internal static class JsonBareTokens
{
    private const byte Quote1 = (byte)'"';
    private static readonly SearchValues<byte> TokenOrString = SearchValues.Create("\"NI"u8);
    private static readonly SearchValues<byte> StringEnd = SearchValues.Create("\"\\"u8);
    private static readonly SearchValues<byte> Whitespace = SearchValues.Create(" \t\r\n"u8);

    private static ReadOnlySpan<byte> NaN => "NaN"u8;

    private static ReadOnlySpan<byte> Infinity => "Infinity"u8;

    /// <summary>Whether these bytes, without quotes around them, are one of the tokens.</summary>
    public static bool IsToken(ReadOnlySpan<byte> bytes) =>
        bytes.SequenceEqual(NaN) || bytes.SequenceEqual(Infinity) || (bytes.StartsWith("-"u8) && bytes[1..].SequenceEqual(Infinity));

    /// <summary>A copy of the text with its bare tokens quoted, the caller's to dispose; null where there are none.</summary>
    public static TensorBuffer? Quote(ReadOnlySpan<byte> json)
    {
        // Numbers have neither letter, and looking for a letter takes a fifth of looking for a word.
        int first = json.IndexOfAny(NaN[0], Infinity[0]);
        if (first < 0 || (json[first..].IndexOf(NaN) < 0 && json[first..].IndexOf(Infinity) < 0))
        {
            return null;
        }

        TensorBuffer? copy = null;
        int at = 0;
        while (json[at..].IndexOfAny(TokenOrString) is >= 0 and int skip)
        {
            at += skip;
            if (json[at] == Quote1)
            {
                at = EndOfString(json, at);
                continue;
            }

            (int start, int end) = TokenAt(json, at);
            if (end > at && StandsAsValue(json, start, end))
            {
                copy ??= Copy(json);
                copy.Span[start] = Quote1;
                copy.Span[end - 1] = Quote1;
            }

            at = Math.Max(end, at + 1);
        }

        return copy;
    }

    private static TensorBuffer Copy(ReadOnlySpan<byte> json)
    {
        TensorBuffer copy = TensorBuffer.Rent(json.Length);
        json.CopyTo(copy.Span);
        return copy;
    }

    // The index after the closing quote; the end of the text where there is none.
    private static int EndOfString(ReadOnlySpan<byte> json, int open)
    {
        int at = open + 1;
        while (at < json.Length && json[at..].IndexOfAny(StringEnd) is >= 0 and int skip)
        {
            at += skip;
            if (json[at] == Quote1)
            {
                return at + 1;
            }

            at = Math.Min(at + 2, json.Length);
        }

        return json.Length;
    }

    private static (int Start, int End) TokenAt(ReadOnlySpan<byte> json, int at)
    {
        ReadOnlySpan<byte> rest = json[at..];
        if (rest.StartsWith(NaN))
        {
            return (at, at + NaN.Length);
        }

        bool negative = at > 0 && json[at - 1] == (byte)'-';
        return rest.StartsWith(Infinity) ? (negative ? at - 1 : at, at + Infinity.Length) : (at, at);
    }

    // After '[', ',' or ':' and before ',', ']' or '}': never as a key, and what is broken around it stays broken.
    private static bool StandsAsValue(ReadOnlySpan<byte> json, int start, int end)
    {
        int before = json[..start].LastIndexOfAnyExcept(Whitespace);
        int after = json[end..].IndexOfAnyExcept(Whitespace);
        return before >= 0 && json[before] is (byte)'[' or (byte)',' or (byte)':'
            && after >= 0 && json[end + after] is (byte)',' or (byte)']' or (byte)'}';
    }
}
