using ModelGateway.TestKit;
using Xunit;
using YamlDotNet.RepresentationModel;

namespace ModelGateway.Deploy.Tests.Monitoring;

/// <summary>Holds queries against what the gateway exports and what the recording rules make of it.</summary>
internal static class QueryChecks
{
    // Prometheus' own, of its series ALERTS.
    private const string AlertState = "alertstate";

    // Series of faults are not there before the fault: their values are looked for where they are made.
    private static readonly Lazy<string> Source = new(() => string.Concat(
        Directory.EnumerateFiles(Path.Combine(RepositoryRoot.Path, "src"), "*.cs", SearchOption.AllDirectories).Select(File.ReadAllText)));

    /// <summary>Asserts that there is nothing in the queries that is not exported or recorded.</summary>
    public static void AssertKnown(IEnumerable<string> queries, MonitoredGateway gateway)
    {
        var known = new Dictionary<string, IReadOnlySet<string>>(gateway.LabelsByName, StringComparer.Ordinal);
        foreach (YamlMappingNode rule in AlertRules.All.Where(rule => rule.Children.ContainsKey("record")))
        {
            // What is recorded has the labels that it is grouped by.
            known[AlertRules.Text(rule, "record")] = new PromQuery(AlertRules.Text(rule, "expr")).GroupingLabels.ToHashSet(StringComparer.Ordinal);
        }

        var faults = new List<string>();
        int selectors = 0;
        foreach (PromQuery query in queries.Select(query => new PromQuery(query)))
        {
            var labels = new HashSet<string>(StringComparer.Ordinal);
            foreach ((string metric, string[] named) in query.Selectors)
            {
                selectors++;
                if (!known.TryGetValue(metric, out IReadOnlySet<string>? has))
                {
                    faults.Add($"{metric} is not exported: {query.Text}");
                    continue;
                }

                labels.UnionWith(has);
                faults.AddRange(named.Where(label => !has.Contains(label)).Select(label => $"{metric} has no label {label}: {query.Text}"));
            }

            faults.AddRange(query.LabelValues
                .Where(compared => compared.Label != AlertState && !Source.Value.Contains($"\"{compared.Value}\"", StringComparison.Ordinal))
                .Select(compared => $"No {compared.Label} is ever {compared.Value}: {query.Text}"));
            faults.AddRange(query.GroupingLabels.Where(label => !labels.Contains(label)).Select(label => $"Nothing has a label {label}: {query.Text}"));
        }

        Assert.Empty(faults);
        Assert.NotEqual(0, selectors);
    }

    /// <summary>Asserts that all of them are PromQL.</summary>
    public static void AssertValid(IEnumerable<string> queries)
    {
        string file = Path.GetTempFileName();
        File.WriteAllText(file, $"groups:\n- name: queries\n  rules:\n{string.Concat(queries.Select((query, i) => $"  - record: query:{i}\n    expr: {System.Text.Json.JsonSerializer.Serialize(query)}\n"))}");
        Promtool.AssertAccepts("check", "rules", file);
        File.Delete(file);
    }
}
