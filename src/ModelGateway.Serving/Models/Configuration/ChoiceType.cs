using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;

namespace ModelGateway.Serving.Models.Configuration;

/// <summary>
/// One of a few words. Where <c>off</c> or <c>on</c> is among them, <c>false</c> or <c>true</c> means the same: many tools still write
/// YAML 1.1, in which the unquoted words are booleans.
/// </summary>
internal sealed class ChoiceType<T>(params (string Word, T Value)[] choices) : ConfigType<T>
    where T : notnull
{
    private const string Off = "off";
    private const string On = "on";

    public override string Text { get; } = choices.Length == 1 ? choices[0].Word
        : $"{string.Join(", ", choices[..^1].Select(choice => choice.Word))} or {choices[^1].Word}";

    public override JsonObject Schema()
    {
        var words = new JsonArray([.. choices.Select(choice => JsonValue.Create(choice.Word))]);
        if (Has(Off))
        {
            words.Add(false);
        }

        if (Has(On))
        {
            words.Add(true);
        }

        return new JsonObject { ["enum"] = words };
    }

    public override bool TryRead(ConfigCursor at, [MaybeNullWhen(false)] out T value)
    {
        value = default;
        if (at.Node is not ConfigNode.Scalar scalar)
        {
            return at.Expects(Text);
        }

        string word = scalar.IsFalse && Has(Off) ? Off : scalar.IsTrue && Has(On) ? On : scalar.Text;
        int index = Array.FindIndex(choices, choice => choice.Word == word);
        value = index < 0 ? default : choices[index].Value;
        return index >= 0 || Unknown(at, word);
    }

    public override JsonNode Write(T value) =>
        choices.First(choice => EqualityComparer<T>.Default.Equals(choice.Value, value)).Word;

    private bool Has(string word) => choices.Any(choice => choice.Word == word);

    private bool Unknown(ConfigCursor at, string word)
    {
        string suggestion = NameSuggestion.For(word, choices.Select(choice => choice.Word));
        return suggestion.Length == 0 ? at.Expects(Text) : at.Fail($"expects {Text}, but got {at.Node.Describe()}.{suggestion}");
    }
}
