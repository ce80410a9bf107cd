using System.Globalization;
using System.Runtime.InteropServices;
using ModelGateway.TestKit.Measuring;

namespace ModelGateway.Benchmarks.Suite;

/// <summary>The end-to-end suite: every bar of the fast path, measured side by side with what else one could run.</summary>
internal static class SuiteCommand
{
    /// <summary>The cases by name, in the order in which they run.</summary>
    private static readonly (string Name, Func<Bench, Task> Prepare)[] Cases =
        [.. TinyCases.All, .. PerceptronCases.All, .. HeavyCases.All, .. ImageCases.All, .. PeerCases.All, .. NeighbourCases.All];

    /// <summary>Runs the cases that the arguments ask for, prints one table, and writes it if asked to.</summary>
    /// <param name="args">See <see cref="SuiteOptions.Parse"/>.</param>
    /// <returns>0 if every bar was reached, 2 if not, 1 if something could not be measured.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        SuiteOptions options;
        try
        {
            options = SuiteOptions.Parse(args);
        }
        catch (ArgumentException exception)
        {
            Console.WriteLine(exception.Message);
            return 1;
        }

        var chosen = Cases.Where(known => options.Case == "all" || known.Name == options.Case).ToArray();
        if (chosen.Length == 0)
        {
            Console.WriteLine($"There is no case '{options.Case}'; known are {string.Join(", ", Cases.Select(known => known.Name))} and all.");
            return 1;
        }

        var rows = new List<ComparisonRow>();
        bool failed = false;
        foreach ((string name, Func<Bench, Task> prepare) in chosen)
        {
            Console.WriteLine($"-- {name}");
            try
            {
                rows.AddRange(await MeasureAsync(prepare, options));
            }
            catch (Exception exception) when (exception is InvalidOperationException or TimeoutException or IOException or HttpRequestException)
            {
                // The other cases may have taken a quarter of an hour.
                Console.WriteLine($"  not measured: {exception.Message}");
                failed = true;
            }
        }

        string table = $"{Circumstances(options)}\n\n{ComparisonTable.Markdown(rows)}";
        Console.WriteLine($"\n{table}");
        if (options.Folder is { } folder)
        {
            Directory.CreateDirectory(folder);
            await File.WriteAllTextAsync(Path.Combine(folder, "suite.md"), table);
            await File.WriteAllTextAsync(Path.Combine(folder, "suite.svg"), ComparisonChart.Svg(rows));
        }

        return failed ? 1 : rows.TrueForAll(row => row.IsReached) ? 0 : 2;
    }

    private static async Task<IReadOnlyList<ComparisonRow>> MeasureAsync(Func<Bench, Task> prepare, SuiteOptions options)
    {
        await using var bench = new Bench();
        await prepare(bench);
        IReadOnlyList<ComparisonRow> rows = await bench.RunAsync(options);
        foreach (ComparisonRow row in rows)
        {
            Console.WriteLine($"  {row.Title}: {row.Median} ({row.Range}){(row.Bar is { } bar ? $", bar {bar}" : "")}; {row.Details}");
        }

        return rows;
    }

    // What else ran meanwhile decides what the figures are worth.
    private static string Circumstances(SuiteOptions options)
    {
        string processor = File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "unknown processor";
        string load = File.ReadAllText("/proc/loadavg").Split(' ')[2];
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{DateTime.UtcNow:yyyy-MM-dd}, {Environment.ProcessorCount} cores ({processor}), {RuntimeInformation.FrameworkDescription}, {options.Rounds} rounds of {options.Seconds:0} s; load over the last quarter of an hour {load}.");
    }
}
