using ModelGateway.TestKit;
using YamlDotNet.RepresentationModel;

namespace ModelGateway.Deploy.Tests.Monitoring;

/// <summary>The rules of <c>deploy/prometheus</c>, and their tests.</summary>
internal static class AlertRules
{
    public static string Folder { get; } = Path.Combine(RepositoryRoot.Path, "deploy", "prometheus");

    public static string File { get; } = Path.Combine(Folder, "alerts.yaml");

    public static string TestFile { get; } = Path.Combine(Folder, "alerts.test.yaml");

    public static IReadOnlyList<YamlMappingNode> All { get; } =
        [.. Items(Read(File), "groups").SelectMany(group => Items(group, "rules"))];

    public static IReadOnlyList<YamlMappingNode> Alerts { get; } = [.. All.Where(rule => rule.Children.ContainsKey("alert"))];

    /// <summary>What the test file says of each alert, at each time: whether it fires.</summary>
    public static IReadOnlyList<(string Alert, bool Fires)> Tested { get; } =
        [.. Items(Read(TestFile), "tests").SelectMany(test => Items(test, "alert_rule_test")).Select(check => (Text(check, "alertname"), Items(check, "exp_alerts").Any()))];

    public static string Text(YamlMappingNode node, string key) => ((YamlScalarNode)node.Children[key]).Value!;

    public static YamlMappingNode Child(YamlMappingNode node, string key) => (YamlMappingNode)node.Children[key];

    private static IEnumerable<YamlMappingNode> Items(YamlMappingNode node, string key) => ((YamlSequenceNode)node.Children[key]).Cast<YamlMappingNode>();

    private static YamlMappingNode Read(string file)
    {
        var stream = new YamlStream();
        using var reader = new StreamReader(file);
        stream.Load(reader);
        return (YamlMappingNode)stream.Documents[0].RootNode;
    }
}
