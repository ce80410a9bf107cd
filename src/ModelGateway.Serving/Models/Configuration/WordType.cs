using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace ModelGateway.Serving.Models.Configuration;

/// <summary>A name that follows a pattern; as a value, or as the key of a map.</summary>
/// <param name="text">For people.</param>
/// <param name="pattern">Without anchors and without alternatives, in the dialect that .NET and JavaScript share.</param>
internal sealed class WordType(string text, string pattern) : ConfigType<string>
{
    // \z, not $: a trailing newline must not pass.
    private readonly Regex _regex = new($@"^{pattern}\z", RegexOptions.CultureInvariant);

    /// <summary>What an input or an output of a graph may be called: anything.</summary>
    public static WordType GraphName { get; } = new("a name of 1 to 256 characters", @"[\s\S]{1,256}");

    public override string Text => text;

    public bool IsMatch(string word) => _regex.IsMatch(word);

    public override JsonObject Schema() => new() { ["type"] = "string", ["pattern"] = $"^{pattern}$" };

    public override bool TryRead(ConfigCursor at, [MaybeNullWhen(false)] out string value)
    {
        value = at.Node is ConfigNode.Scalar { Kind: ConfigNode.ScalarKind.Text } scalar ? scalar.Text : "";
        return IsMatch(value) || at.Expects(text);
    }

    public override JsonNode Write(string value) => value;
}
