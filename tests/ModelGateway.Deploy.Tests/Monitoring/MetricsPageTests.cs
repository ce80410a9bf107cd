using System.Globalization;
using System.Text;
using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Deploy.Tests.Monitoring;

/// <summary>The page of metrics is what the gateway says of them itself; set UPDATE_DOCS=1 to write it anew.</summary>
[Collection(MonitoredGateway.Collection)]
public sealed class MetricsPageTests(MonitoredGateway gateway)
{
    private const string Start = "<!-- metrics: made from what the gateway exports, see MetricsPageTests -->";
    private const string End = "<!-- /metrics -->";
    private static readonly string Page = Path.Combine(RepositoryRoot.Path, "docs", "operating", "metrics.md");

    [Fact]
    public void Page_Table_IsWhatIsExported()
    {
        string page = File.ReadAllText(Page);
        int from = page.IndexOf(Start, StringComparison.Ordinal) + Start.Length;
        int to = page.IndexOf(End, StringComparison.Ordinal);
        var table = new StringBuilder("\n| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n");
        foreach (MetricFamily metric in gateway.Metrics.Where(metric => !MonitoredGateway.Absent.Contains(metric.Name)).OrderBy(metric => metric.Name, StringComparer.Ordinal))
        {
            table.Append(CultureInfo.InvariantCulture, $"| `{metric.Name}` | {metric.Type} | {string.Join(", ", metric.Labels.Select(label => $"`{label}`"))} | {metric.Help} |\n");
        }

        if (Environment.GetEnvironmentVariable("UPDATE_DOCS") == "1")
        {
            File.WriteAllText(Page, page[..from] + table + page[to..]);
            return;
        }

        Assert.Equal(table.ToString(), page[from..to]);
    }

    [Fact]
    public void Page_NamesWhatOnlySomeGatewaysExport() =>
        Assert.All(MonitoredGateway.Absent, name => Assert.Contains($"`{name}`", File.ReadAllText(Page), StringComparison.Ordinal));
}
