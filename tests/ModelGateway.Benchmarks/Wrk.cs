using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace ModelGateway.Benchmarks;

/// <summary>The load generator wrk, from Debian's package of that name; loopback only, always bounded in time.</summary>
internal static partial class Wrk
{
    /// <summary>What one slice measured.</summary>
    /// <param name="RequestsPerSecond">Answers of any status.</param>
    /// <param name="Requests">Their number.</param>
    /// <param name="Failures">Status other than 2xx or 3xx, and socket errors.</param>
    /// <param name="P99">Latency that 99 of 100 requests stay within.</param>
    public readonly record struct Slice(double RequestsPerSecond, long Requests, long Failures, TimeSpan P99);

    /// <summary>Posts the bodies in turn for some seconds.</summary>
    public static Task<Slice> PostAsync(Uri url, IReadOnlyList<string> bodies, int connections, double seconds) =>
        RunScriptAsync(url, Script(bodies), connections, seconds);

    private static async Task<Slice> RunScriptAsync(Uri url, string text, int connections, double seconds)
    {
        string script = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(script, text);
            string duration = Math.Max(1, Math.Ceiling(seconds)).ToString(CultureInfo.InvariantCulture) + "s";
            string output = await RunAsync("-t1", $"-c{connections}", $"-d{duration}", "--timeout", "30s", "--latency", "-s", script, url.AbsoluteUri);
            return Parse(output);
        }
        finally
        {
            File.Delete(script);
        }
    }

    /// <summary>Posts bodies of which none comes twice: each has a number of its own in place of <c>NUMBER</c>.</summary>
    /// <param name="url">Where to.</param>
    /// <param name="template">The body, with one <c>NUMBER</c>.</param>
    /// <param name="first">The first number; slices must not overlap.</param>
    /// <param name="connections">Connections.</param>
    /// <param name="seconds">How long.</param>
    public static Task<Slice> PostUniqueAsync(Uri url, string template, long first, int connections, double seconds)
    {
        string[] parts = template.Split("NUMBER");
        return RunScriptAsync(url, string.Create(CultureInfo.InvariantCulture, $$"""
            wrk.method = "POST"
            wrk.headers["Content-Type"] = "application/json"
            local number = {{first}}
            request = function()
              number = number + 1
              return wrk.format(nil, nil, nil, [==[{{parts[0]}}]==] .. number .. [==[{{parts[1]}}]==])
            end
            """), connections, seconds);
    }

    private static string Script(IReadOnlyList<string> bodies) =>
        $$"""
        wrk.method = "POST"
        wrk.headers["Content-Type"] = "application/json"
        local bodies = { {{string.Join(", ", bodies.Select(body => $"[==[{body}]==]"))}} }
        local requests = {}
        local next = 0
        init = function(args)
          for i, body in ipairs(bodies) do requests[i] = wrk.format(nil, nil, nil, body) end
        end
        request = function()
          next = next % #requests + 1
          return requests[next]
        end
        """;

    private static async Task<string> RunAsync(params string[] arguments)
    {
        using Process wrk = Process.Start(new ProcessStartInfo("wrk", arguments) { RedirectStandardOutput = true })
            ?? throw new InvalidOperationException("wrk does not start; install the package wrk.");
        string output = await wrk.StandardOutput.ReadToEndAsync();
        await wrk.WaitForExitAsync();
        return output;
    }

    private static Slice Parse(string output)
    {
        double rate = double.Parse(Rate().Match(output).Groups[1].Value, CultureInfo.InvariantCulture);
        long requests = long.Parse(Count().Match(output).Groups[1].Value, CultureInfo.InvariantCulture);
        long failures = Failed().Match(output) is { Success: true } failed ? long.Parse(failed.Groups[1].Value, CultureInfo.InvariantCulture) : 0;
        failures += SocketErrors().Match(output) is { Success: true } errors
            ? Enumerable.Range(1, 4).Sum(group => long.Parse(errors.Groups[group].Value, CultureInfo.InvariantCulture))
            : 0;
        Match latency = Latency().Match(output);
        TimeSpan p99 = double.Parse(latency.Groups[1].Value, CultureInfo.InvariantCulture) * latency.Groups[2].Value switch
        {
            "us" => TimeSpan.FromMicroseconds(1),
            "ms" => TimeSpan.FromMilliseconds(1),
            "s" => TimeSpan.FromSeconds(1),
            _ => TimeSpan.FromMinutes(1),
        };
        return new Slice(rate, requests, failures, p99);
    }

    [GeneratedRegex(@"99%\s+([\d.]+)(us|ms|s|m)")]
    private static partial Regex Latency();

    [GeneratedRegex(@"Requests/sec:\s+([\d.]+)")]
    private static partial Regex Rate();

    [GeneratedRegex(@"(\d+) requests in")]
    private static partial Regex Count();

    [GeneratedRegex(@"Non-2xx or 3xx responses: (\d+)")]
    private static partial Regex Failed();

    [GeneratedRegex(@"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)")]
    private static partial Regex SocketErrors();
}
