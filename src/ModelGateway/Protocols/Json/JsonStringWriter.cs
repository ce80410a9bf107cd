using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace ModelGateway.Protocols.Json;

/// <summary>
/// Writes JSON strings, escaping what RFC 8259 asks for and nothing else: quote, backslash and control characters. The answer
/// is never put into HTML, and text in any script stays readable.
/// </summary>
internal static class JsonStringWriter
{
    private const int UsualName = 256;

    // A multiple of three: only the last chunk may have padding.
    private const int Base64Chunk = 768;
    private static readonly SearchValues<byte> Escaped = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Select(code => (byte)code), (byte)'"', (byte)'\\']);

    private static ReadOnlySpan<byte> HexDigits => "0123456789abcdef"u8;

    /// <summary>Writes text that is valid UTF-8.</summary>
    public static void Write(ref JsonOutput output, scoped ReadOnlySpan<byte> utf8)
    {
        output.Write((byte)'"');
        while (utf8.IndexOfAny(Escaped) is >= 0 and int plain)
        {
            output.Write(utf8[..plain]);
            WriteEscape(ref output, utf8[plain]);
            utf8 = utf8[(plain + 1)..];
        }

        output.Write(utf8);
        output.Write((byte)'"');
    }

    /// <summary>Writes a name.</summary>
    public static void Write(ref JsonOutput output, string text)
    {
        int most = Encoding.UTF8.GetMaxByteCount(text.Length);
        Span<byte> utf8 = most <= UsualName ? stackalloc byte[UsualName] : new byte[most];
        int length = Encoding.UTF8.GetBytes(text, utf8);
        Write(ref output, utf8[..length]);
    }

    /// <summary>Writes <c>{"b64":"..."}</c>, the form of bytes that are no text.</summary>
    public static void WriteBase64(ref JsonOutput output, scoped ReadOnlySpan<byte> bytes)
    {
        output.Write("{\"b64\":\""u8);
        while (!bytes.IsEmpty)
        {
            ReadOnlySpan<byte> chunk = bytes[..Math.Min(Base64Chunk, bytes.Length)];
            Base64.EncodeToUtf8(chunk, output.Reserve(Base64.GetMaxEncodedToUtf8Length(chunk.Length)), out _, out int written);
            output.Advance(written);
            bytes = bytes[chunk.Length..];
        }

        output.Write("\"}"u8);
    }

    private static void WriteEscape(ref JsonOutput output, byte character)
    {
        ReadOnlySpan<byte> escape = character switch
        {
            (byte)'"' => "\\\""u8,
            (byte)'\\' => "\\\\"u8,
            (byte)'\n' => "\\n"u8,
            (byte)'\r' => "\\r"u8,
            (byte)'\t' => "\\t"u8,
            (byte)'\b' => "\\b"u8,
            (byte)'\f' => "\\f"u8,
            _ => "\\u00"u8,
        };
        output.Write(escape);
        if (escape.Length > 2)
        {
            output.Write(HexDigits[character >> 4]);
            output.Write(HexDigits[character & 0xF]);
        }
    }
}
