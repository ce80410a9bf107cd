using System.Text;

namespace ModelGateway.Tests.Http;

/// <summary>Damages bodies in the ways that find faults in parsers; the same ones for the same seed.</summary>
internal sealed class Mutation(int seed)
{
    private static readonly byte[][] Tokens =
    [
        .. new[]
        {
            "[", "]", "{", "}", "\"", ",", ":", "\\", "\\u", "\\ud800", "null", "true", "NaN", "-", "-0", "1e999", "1e-999", "0x1", "00", ".5", "1.", "18446744073709551616",
            "[[[[[[[[", "]]]]", "{\"b64\":", "\"inputs\":", "\"x\"", "\0", "\u00ff", "\u2028", "{\"inputs\":{\"x\":",
        }.Select(Encoding.UTF8.GetBytes),
        [0xC3], [0xED, 0xA0, 0x80], [0xF8, 0x88], [0xEF, 0xBB, 0xBF],
    ];

    private readonly Random _random = new(seed);

    public byte[] Of(byte[] body)
    {
        List<byte> mutated = [.. body];
        for (int i = _random.Next(1, 5); i > 0; i--)
        {
            Change(mutated, _random.Next(mutated.Count + 1));
        }

        return [.. mutated];
    }

    private void Change(List<byte> body, int at)
    {
        int length = Math.Min(_random.Next(1, 12), body.Count - at);
        switch (_random.Next(6))
        {
            case 0 when at < body.Count:
                body[at] ^= (byte)(1 << _random.Next(8));
                break;
            case 1 when at < body.Count:
                body[at] = (byte)_random.Next(256);
                break;
            case 2:
                body.RemoveRange(at, length);
                break;
            case 3:
                body.InsertRange(_random.Next(body.Count + 1), body.GetRange(at, length));
                break;
            case 4 when _random.Next(8) == 0:
                body.RemoveRange(at, body.Count - at);
                break;
            default:
                body.InsertRange(at, Tokens[_random.Next(Tokens.Length)]);
                break;
        }
    }
}
