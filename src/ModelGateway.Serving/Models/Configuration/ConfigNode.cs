using System.Text.RegularExpressions;

namespace ModelGateway.Serving.Models.Configuration;

/// <summary>A piece of the file's text before anybody knows what it means.</summary>
internal abstract partial record ConfigNode(int Line)
{
    /// <summary>What YAML's core schema takes an unquoted word for.</summary>
    internal enum ScalarKind
    {
        Null,
        Boolean,
        Number,
        Text,
    }

    /// <summary>For messages: what stands there, without swamping the reader.</summary>
    public abstract string Describe();

    /// <summary>Text made safe and short enough for a message.</summary>
    public static string Quote(string text)
    {
        const int Longest = 40;
        string start = text.Length <= Longest ? text : text[..Longest] + "...";
        return $"'{string.Concat(start.Select(c => char.IsControl(c) ? ' ' : c))}'";
    }

    // The core schema also has hexadecimal and octal integers; nobody needs them here, so they are text and refused as such.
    [GeneratedRegex(@"^[-+]?((\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|\.(inf|Inf|INF))\z|^\.(nan|NaN|NAN)\z", RegexOptions.CultureInvariant)]
    private static partial Regex Number();

    /// <summary>
    /// Stands where the text is YAML but not ours (an alias, a repeated key) or not even YAML. Whoever reads it
    /// reports this message instead of its own.
    /// </summary>
    internal sealed record Faulty(int Line, string Message) : ConfigNode(Line)
    {
        public override string Describe() => Message;
    }

    internal sealed record Scalar(int Line, string Text, bool IsPlain) : ConfigNode(Line)
    {
        public ScalarKind Kind =>
            !IsPlain ? ScalarKind.Text
            : Text is "" or "~" or "null" or "Null" or "NULL" ? ScalarKind.Null
            : Text is "true" or "True" or "TRUE" or "false" or "False" or "FALSE" ? ScalarKind.Boolean
            : Number().IsMatch(Text) ? ScalarKind.Number
            : ScalarKind.Text;

        public bool IsFalse => Kind == ScalarKind.Boolean && Text[0] is 'f' or 'F';

        public bool IsTrue => Kind == ScalarKind.Boolean && !IsFalse;

        public override string Describe() => Kind == ScalarKind.Null ? "nothing" : IsPlain ? Quote(Text) : $"the text {Quote(Text)} in quotes";
    }

    internal sealed record Sequence(int Line, IReadOnlyList<ConfigNode> Items) : ConfigNode(Line)
    {
        public override string Describe() => "a list";
    }

    internal sealed record Mapping(int Line, IReadOnlyList<ConfigEntry> Entries) : ConfigNode(Line)
    {
        public override string Describe() => "a map";
    }
}

internal sealed record ConfigEntry(string Key, int Line, ConfigNode Value);
