using ModelGateway.TestKit;
using Xunit;
using YamlDotNet.RepresentationModel;

namespace ModelGateway.Deploy.Tests.Monitoring;

/// <summary>Rules and configuration of Prometheus: accepted by its tool, over metrics that there are, each alert tested and explained.</summary>
[Collection(MonitoredGateway.Collection)]
public sealed class AlertRulesTests(MonitoredGateway gateway)
{
    private static readonly string[] Sections = ["## Is it so?", "## Why", "## What to do", "## So that it does not come back"];

    public static TheoryData<string> Alerts => [.. AlertRules.Alerts.Select(alert => AlertRules.Text(alert, "alert"))];

    [Fact]
    public void Configuration_IsAccepted() => Promtool.AssertAccepts("check", "config", Path.Combine(AlertRules.Folder, "prometheus.yaml"));

    [Fact]
    public void Rules_AreAccepted() => Promtool.AssertAccepts("check", "rules", AlertRules.File);

    [Fact]
    public void Tests_OfTheRules_Pass() => Promtool.AssertAccepts("test", "rules", AlertRules.TestFile);

    [Fact]
    public void Tests_OfAnAlertWhoseBoundIsWrong_Fail()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("rules-");
        string rules = File.ReadAllText(AlertRules.File);
        string wrong = rules.Replace("14 * 86400", "1 * 86400", StringComparison.Ordinal);
        Assert.NotEqual(rules, wrong);
        File.WriteAllText(Path.Combine(folder.FullName, "alerts.yaml"), wrong);

        // Only what concerns it: all of them take their time.
        string[] tests = File.ReadAllText(AlertRules.TestFile).Split("\n  - name: ");
        File.WriteAllText(
            Path.Combine(folder.FullName, "alerts.test.yaml"),
            string.Join("\n  - name: ", tests.Where((test, i) => i == 0 || test.Contains("ModelGatewayCertificateNearItsEnd", StringComparison.Ordinal))));

        (int code, string output) = Promtool.Run("test", "rules", Path.Combine(folder.FullName, "alerts.test.yaml"));

        Assert.NotEqual(0, code);
        Assert.Contains("ModelGatewayCertificateNearItsEnd", output, StringComparison.Ordinal);
        folder.Delete(recursive: true);
    }

    [Theory]
    [MemberData(nameof(Alerts))]
    public void Alert_HasATestInWhichItFiresAndOneInWhichNot(string alert) =>
        Assert.Equal([false, true], AlertRules.Tested.Where(test => test.Alert == alert).Select(test => test.Fires).Distinct().Order());

    [Theory]
    [MemberData(nameof(Alerts))]
    public void Alert_HasASeverityAndAPageThatHelps(string alert)
    {
        YamlMappingNode rule = AlertRules.Alerts.Single(rule => AlertRules.Text(rule, "alert") == alert);
        Assert.Contains(AlertRules.Text(AlertRules.Child(rule, "labels"), "severity"), new[] { "page", "ticket" });
        string page = AlertRules.Text(AlertRules.Child(rule, "annotations"), "runbook_url");
        Assert.StartsWith("docs/operating/", page, StringComparison.Ordinal);
        string[] lines = File.ReadAllLines(Path.Combine(RepositoryRoot.Path, page));

        // The symptom first, and whoever comes from the alert finds its name.
        Assert.StartsWith("# ", lines[0], StringComparison.Ordinal);
        Assert.Contains(lines, line => line.Contains($"`{alert}`", StringComparison.Ordinal));
        Assert.Equal(Sections, lines.Where(line => line.StartsWith("## ", StringComparison.Ordinal)));
    }

    [Fact]
    public void Rules_AskOnlyForMetricsAndLabelsThatAreExported() =>
        QueryChecks.AssertKnown(AlertRules.All.Select(rule => AlertRules.Text(rule, "expr")), gateway);
}
