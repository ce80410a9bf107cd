using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.Json;

/// <summary>
/// A body that is about to be read as JSON: checked to be UTF-8 once, and with the bare tokens NaN, Infinity and -Infinity
/// turned into strings of the same length, so that <see cref="Utf8JsonReader"/> reads it and every position stays true.
/// The bytes stay the caller's; dispose this before them; it is used again by the thread that disposed it.
/// </summary>
internal sealed class JsonText : IDisposable
{
    /// <summary>Arrays and objects inside each other, the body's own included.</summary>
    public const int MaxDepth = 64;

    [ThreadStatic]
    private static JsonText? _spare;

    private ReadOnlyMemory<byte> _original;
    private TensorBuffer? _quoted;
    private bool _isOpen;

    private JsonText()
    {
    }

    /// <summary>What to read; begins where the readers of <see cref="CreateReader"/> begin.</summary>
    public ReadOnlySpan<byte> Span => _quoted is null ? _original.Span : _quoted.Span;

    /// <summary>The same text as it came, where bare tokens are not quoted.</summary>
    public ReadOnlySpan<byte> Original => _original.Span;

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

        TensorBuffer? quoted = JsonBareTokens.Quote(text.Span);
        JsonText opened = _spare ?? new JsonText();
        _spare = null;
        (opened._original, opened._quoted, opened._isOpen) = (text, quoted, true);
        return opened;
    }

    /// <summary>A reader at the beginning. It is strict: no comments, no trailing commas.</summary>
    public Utf8JsonReader CreateReader() => new(Span, new JsonReaderOptions { MaxDepth = MaxDepth });

    /// <summary>
    /// Whether the string under the reader is no string but one of the bare tokens; <paramref name="token"/> is then the token
    /// as it was written.
    /// </summary>
    public bool IsBareToken(in Utf8JsonReader reader, out ReadOnlySpan<byte> token)
    {
        // No bare token is an empty string between its quotes.
        int start = -1;
        bool bare = _quoted is not null
            && reader.TokenType == JsonTokenType.String
            && !reader.ValueSpan.IsEmpty
            && _original.Span[start = IndexOf(reader) - 1] != (byte)'"';
        token = bare ? _original.Span.Slice(start, reader.ValueSpan.Length + 2) : default;
        return bare;
    }

    /// <summary>
    /// Sets a reader that stands at the beginning of an array to its end, without reading what is between. From then on the reader does
    /// not know lines and offsets any more; <see cref="JsonSyntax"/> does not ask it.
    /// </summary>
    /// <param name="end">The index of the array's last bracket.</param>
    public void SkipTo(ref Utf8JsonReader reader, int end)
    {
        // To the reader the array is empty.
        reader = new Utf8JsonReader(Span[end..], isFinalBlock: true, reader.CurrentState);
        reader.Read();
    }

    /// <summary>The index of the first byte of the value under the reader; of a string it is the one behind the quote.</summary>
    public int IndexOf(in Utf8JsonReader reader)
    {
        bool inside = Span.Overlaps(reader.ValueSpan, out int index);
        return inside ? index : throw new ArgumentException("The reader reads another text, or stands at nothing.", nameof(reader));
    }

    public void Dispose()
    {
        if (_isOpen)
        {
            _quoted?.Dispose();
            (_original, _quoted, _isOpen) = (default, null, false);
            _spare = this;
        }
    }

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
