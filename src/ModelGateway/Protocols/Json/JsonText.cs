using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.Json;

/// <summary>
/// A body that is about to be read as JSON: checked to be UTF-8 once, and with the bare tokens NaN, Infinity and -Infinity
/// turned into strings of the same length, so that <see cref="Utf8JsonReader"/> reads it and every position stays true.
/// The bytes stay the caller's; dispose this before them.
/// </summary>
internal sealed class JsonText : IDisposable
{
    /// <summary>Arrays and objects inside each other, the body's own included.</summary>
    public const int MaxDepth = 64;

    private readonly ReadOnlyMemory<byte> _original;
    private readonly TensorBuffer? _quoted;

    private JsonText(ReadOnlyMemory<byte> original, TensorBuffer? quoted)
    {
        _original = original;
        _quoted = quoted;
    }

    /// <summary>What to read; begins where the readers of <see cref="CreateReader"/> begin.</summary>
    public ReadOnlySpan<byte> Span => _quoted is null ? _original.Span : _quoted.Span;

    /// <summary>The text, or null and a fault: the body is empty or not UTF-8. Whether it is JSON shows while it is read.</summary>
    public static JsonText? Open(ReadOnlyMemory<byte> body, FaultList faults)
    {
        ReadOnlySpan<byte> mark = [0xEF, 0xBB, 0xBF];
        ReadOnlyMemory<byte> text = body.Span.StartsWith(mark) ? body[mark.Length..] : body;
        if (text.Span.IndexOfAnyExcept(" \t\r\n"u8) < 0)
        {
            faults.Add(null, "The body is empty; it must be a JSON object.");
            return null;
        }

        if (!Utf8.IsValid(text.Span))
        {
            faults.Add(null, $"The body is not valid UTF-8: the byte at offset {IndexOfInvalidByte(body.Span)} cannot stand there.");
            return null;
        }

        return new JsonText(text, JsonBareTokens.Quote(text.Span));
    }

    /// <summary>A reader at the beginning. It is strict: no comments, no trailing commas.</summary>
    public Utf8JsonReader CreateReader() => new(Span, new JsonReaderOptions { MaxDepth = MaxDepth });

    /// <summary>
    /// Whether the string under the reader is no string but one of the bare tokens; <paramref name="token"/> is then the token
    /// as it was written.
    /// </summary>
    public bool IsBareToken(in Utf8JsonReader reader, out ReadOnlySpan<byte> token)
    {
        int start = (int)reader.TokenStartIndex;
        bool bare = _quoted is not null && reader.TokenType == JsonTokenType.String && _original.Span[start] != (byte)'"';
        token = bare ? _original.Span.Slice(start, reader.ValueSpan.Length + 2) : default;
        return bare;
    }

    public void Dispose() => _quoted?.Dispose();

    private static int IndexOfInvalidByte(ReadOnlySpan<byte> bytes)
    {
        int index = 0;
        while (index < bytes.Length && Rune.DecodeFromUtf8(bytes[index..], out _, out int length) == System.Buffers.OperationStatus.Done)
        {
            index += length;
        }

        return index;
    }
}
