using ModelGateway.Serving.Models;

namespace ModelGateway.Storage.MLflow;

/// <summary>Which models of a registry are served, and which of their versions: from the URI's query and the settings.</summary>
/// <remarks>
/// <code>
/// ?alias=champion            the version that has the alias; several with commas
/// ?stage=Production          the newest of the stage
/// ?versions=latest           the newest of all, which is what holds without any of these
/// ?models=iris,churn*        only these models
/// ?models=iris@best,wine/3   and which version of them, where it is not that of all
/// </code>
/// </remarks>
internal sealed class VersionSelection
{
    private static readonly string[] Keys = ["alias", "stage", "versions", "models"];
    private readonly IReadOnlyList<VersionSelector> _selectors;
    private readonly IReadOnlyList<Rule> _rules;

    private VersionSelection(IReadOnlyList<VersionSelector> selectors, IReadOnlyList<Rule> rules)
    {
        _selectors = selectors;
        _rules = rules;
    }

    /// <summary>The registry's own filter where one says the same, so that it answers with less; null for all models.</summary>
    public string? Filter => _rules.Count != 1 || _rules[0].Pattern.Contains('\'') ? null
        : !_rules[0].Pattern.Contains('*') ? $"name = '{_rules[0].Pattern}'"
        : _rules[0].Pattern.AsSpan().ContainsAny('%', '\\', '_') ? null : $"name LIKE '{_rules[0].Pattern.Replace('*', '%')}'";

    /// <summary>The selection; where there are faults it selects nothing of use.</summary>
    public static VersionSelection Parse(string query, MLflowOptions options, ICollection<string> faults)
    {
        Dictionary<string, string> values = ParseQuery(query, faults);
        bool isInUri = values.ContainsKey("alias") || values.ContainsKey("stage") || values.ContainsKey("versions");
        string? alias = isInUri ? values.GetValueOrDefault("alias") : options.Alias;
        string? stage = isInUri ? values.GetValueOrDefault("stage") : options.Stage;
        string? versions = values.GetValueOrDefault("versions");
        if (new[] { alias, stage, versions }.Count(value => !string.IsNullOrWhiteSpace(value)) > 1)
        {
            faults.Add("Of alias, stage and versions only one can be set.");
        }

        if (versions is not (null or "latest"))
        {
            faults.Add($"versions is '{NameSuggestion.Shorten(versions)}', but it can only be 'latest'; a certain version is selected as models=NAME/VERSION.");
        }

        IReadOnlyList<VersionSelector> selectors = !string.IsNullOrWhiteSpace(alias) ? [.. Split(alias).Select(name => new VersionSelector.Alias(name.TrimStart('@')))]
            : !string.IsNullOrWhiteSpace(stage) ? [new VersionSelector.Stage(stage.Trim())]
            : [new VersionSelector.Latest()];
        string models = values.GetValueOrDefault("models") ?? options.Models ?? "";
        return new VersionSelection(selectors, [.. Split(models).Select(model => ParseRule(model, faults))]);
    }

    /// <summary>What is served of a model; the first pattern that fits its name decides. Empty for nothing.</summary>
    public IReadOnlyList<VersionSelector> For(string model) => _rules.Count == 0 ? _selectors
        : _rules.FirstOrDefault(rule => Matches(rule.Pattern, model)) is { } rule ? (rule.Selector is null ? _selectors : [rule.Selector])
        : [];

    private static Dictionary<string, string> ParseQuery(string query, ICollection<string> faults)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string pair in query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] parts = pair.Split('=', 2);
            string key = Uri.UnescapeDataString(parts[0]);
            if (!Keys.Contains(key))
            {
                faults.Add($"The URI has a key '{NameSuggestion.Shorten(key)}' that is not known.{NameSuggestion.For(key, Keys)} Known are {string.Join(", ", Keys)}.");
            }
            else if (parts.Length == 1 || parts[1].Length == 0 || !values.TryAdd(key, Uri.UnescapeDataString(parts[1])))
            {
                faults.Add($"The URI must give '{key}' a value, once.");
            }
        }

        return values;
    }

    private static Rule ParseRule(string model, ICollection<string> faults)
    {
        int at = model.LastIndexOfAny(['@', '/']);
        if (at < 0)
        {
            return new Rule(model, null);
        }

        string pattern = model[..at];
        string version = model[(at + 1)..];
        if (pattern.Length == 0 || version.Length == 0)
        {
            faults.Add($"'{NameSuggestion.Shorten(model)}' of models must be NAME, NAME@ALIAS, NAME/STAGE or NAME/VERSION.");
        }

        return new Rule(pattern, model[at] == '@' ? new VersionSelector.Alias(version)
            : version.All(char.IsAsciiDigit) ? new VersionSelector.Number(version)
            : version == "latest" ? new VersionSelector.Latest()
            : new VersionSelector.Stage(version));
    }

    private static string[] Split(string list) => list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    // Text between stars, in its order: the first at the beginning, the last at the end.
    private static bool Matches(string pattern, string name)
    {
        string[] parts = pattern.Split('*');
        if (parts.Length == 1)
        {
            return name == pattern;
        }

        if (name.Length < parts[0].Length + parts[^1].Length || !name.StartsWith(parts[0], StringComparison.Ordinal) || !name.EndsWith(parts[^1], StringComparison.Ordinal))
        {
            return false;
        }

        int from = parts[0].Length;
        foreach (string part in parts[1..^1])
        {
            int found = name.IndexOf(part, from, name.Length - parts[^1].Length - from, StringComparison.Ordinal);
            if (found < 0)
            {
                return false;
            }

            from = found + part.Length;
        }

        return true;
    }

    private sealed record Rule(string Pattern, VersionSelector? Selector);
}
