using System.Globalization;

namespace ModelGateway.Benchmarks.Suite;

/// <summary>Processor time of a process with all its children, from Linux's /proc: a server may be several processes.</summary>
internal static class ProcessTree
{
    // In what /proc counts, on every Linux that .NET runs on.
    private const double TicksPerSecond = 100;

    /// <summary>User and system time so far of those that still run.</summary>
    public static TimeSpan ProcessorTime(int process)
    {
        // The name, in brackets, may hold anything; behind it the times are the 12th and 13th.
        string stat = File.ReadAllText($"/proc/{process}/stat");
        string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        double ticks = double.Parse(fields[11], CultureInfo.InvariantCulture) + double.Parse(fields[12], CultureInfo.InvariantCulture);
        return TimeSpan.FromSeconds(ticks / TicksPerSecond) + Children(process).Aggregate(TimeSpan.Zero, (sum, child) => sum + ProcessorTime(child));
    }

    private static IEnumerable<int> Children(int process) =>
        Directory.EnumerateDirectories($"/proc/{process}/task")
            .SelectMany(thread => File.ReadAllText(Path.Combine(thread, "children")).Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Select(id => int.Parse(id, CultureInfo.InvariantCulture));
}
