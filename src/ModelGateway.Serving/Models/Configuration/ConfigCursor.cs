using System.Globalization;

namespace ModelGateway.Serving.Models.Configuration;

/// <summary>A node, the way to it, and where to report what is wrong with it.</summary>
internal readonly record struct ConfigCursor(ConfigNode Node, string Path, ConfigErrors Errors)
{
    public ConfigCursor Of(ConfigEntry entry)
    {
        bool isWord = entry.Key.Length is > 0 and <= 64 && entry.Key.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-');
        string name = isWord ? entry.Key : ConfigNode.Quote(entry.Key);
        return this with { Node = entry.Value, Path = Path.Length == 0 ? name : $"{Path}.{name}" };
    }

    public ConfigCursor Of(ConfigNode.Sequence list, int index) =>
        this with { Node = list.Items[index], Path = string.Create(CultureInfo.InvariantCulture, $"{Path}[{index}]") };

    /// <summary>Reports that something else should stand here. Always false, to be returned.</summary>
    public bool Expects(string what) => Fail($"expects {what}, but got {Node.Describe()}");

    /// <summary>Reports a message at the node. Always false, to be returned.</summary>
    public bool Fail(string message) => FailAt(Node.Line, message);

    /// <summary>Reports a message at another line than the value's: that of its key. Always false, to be returned.</summary>
    public bool FailAt(int line, string message)
    {
        Errors.Add(line, Path, Node is ConfigNode.Faulty faulty ? faulty.Message : message);
        return false;
    }
}
