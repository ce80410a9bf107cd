using System.Text.RegularExpressions;

namespace ModelGateway.Serving.Models;

/// <summary>Which names a model may have: those that are safe in a path, a URL, a metric label and a log line.</summary>
public static partial class ModelName
{
    /// <summary>The rule, for messages and schemas.</summary>
    public const string Pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$";

    /// <summary>Whether <paramref name="name"/> keeps the rule.</summary>
    public static bool IsValid(string name) => Rule().IsMatch(name);

    // \z, not $: a trailing newline must not pass.
    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Rule();
}
