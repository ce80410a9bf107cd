using System.Text;
using System.Text.Json;

namespace ModelGateway.Protocols.Json;

/// <summary>
/// A key, or a string that names something, under a reader. Compared without making a string; made into one, cut short, only
/// to be told to the caller.
/// </summary>
internal readonly ref struct JsonName
{
    private const int LongestTold = 128;
    private readonly ReadOnlySpan<byte> _utf8;

    private JsonName(ReadOnlySpan<byte> utf8) => _utf8 = utf8;

    /// <summary>False where the text has half of a surrogate pair, so that it is no Unicode text.</summary>
    public static bool TryRead(in Utf8JsonReader reader, out JsonName name)
    {
        if (!reader.ValueIsEscaped)
        {
            name = new JsonName(reader.ValueSpan);
            return true;
        }

        byte[] unescaped = new byte[reader.ValueSpan.Length];
        bool valid = JsonStrings.TryUnescape(reader, unescaped, out int length);
        name = new JsonName(unescaped.AsSpan(0, length));
        return valid;
    }

    /// <summary>The name itself; lives as long as the text.</summary>
    public ReadOnlySpan<byte> Utf8 => _utf8;

    public bool Is(ReadOnlySpan<byte> other) => _utf8.SequenceEqual(other);

    public bool Is(string other) =>
        Ascii.Equals(_utf8, other) || (!Ascii.IsValid(_utf8) && Encoding.UTF8.GetString(_utf8) == other);

    /// <summary>For messages: the name, or as much of it as a message can bear.</summary>
    public override string ToString()
    {
        if (_utf8.Length <= LongestTold)
        {
            return Encoding.UTF8.GetString(_utf8);
        }

        int end = LongestTold;
        while ((_utf8[end] & 0xC0) == 0x80)
        {
            end--;
        }

        return Encoding.UTF8.GetString(_utf8[..end]) + "…";
    }
}
