using System.Globalization;
using System.Text;

namespace ModelGateway.Storage.MLflow;

/// <summary>Makes the <c>model.yaml</c> of a registered model, as a JSON object: which versions are served, their labels, and what the registry knows.</summary>
internal static class ConfigText
{
    // What model.yaml takes is more; of what others write into a registry this much is of use.
    private const int LongestText = 1000;
    private const int LongestName = 200;
    private const int MostTags = 40;
    private const int LongestLabel = 64;

    /// <summary>The text.</summary>
    /// <param name="model">The registered model.</param>
    /// <param name="selected">By selector, the version that is served.</param>
    /// <param name="report">Told of aliases that cannot be labels.</param>
    public static byte[] Write(RegisteredModel model, IReadOnlyDictionary<VersionSelector, ServedVersion> selected, Action<string> report)
    {
        ServedVersion[] versions = [.. selected.Values.DistinctBy(version => version.Number).OrderBy(version => version.Number)];
        var text = new StringBuilder("{");
        if (Clean(model.Description) is { Length: > 0 } description)
        {
            Key(text, "description");
            Quote(text, description);
        }

        Key(text, "version_policy");
        text.Append("{\"specific\": [").AppendJoin(", ", versions.Select(version => version.Number)).Append("]}");
        Map(text, "labels", LabelsOf(model, selected, versions, report).Select(label => (label.Key, label.Value.ToString(CultureInfo.InvariantCulture))), isText: false);
        Map(text, "metadata", TagsOf(model.Tags), isText: true);
        Key(text, "version_metadata");
        text.Append('{');
        foreach (ServedVersion version in versions)
        {
            Map(text, version.Number.ToString(CultureInfo.InvariantCulture), FactsOf(model, version.Details), isText: true);
        }

        return Encoding.UTF8.GetBytes(text.Append("}}\n").ToString());
    }

    // An alias that selects leads to what is served for it, which is the version before while the registry's own cannot be served.
    private static SortedDictionary<string, long> LabelsOf(
        RegisteredModel model, IReadOnlyDictionary<VersionSelector, ServedVersion> selected, ServedVersion[] versions, Action<string> report)
    {
        var labels = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach ((VersionSelector selector, ServedVersion version) in selected)
        {
            if (selector is VersionSelector.Alias alias)
            {
                Add(alias.Name, version.Number);
            }
            else if (selector is VersionSelector.Stage stage)
            {
                Add(stage.Name.ToLowerInvariant(), version.Number);
            }
        }

        foreach (ModelAlias alias in model.Aliases)
        {
            if (versions.FirstOrDefault(version => version.Details.Version == alias.Version) is { } version)
            {
                Add(alias.Alias, version.Number);
            }
        }

        foreach (ServedVersion version in versions.Reverse().Where(version => version.Details.CurrentStage is not ("" or ModelVersion.NoStage)))
        {
            Add(version.Details.CurrentStage.ToLowerInvariant(), version.Number);
        }

        return labels;

        void Add(string name, long version)
        {
            if (name.Length is > 0 and <= LongestLabel && char.IsAsciiLetter(name[0]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_'))
            {
                labels.TryAdd(name, version);
            }
            else
            {
                report($"its alias '{Clean(name)}' is no label: a label is a letter, then up to 63 letters, digits, dots, hyphens or underscores");
            }
        }
    }

    private static IEnumerable<(string Name, string Value)> FactsOf(RegisteredModel model, ModelVersion version)
    {
        yield return ("aliases", string.Join(", ", model.Aliases.Where(alias => alias.Version == version.Version).Select(alias => alias.Alias).Order(StringComparer.Ordinal)));
        yield return ("created", version.CreationTimestamp <= 0 || version.CreationTimestamp > 253_402_300_799_999 ? ""
            : DateTimeOffset.FromUnixTimeMilliseconds(version.CreationTimestamp).ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture));
        yield return ("description", version.Description ?? "");
        yield return ("run_id", version.RunId ?? "");
        yield return ("source", WithoutSecrets(version.Source ?? ""));
        yield return ("stage", version.CurrentStage == ModelVersion.NoStage ? "" : version.CurrentStage);
        foreach ((string name, string value) in TagsOf(version.Tags))
        {
            yield return (name, value);
        }
    }

    private static IEnumerable<(string Name, string Value)> TagsOf(IReadOnlyList<MLflowTag> tags) => tags
        .Select(tag => (Name: "tag." + Clean(tag.Key), Value: tag.Value ?? ""))
        .Where(tag => tag.Name.Length <= LongestName)
        .OrderBy(tag => tag.Name, StringComparer.Ordinal)
        .DistinctBy(tag => tag.Name)
        .Take(MostTags);

    // Signed URLs carry their secret behind the question mark, others a password or a token before the host; Azure's schemes the container.
    internal static string WithoutSecrets(string source)
    {
        string path = source.Split('?')[0];
        int scheme = path.IndexOf("://", StringComparison.Ordinal);
        if (scheme < 0)
        {
            return path;
        }

        int slash = path.IndexOf('/', scheme + 3);
        string authority = path[(scheme + 3)..(slash < 0 ? path.Length : slash)];
        int at = authority.LastIndexOf('@');
        int port = authority.LastIndexOf(':');
        if (at < 0 && port >= 0 && authority[^1] != ']' && !authority[(port + 1)..].All(char.IsAsciiDigit))
        {
            // A password with a slash or a question mark in it ends the authority too early.
            return $"{path[..(scheme + 3)]}...";
        }

        bool isContainer = path[..scheme].ToLowerInvariant() is "wasb" or "wasbs" or "abfs" or "abfss" && !authority.Contains(':');
        return at < 0 || isContainer ? path : $"{path[..(scheme + 3)]}{authority[(at + 1)..]}{path[(scheme + 3 + authority.Length)..]}";
    }

    private static void Map(StringBuilder text, string name, IEnumerable<(string Name, string Value)> entries, bool isText)
    {
        Key(text, name);
        text.Append('{');
        foreach ((string key, string value) in entries)
        {
            if (!isText)
            {
                Key(text, key);
                text.Append(value);
            }
            else if (Clean(value) is { Length: > 0 } clean)
            {
                Key(text, key);
                Quote(text, clean);
            }
        }

        text.Append('}');
    }

    private static void Key(StringBuilder text, string name)
    {
        if (text[^1] != '{')
        {
            text.Append(", ");
        }

        Quote(text, name);
        text.Append(": ");
    }

    // After Clean there is nothing else that JSON and YAML would want escaped.
    private static void Quote(StringBuilder text, string clean) =>
        text.Append('"').Append(clean.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)).Append('"');

    // On one line, of a bounded length, and without what a YAML stream must not hold: control characters, halves of pairs, non-characters.
    private static string Clean(string? text)
    {
        var clean = new StringBuilder();
        foreach (Rune rune in (text ?? "").EnumerateRunes())
        {
            bool isPrinted = !Rune.IsControl(rune) && rune.Value is not (0x2028 or 0x2029 or 0xFEFF or 0xFFFE or 0xFFFF);
            clean.Append(isPrinted ? rune.ToString() : " ");
            if (clean.Length >= LongestText - 2)
            {
                clean.Append('…');
                break;
            }
        }

        return clean.ToString().Trim();
    }
}
