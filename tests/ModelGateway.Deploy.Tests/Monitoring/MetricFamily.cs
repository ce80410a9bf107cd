using System.Text.RegularExpressions;

namespace ModelGateway.Deploy.Tests.Monitoring;

/// <summary>One metric as <c>/metrics</c> shows it.</summary>
/// <param name="Name">Its name, without the suffixes of a histogram.</param>
/// <param name="Type">counter, gauge or histogram.</param>
/// <param name="Help">What it says of itself.</param>
/// <param name="Labels">Labels of its series, in their order, without <c>le</c>; empty also where there is no series.</param>
internal sealed partial record MetricFamily(string Name, string Type, string Help, IReadOnlyList<string> Labels)
{
    /// <summary>The names under which queries find it.</summary>
    public IEnumerable<string> QueryNames => Type == "histogram" ? [$"{Name}_bucket", $"{Name}_sum", $"{Name}_count"] : [Name];

    /// <summary>Reads the page.</summary>
    public static List<MetricFamily> Read(string page)
    {
        var families = new List<MetricFamily>();
        string help = "";
        foreach (string line in page.Split('\n'))
        {
            if (line.StartsWith("# HELP ", StringComparison.Ordinal))
            {
                help = line.Split(' ', 4)[3];
            }
            else if (line.StartsWith("# TYPE ", StringComparison.Ordinal))
            {
                string[] words = line.Split(' ');
                families.Add(new MetricFamily(words[2], words[3], help, []));
            }
            else if (line.Contains('{', StringComparison.Ordinal))
            {
                string[] labels = [.. Label().Matches(line).Select(label => label.Groups[1].Value).Where(label => label != "le")];
                families[^1] = families[^1] with { Labels = [.. families[^1].Labels.Union(labels)] };
            }
        }

        return families;
    }

    [GeneratedRegex(@"[{,]([a-z_]+)=""")]
    private static partial Regex Label();
}
