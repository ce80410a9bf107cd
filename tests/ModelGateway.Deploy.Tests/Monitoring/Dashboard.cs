using System.Text.Json;
using ModelGateway.TestKit;

namespace ModelGateway.Deploy.Tests.Monitoring;

/// <summary>The dashboard of <c>deploy/grafana</c>.</summary>
internal static class Dashboard
{
    private static readonly string Text = File.ReadAllText(Path.Combine(RepositoryRoot.Path, "deploy", "grafana", "dashboard.json"));

    public static JsonElement Root { get; } = JsonDocument.Parse(Text).RootElement;

    public static IReadOnlyList<JsonElement> Panels { get; } = [.. Root.GetProperty("panels").EnumerateArray()];

    public static IReadOnlyList<JsonElement> Graphs { get; } = [.. Panels.Where(panel => TypeOf(panel) != "row")];

    public static IReadOnlyList<JsonElement> Variables { get; } = [.. Root.GetProperty("templating").GetProperty("list").EnumerateArray()];

    /// <summary>Every query of its panels, with what Grafana puts in for its variables.</summary>
    public static IEnumerable<string> Queries => Graphs.SelectMany(Targets).Select(target => Fill(target.GetProperty("expr").GetString()!));

    /// <summary>What the variables are asked for: a selector and a label.</summary>
    public static IEnumerable<(string Selector, string Label)> VariableQueries => Variables
        .Where(variable => variable.GetProperty("type").GetString() == "query")
        .Select(variable => Fill(variable.GetProperty("definition").GetString()!)["label_values(".Length..^1])
        .Select(arguments => (arguments[..arguments.LastIndexOf(',')], arguments[(arguments.LastIndexOf(',') + 1)..].Trim()));

    public static string TypeOf(JsonElement panel) => panel.GetProperty("type").GetString()!;

    public static IEnumerable<JsonElement> Targets(JsonElement panel) => panel.GetProperty("targets").EnumerateArray();

    public static string Fill(string query) => Variables
        .Select(variable => variable.GetProperty("name").GetString()!)
        .Aggregate(query.Replace("$__rate_interval", "1m", StringComparison.Ordinal), (text, name) => text.Replace($"${name}", ".*", StringComparison.Ordinal));
}
