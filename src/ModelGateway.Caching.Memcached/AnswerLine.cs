using System.Globalization;
using System.Numerics;
using System.Text;

namespace ModelGateway.Caching.Memcached;

/// <summary>The first line of an answer.</summary>
/// <remarks>
/// <code>
/// VA {length} O{opaque} [c{cas}]    then as many bytes and CR LF
/// HD|EN|NS|EX|NF O{opaque}          servers before 1.6.18 leave the opaque out after EN
/// SERVER_ERROR {text}
/// ERROR, CLIENT_ERROR {text}        it understood something else than was meant: the connection is lost
/// </code>
/// </remarks>
/// <param name="Code">How it begins.</param>
/// <param name="Length">Bytes that follow with <see cref="AnswerCodes.Value"/>.</param>
/// <param name="Opaque">The number of the request.</param>
/// <param name="Cas">The item's mark.</param>
/// <param name="Error">The server's words.</param>
internal readonly record struct AnswerLine(AnswerCodes Code, int Length, uint? Opaque, ulong Cas, string? Error)
{
    /// <summary>A longer line is no answer.</summary>
    public const int MaxLength = 1024;

    // No server takes larger items.
    private const int LargestItem = 1 << 30;

    /// <param name="line">Without its end.</param>
    /// <exception cref="InvalidDataException">It is no answer to what is asked here.</exception>
    public static AnswerLine Parse(ReadOnlySpan<byte> line)
    {
        if (line.StartsWith("SERVER_ERROR"u8))
        {
            return new AnswerLine(AnswerCodes.ServerError, 0, null, 0, Encoding.ASCII.GetString(line));
        }

        if (line.StartsWith("ERROR"u8) || line.StartsWith("CLIENT_ERROR"u8))
        {
            throw new InvalidDataException($"it does not take the request: {Encoding.ASCII.GetString(line)}");
        }

        AnswerCodes code = line.Length < 2 || line.Length > 2 && line[2] != ' ' ? AnswerCodes.None : CodeOf(line[..2]);
        ReadOnlySpan<byte> rest = line[Math.Min(3, line.Length)..];
        int length = 0;
        if (code == AnswerCodes.Value && (!TryParse(Next(ref rest), out length) || length > LargestItem))
        {
            code = AnswerCodes.None;
        }

        uint? opaque = null;
        ulong cas = 0;
        while (rest.Length > 0)
        {
            ReadOnlySpan<byte> flag = Next(ref rest);
            bool isRight = flag.Length > 0 && flag[0] switch
            {
                (byte)'O' => TryParse(flag[1..], out uint number) && (opaque = number) is not null,
                (byte)'c' => TryParse(flag[1..], out cas),
                _ => true,
            };
            code = isRight ? code : AnswerCodes.None;
        }

        return code != AnswerCodes.None ? new AnswerLine(code, length, opaque, cas, null) : throw new InvalidDataException("its answer is none of Memcached's");
    }

    private static AnswerCodes CodeOf(ReadOnlySpan<byte> code) =>
        code.SequenceEqual("VA"u8) ? AnswerCodes.Value
        : code.SequenceEqual("HD"u8) ? AnswerCodes.Done
        : code.SequenceEqual("EN"u8) ? AnswerCodes.Missing
        : code.SequenceEqual("NS"u8) ? AnswerCodes.NotStored
        : code.SequenceEqual("EX"u8) ? AnswerCodes.Changed
        : code.SequenceEqual("NF"u8) ? AnswerCodes.NotFound
        : AnswerCodes.None;

    private static ReadOnlySpan<byte> Next(ref ReadOnlySpan<byte> rest)
    {
        int end = rest.IndexOf((byte)' ');
        ReadOnlySpan<byte> word = end < 0 ? rest : rest[..end];
        rest = end < 0 ? [] : rest[(end + 1)..];
        return word;
    }

    private static bool TryParse<T>(ReadOnlySpan<byte> digits, out T number)
        where T : struct, INumberBase<T> => T.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
