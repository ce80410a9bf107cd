using System.Text.Json;
using ModelGateway.Serving.Models;

namespace ModelGateway.Protocols.Json;

/// <summary>
/// Says where a body stops being JSON. The reader's own messages are not used: they quote the body.
/// </summary>
internal static class JsonSyntax
{
    /// <summary>Adds the fault that <paramref name="thrown"/>, thrown by a reader of <paramref name="text"/>, stands for.</summary>
    public static void Report(JsonText text, JsonException thrown, FaultList faults)
    {
        // A reader that was set behind an array no longer knows where it is: the first fault of the text is looked for from its beginning.
        JsonException exception = Find(text) ?? thrown;
        ReadOnlySpan<byte> json = text.Span;
        long line = exception.LineNumber ?? 0;
        long column = exception.BytePositionInLine ?? 0;
        int at = (int)Math.Min(json.Length, StartOfLine(json, line) + column);
        string where = $"line {line + 1}, byte {column + 1}";
        faults.Add(null, at == json.Length ? $"The JSON ends too early, at {where}: something is still open."
            : IsTooDeep(json, at) ? $"The JSON is nested deeper than {JsonText.MaxDepth} levels at {where}."
            : $"The body is not valid JSON at {where}{Hint(json, at)}.");
    }

    private static JsonException? Find(JsonText text)
    {
        Utf8JsonReader reader = text.CreateReader();
        try
        {
            while (reader.Read())
            {
            }

            return null;
        }
        catch (JsonException exception)
        {
            return exception;
        }
    }

    private static int StartOfLine(ReadOnlySpan<byte> json, long line)
    {
        int start = 0;
        for (; line > 0; line--)
        {
            start += json[start..].IndexOf((byte)'\n') + 1;
        }

        return start;
    }

    // A reader without the bound gets past the place.
    private static bool IsTooDeep(ReadOnlySpan<byte> json, int at)
    {
        if (json[at] is not ((byte)'[' or (byte)'{'))
        {
            return false;
        }

        var options = new JsonReaderOptions { MaxDepth = int.MaxValue };
        var reader = new Utf8JsonReader(json[..(at + 1)], isFinalBlock: false, new JsonReaderState(options));
        try
        {
            while (reader.Read())
            {
            }

            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static string Hint(ReadOnlySpan<byte> json, int at) => json[at] switch
    {
        (byte)'/' => ": JSON has no comments",
        (byte)'\'' => ": JSON names and strings stand in double quotes",
        (byte)']' or (byte)'}' when EndsWithComma(json[..at]) => ": JSON has no trailing commas",
        _ => "",
    };

    private static bool EndsWithComma(ReadOnlySpan<byte> json) => json.TrimEnd(" \t\r\n"u8).EndsWith(","u8);
}
