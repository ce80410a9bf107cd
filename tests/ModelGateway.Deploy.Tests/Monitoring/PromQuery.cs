using System.Text.RegularExpressions;

namespace ModelGateway.Deploy.Tests.Monitoring;

/// <summary>What a query in PromQL asks for: metrics, and the labels that it names. Whether it is PromQL at all is promtool's to say.</summary>
internal sealed partial record PromQuery(string Text)
{
    private static readonly HashSet<string> Words = new(StringComparer.Ordinal)
    {
        "and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "offset", "bool", "inf", "nan",
    };

    /// <summary>The names of the metrics, with the labels that stand in braces behind them.</summary>
    public IReadOnlyList<(string Metric, string[] Labels)> Selectors =>
        [.. Name().Matches(Bare).Where(name => !Words.Contains(name.Groups[1].Value) && !IsFunction(name)).Select(name => (name.Groups[1].Value, LabelsOf(name.Groups[2].Value)))];

    /// <summary>The labels that results are grouped or matched by.</summary>
    public IReadOnlyList<string> GroupingLabels =>
        [.. Grouping().Matches(Text).SelectMany(group => group.Groups[1].Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];

    /// <summary>The values that labels are compared with, alternatives one by one; not those of variables and patterns.</summary>
    public IReadOnlyList<(string Label, string Value)> LabelValues =>
        [.. Comparison().Matches(Text).SelectMany(comparison => comparison.Groups[2].Value.Split('|').Where(value => PlainValue().IsMatch(value)).Select(value => (comparison.Groups[1].Value, value)))];

    // Without groupings and ranges, whose words are no metrics; text in quotes stays inside of its braces.
    private string Bare => Range().Replace(Grouping().Replace(Text, " "), " ");

    // A function, or an aggregation whose grouping is gone by now.
    private bool IsFunction(Match name) => name.Groups[2].Length == 0 && Bare[(name.Index + name.Length)..].TrimStart().StartsWith('(');

    private static string[] LabelsOf(string braces) => [.. Matcher().Matches(braces).Select(matcher => matcher.Groups[1].Value)];

    [GeneratedRegex(@"(?<![A-Za-z0-9_:.])([A-Za-z_:][A-Za-z0-9_:]*)\s*(\{(?:[^}""]|""[^""]*"")*\})?")]
    private static partial Regex Name();

    [GeneratedRegex(@"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")]
    private static partial Regex Grouping();

    [GeneratedRegex(@"\[[^\]]*\]")]
    private static partial Regex Range();

    [GeneratedRegex(@"([A-Za-z_][A-Za-z0-9_]*)\s*(?:=~|!~|!=|=)\s*""")]
    private static partial Regex Matcher();

    [GeneratedRegex(@"([A-Za-z_][A-Za-z0-9_]*)\s*(?:=~|!~|!=|=)\s*""([^""]*)""")]
    private static partial Regex Comparison();

    [GeneratedRegex("^[a-z0-9_]+$")]
    private static partial Regex PlainValue();
}
