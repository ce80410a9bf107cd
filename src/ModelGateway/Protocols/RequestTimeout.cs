using System.Globalization;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Models;

namespace ModelGateway.Protocols;

/// <summary>
/// The time that a caller gives its request by a header, for those whose body has no place for it: <c>X-Request-Timeout</c> (<c>250ms</c>, <c>2s</c>, or
/// seconds such as <c>1.5</c>), or <c>grpc-timeout</c> as gRPC writes it (up to eight digits and one of H, M, S, m, u, n).
/// </summary>
internal static class RequestTimeout
{
    public const string Header = "X-Request-Timeout";
    public const string GrpcHeader = "grpc-timeout";
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    /// <summary>The shorter of both, or null where there is none. What cannot be read becomes a fault.</summary>
    public static TimeSpan? Read(IHeaderDictionary headers, FaultList faults)
    {
        TimeSpan? own = Read(headers[Header], Header, "a number of seconds or milliseconds such as 2s, 1.5 or 250ms", TryParse, faults);
        TimeSpan? grpc = Read(headers.GrpcTimeout, GrpcHeader, "up to eight digits and one of H, M, S, m, u, n", TryParseGrpc, faults);
        return own is null || grpc < own ? grpc : own;
    }

    /// <summary>The request gets no more time than the header says.</summary>
    public static void Apply(TimeSpan? timeout, PredictRequest request)
    {
        if (timeout is not null && (request.Timeout is null || timeout < request.Timeout))
        {
            request.Timeout = timeout;
        }
    }

    private delegate bool Parser(ReadOnlySpan<char> text, out TimeSpan timeout);

    private static TimeSpan? Read(string? text, string header, string expected, Parser parser, FaultList faults)
    {
        if (text is null)
        {
            return null;
        }

        if (parser(text, out TimeSpan timeout))
        {
            return timeout < Longest ? timeout : Longest;
        }

        faults.Add(header, $"The header '{header}' must be {expected}.", expected);
        return null;
    }

    private static bool TryParse(ReadOnlySpan<char> text, out TimeSpan timeout)
    {
        double unit = text.EndsWith("ms", StringComparison.Ordinal) ? 1e-3 : 1;
        ReadOnlySpan<char> number = unit < 1 ? text[..^2] : text.EndsWith("s", StringComparison.Ordinal) ? text[..^1] : text;
        bool isNumber = double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value) && value is >= 0 and < double.PositiveInfinity;
        timeout = isNumber ? TimeSpan.FromSeconds(Math.Min(value * unit, Longest.TotalSeconds)) : default;
        return isNumber;
    }

    private static bool TryParseGrpc(ReadOnlySpan<char> text, out TimeSpan timeout)
    {
        timeout = default;
        if (text.Length is < 2 or > 9 || !long.TryParse(text[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out long value))
        {
            return false;
        }

        // In ticks of 100 nanoseconds, rounded up: a deadline of some nanoseconds is not none.
        Int128? nanoseconds = text[^1] switch
        {
            'H' => (Int128)value * 3_600_000_000_000,
            'M' => (Int128)value * 60_000_000_000,
            'S' => (Int128)value * 1_000_000_000,
            'm' => (Int128)value * 1_000_000,
            'u' => (Int128)value * 1_000,
            'n' => value,
            _ => null,
        };
        timeout = nanoseconds is { } known ? TimeSpan.FromTicks((long)Int128.Min((known + 99) / 100, Longest.Ticks)) : default;
        return nanoseconds is not null;
    }
}
