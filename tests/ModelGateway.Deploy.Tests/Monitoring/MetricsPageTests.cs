using System.Globalization;
using System.Text;
using Xunit;

namespace ModelGateway.Deploy.Tests.Monitoring;

/// <summary>The page of metrics is what the gateway says of them itself; set UPDATE_DOCS=1 to write it anew.</summary>
[Collection(MonitoredGateway.Collection)]
public sealed class MetricsPageTests(MonitoredGateway gateway)
{
    [Fact]
    public void Page_Table_IsWhatIsExported()
    {
        string page = File.ReadAllText(MetricsPage.File);
        int from = page.IndexOf(MetricsPage.Start, StringComparison.Ordinal) + MetricsPage.Start.Length;
        int to = page.IndexOf(MetricsPage.End, StringComparison.Ordinal);
        var table = new StringBuilder("\n| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n");
        foreach (MetricFamily metric in gateway.Metrics.Where(metric => !MonitoredGateway.Absent.Contains(metric.Name)).OrderBy(metric => metric.Name, StringComparer.Ordinal))
        {
            table.Append(CultureInfo.InvariantCulture, $"| `{metric.Name}` | {metric.Type} | {string.Join(", ", metric.Labels.Select(label => $"`{label}`"))} | {metric.Help} |\n");
        }

        if (Environment.GetEnvironmentVariable("UPDATE_DOCS") == "1")
        {
            File.WriteAllText(MetricsPage.File, page[..from] + table + page[to..]);
            return;
        }

        Assert.Equal(table.ToString(), page[from..to]);
    }

    [Fact]
    public void Page_NamesWhatOnlySomeGatewaysExport() =>
        Assert.All(MonitoredGateway.Absent, name => Assert.Contains($"`{name}`", File.ReadAllText(MetricsPage.File), StringComparison.Ordinal));
}
