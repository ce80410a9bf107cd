using System.Globalization;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace ModelGateway.Serving.Models.Configuration;

/// <summary>
/// Turns text into nodes. It sits on YAML's events, not on a ready-made document, because only so every node keeps its
/// line, all repeated keys are found in one pass, and aliases never multiply.
/// </summary>
internal sealed class ConfigNodeParser
{
    // A warm-up input of 65,536 numbers has less; so much is read in under a second.
    private const int LongestText = 1 << 20;

    // The file itself nests five levels, the rest is for tensors. YamlDotNet's time grows with the square of the depth.
    private const int Deepest = 32;

    private readonly Parser _events;

    private ConfigNodeParser(string text) => _events = new Parser(new StringReader(text));

    /// <summary>The file's root; null where it holds nothing but comments.</summary>
    public static ConfigNode? Parse(string text)
    {
        if (text.Length > LongestText)
        {
            return new ConfigNode.Faulty(1, $"the file has more than {LongestText} characters");
        }

        // A byte order mark is no part of the first key.
        var parser = new ConfigNodeParser(text.TrimStart('\uFEFF'));
        try
        {
            return parser.ReadFile();
        }
        catch (MaximumRecursionLevelReachedException exception)
        {
            return Unreadable(text, exception.Start, exception.Message);
        }
        catch (YamlException exception)
        {
            string noticed = exception.End.Line > exception.Start.Line
                ? string.Create(CultureInfo.InvariantCulture, $" (noticed in line {exception.End.Line})")
                : "";
            return Unreadable(text, exception.Start, $"is not YAML: {exception.Message}{noticed}");
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException)
        {
            // YamlDotNet 18.1 lets these out for "\UFFFFFFFF" or a bracket that is never closed (aaubry/YamlDotNet#541).
            return Unreadable(text, parser._events.Current?.End ?? Mark.Empty, "is not YAML from here on; a bracket or a quote may be open, or an escape wrong");
        }
    }

    // Where something is missing at the end, YamlDotNet counts a line that is not there.
    private static ConfigNode.Faulty Unreadable(string text, Mark mark, string message) =>
        new((int)Math.Clamp(mark.Line, 1, text.AsSpan().Count('\n') + 1), message);

    private ConfigNode? ReadFile()
    {
        _ = Next();
        if (Next() is StreamEnd)
        {
            return null;
        }

        ConfigNode root = ReadNode(Next(), 1);
        _ = Next();
        return Next() is DocumentStart second ? new ConfigNode.Faulty((int)second.Start.Line, "a second document begins here; the file may hold only one")
            : root is ConfigNode.Scalar { Kind: ConfigNode.ScalarKind.Null } ? null
            : root;
    }

    // Events that end early must not become an endless list.
    private ParsingEvent Next() =>
        _events.MoveNext() ? _events.Current! : throw new YamlException("the text ends too early.");

    // Reads the node that begins with this event, up to its last.
    private ConfigNode ReadNode(ParsingEvent start, int depth)
    {
        int line = (int)start.Start.Line;
        if (depth > Deepest)
        {
            throw new MaximumRecursionLevelReachedException(start.Start, start.End, $"is nested more than {Deepest} levels deep");
        }

        ConfigNode node = start switch
        {
            MappingStart => new ConfigNode.Mapping(line, ReadEntries(depth)),
            SequenceStart => new ConfigNode.Sequence(line, ReadItems(depth)),
            Scalar scalar => new ConfigNode.Scalar(line, scalar.Value, scalar.Style == ScalarStyle.Plain),
            AnchorAlias alias => new ConfigNode.Faulty(line, $"the alias {ConfigNode.Quote($"*{alias.Value}")} is not supported; write the value itself"),
            _ => new ConfigNode.Faulty(line, "is not a value"),
        };
        return start is NodeEvent { Tag: { IsEmpty: false, IsNonSpecific: false } tag }
            ? new ConfigNode.Faulty(line, $"the tag {ConfigNode.Quote(tag.Value)} is not supported; quotes make a text of a value")
            : node;
    }

    private List<ConfigNode> ReadItems(int depth)
    {
        var items = new List<ConfigNode>();
        while (Next() is { } start and not SequenceEnd)
        {
            items.Add(ReadNode(start, depth + 1));
        }

        return items;
    }

    private List<ConfigEntry> ReadEntries(int depth)
    {
        var entries = new List<ConfigEntry>();
        var lines = new Dictionary<string, int>(StringComparer.Ordinal);
        while (Next() is { } start and not MappingEnd)
        {
            ConfigNode key = ReadNode(start, depth + 1);
            ConfigNode value = ReadNode(Next(), depth + 1);
            entries.Add(ToEntry(key, value, lines));
        }

        return entries;
    }

    private static ConfigEntry ToEntry(ConfigNode key, ConfigNode value, Dictionary<string, int> lines)
    {
        if (key is not ConfigNode.Scalar name)
        {
            ConfigNode faulty = key as ConfigNode.Faulty ?? new ConfigNode.Faulty(key.Line, $"a key must be a word, but is {key.Describe()}");
            return new ConfigEntry("?", key.Line, faulty);
        }

        if (!lines.TryAdd(name.Text, name.Line))
        {
            return new ConfigEntry(name.Text, name.Line, new ConfigNode.Faulty(name.Line, $"is given more than once, first in line {lines[name.Text]}"));
        }

        return new ConfigEntry(name.Text, name.Line, value);
    }
}
