using System.Text.Json;
using System.Text.RegularExpressions;
using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Deploy.Tests.Monitoring;

/// <summary>The dashboard asks only for what there is, and is one that Grafana takes: what its schema says of the parts that are used.</summary>
[Collection(MonitoredGateway.Collection)]
public sealed partial class DashboardTests(MonitoredGateway gateway)
{
    private const int Columns = 24;
    private static readonly string[] PanelTypes = ["row", "stat", "timeseries", "heatmap"];

    // Ids of @grafana/data's value formats; a unit that Grafana does not know is shown as text behind the number.
    private static readonly string[] Units = ["short", "percentunit", "s", "bytes", "Bps", "reqps", "ops"];

    [Fact]
    public void Queries_AskOnlyForMetricsAndLabelsThatAreExported() =>
        QueryChecks.AssertKnown([.. Dashboard.Queries, .. Dashboard.VariableQueries.Select(query => $"count by ({query.Label}) ({query.Selector})")], gateway);

    [Fact]
    public void Queries_ArePromQl() => QueryChecks.AssertValid([.. Dashboard.Queries, .. Dashboard.VariableQueries.Select(query => query.Selector)]);

    [Fact]
    public void Query_ForAMetricThatIsNotThere_IsFound() =>
        Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => QueryChecks.AssertKnown(["sum(modelgateway_requests_totals)"], gateway));

    [Fact]
    public void Query_WithALabelThatIsNotThere_IsFound() =>
        Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => QueryChecks.AssertKnown(["sum by (models) (modelgateway_requests_total)"], gateway));

    [Fact]
    public void Query_ForAValueThatNoLabelEverHas_IsFound() =>
        Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => QueryChecks.AssertKnown(["sum(modelgateway_requests_total{outcome=~\"success|queue_filled\"})"], gateway));

    [Fact]
    public void Query_ThatIsNoPromQl_IsFound() => Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => QueryChecks.AssertValid(["sum(up"]));

    [Fact]
    public void Queries_UseOnlyVariablesThatAreDeclared()
    {
        // Those of Grafana itself: the range that rates need, and the choice of all values.
        HashSet<string> declared = [.. Dashboard.Variables.Select(variable => variable.GetProperty("name").GetString()!), "__rate_interval", "__all"];

        Assert.Subset(declared, Variable().Matches(Dashboard.Root.GetRawText()).Select(match => match.Groups[1].Value).ToHashSet());
        Assert.Contains("datasource", declared);
    }

    [Fact]
    public void Panels_HaveIdsOfTheirOwn_KnownTypesAndTitles()
    {
        Assert.Equal(Dashboard.Panels.Count, Dashboard.Panels.Select(panel => panel.GetProperty("id").GetInt32()).Distinct().Count());
        Assert.All(Dashboard.Panels, panel =>
        {
            Assert.Contains(Dashboard.TypeOf(panel), PanelTypes);
            Assert.NotEqual("", panel.GetProperty("title").GetString());
        });
        Assert.NotEmpty(Dashboard.Graphs);
    }

    [Fact]
    public void Panels_LieInTheGrid_AndNoneOnAnother()
    {
        var taken = new HashSet<(int, int)>();
        Assert.All(Dashboard.Panels, panel =>
        {
            JsonElement position = panel.GetProperty("gridPos");
            (int x, int y, int w, int h) = (position.GetProperty("x").GetInt32(), position.GetProperty("y").GetInt32(), position.GetProperty("w").GetInt32(), position.GetProperty("h").GetInt32());
            Assert.True(x >= 0 && y >= 0 && w > 0 && h > 0 && x + w <= Columns);
            Assert.All(Enumerable.Range(x, w).SelectMany(column => Enumerable.Range(y, h).Select(line => (column, line))), cell => Assert.True(taken.Add(cell)));
        });
    }

    [Fact]
    public void Panels_HaveAUnit_TheDataSourceThatIsChosen_AndTargetsWithReferencesOfTheirOwn() => Assert.All(Dashboard.Graphs, panel =>
    {
        Assert.Contains(panel.GetProperty("fieldConfig").GetProperty("defaults").GetProperty("unit").GetString(), Units);
        List<JsonElement> targets = [.. Dashboard.Targets(panel)];
        Assert.NotEmpty(targets);
        Assert.Equal(targets.Count, targets.Select(target => target.GetProperty("refId").GetString()).Distinct().Count());
        Assert.All(targets.Select(target => target.GetProperty("datasource")).Append(panel.GetProperty("datasource")), source =>
            Assert.Equal(("prometheus", "${datasource}"), (source.GetProperty("type").GetString(), source.GetProperty("uid").GetString())));

        // Lines of one graph must be told apart.
        Assert.All(targets.Where(_ => Dashboard.TypeOf(panel) == "timeseries"), target => Assert.NotEqual("", target.GetProperty("legendFormat").GetString()));
    });

    [Fact]
    public void Legends_NameOnlyLabelsThatTheQueryLeaves() => Assert.All(Dashboard.Graphs.SelectMany(Dashboard.Targets), target =>
    {
        var query = new PromQuery(Dashboard.Fill(target.GetProperty("expr").GetString()!));
        HashSet<string> left = [.. query.GroupingLabels, .. query.GroupingLabels.Count == 0 ? query.Selectors.SelectMany(selector => gateway.LabelsByName.GetValueOrDefault(selector.Metric) ?? new HashSet<string>()) : []];
        Assert.All(LegendLabel().Matches(target.GetProperty("legendFormat").GetString()!), label => Assert.Contains(label.Groups[1].Value, left));
    });

    [Fact]
    public void Runbooks_ThatPanelsName_Exist() => Assert.All(
        Runbook().Matches(Dashboard.Root.GetRawText()), page => Assert.True(File.Exists(Path.Combine(RepositoryRoot.Path, page.Value)), page.Value));

    [GeneratedRegex(@"\$\{?([A-Za-z_]+)\}?")]
    private static partial Regex Variable();

    [GeneratedRegex(@"\{\{\s*([a-z_]+)\s*\}\}")]
    private static partial Regex LegendLabel();

    [GeneratedRegex(@"docs/operating/[a-z-]+\.md")]
    private static partial Regex Runbook();
}
