using System.Globalization;

namespace ModelGateway.Benchmarks.Suite;

/// <summary>What the command line asks of the suite.</summary>
/// <param name="Case">The one case to run, or <c>all</c>.</param>
/// <param name="Rounds">How often each contender is measured.</param>
/// <param name="Seconds">How long each time; whole seconds, because wrk knows no others.</param>
/// <param name="Warmup">How long each contender is loaded before: the first seconds of any .NET method are not optimized code.</param>
/// <param name="Folder">Where table and chart are written; null to print only.</param>
internal sealed record SuiteOptions(string Case, int Rounds, double Seconds, double Warmup, string? Folder)
{
    /// <summary>Reads <c>[case] [rounds] [--seconds S] [--warmup S] [--write FOLDER]</c>.</summary>
    /// <exception cref="ArgumentException">An option is unknown or lacks its value.</exception>
    public static SuiteOptions Parse(string[] args)
    {
        var options = new SuiteOptions("all", 7, 2, 3, null);
        var plain = new Queue<string>();
        for (int i = 0; i < args.Length; i++)
        {
            if (!args[i].StartsWith("--", StringComparison.Ordinal))
            {
                plain.Enqueue(args[i]);
                continue;
            }

            string value = i + 1 < args.Length ? args[++i] : throw new ArgumentException($"{args[i]} needs a value.");
            options = args[i - 1] switch
            {
                "--seconds" => options with { Seconds = Number(value) },
                "--warmup" => options with { Warmup = Number(value) },
                "--write" => options with { Folder = value },
                _ => throw new ArgumentException($"{args[i - 1]} is unknown; known are --seconds, --warmup and --write."),
            };
        }

        options = plain.TryDequeue(out string? name) ? options with { Case = name } : options;
        return plain.TryDequeue(out string? rounds) ? options with { Rounds = (int)Number(rounds) } : options;
    }

    private static double Number(string text) =>
        double.TryParse(text, CultureInfo.InvariantCulture, out double number) && number >= 1 ? number : throw new ArgumentException($"'{text}' is not a number of at least 1.");
}
