using ModelGateway.TestKit;

namespace ModelGateway.Deploy.Tests.Monitoring;

/// <summary>The page of metrics, and the table in it.</summary>
internal static class MetricsPage
{
    public const string Start = "<!-- metrics: made from what the gateway exports, see MetricsPageTests -->";
    public const string End = "<!-- /metrics -->";

    public static string File { get; } = Path.Combine(RepositoryRoot.Path, "docs", "operating", "metrics.md");

    /// <summary>Metrics of the table, with their labels.</summary>
    public static IReadOnlyList<(string Name, string[] Labels)> Rows { get; } =
        [.. System.IO.File.ReadAllText(File).Split(Start)[1].Split(End)[0].Split('\n')
            .Where(line => line.StartsWith("| `", StringComparison.Ordinal))
            .Select(line => line.Split('|'))
            .Select(cells => (cells[1].Trim(' ', '`'), cells[3].Replace("`", "", StringComparison.Ordinal).Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)))];
}
