using System.Collections.Frozen;
using System.Text;

namespace ModelGateway.Serving.Tensors;

/// <summary>The names of the places along a tensor's last dimension, as a table has them. Immutable, and safe for any thread.</summary>
public sealed class ColumnNames
{
    /// <summary>More than this many names are not taken.</summary>
    public const int Most = 65_536;

    private const int UsualLength = 256;
    private readonly string[] _names;
    private readonly byte[][] _utf8;
    private readonly FrozenDictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _index;
    private readonly int _longest;

    /// <summary>The names in the order of their columns.</summary>
    /// <exception cref="ArgumentException">There is none, too many, an empty one, or one twice; the message says which.</exception>
    public ColumnNames(IReadOnlyList<string> names)
    {
        if (names.Count is 0 or > Most)
        {
            throw new ArgumentException($"there must be 1 to {Most} names, but there are {names.Count}");
        }

        _names = [.. names];
        var index = new Dictionary<string, int>(_names.Length, StringComparer.Ordinal);
        for (int i = 0; i < _names.Length; i++)
        {
            if (_names[i].Length == 0)
            {
                throw new ArgumentException($"the name of column {i + 1} is empty");
            }

            if (!index.TryAdd(_names[i], i))
            {
                throw new ArgumentException($"columns {index[_names[i]] + 1} and {i + 1} have the same name");
            }
        }

        _utf8 = [.. _names.Select(Encoding.UTF8.GetBytes)];
        _longest = _utf8.Max(name => name.Length);
        _index = index.ToFrozenDictionary(StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>The names, in the order of their columns.</summary>
    public IReadOnlyList<string> Names => _names;

    /// <summary>How many there are.</summary>
    public int Count => _names.Length;

    /// <summary>The column of this name, or -1.</summary>
    /// <param name="utf8">The name; what is no UTF-8 is no name.</param>
    /// <param name="hint">The column that it probably is: most callers keep the order. Any number will do.</param>
    public int IndexOf(ReadOnlySpan<byte> utf8, int hint)
    {
        if ((uint)hint < (uint)_utf8.Length && utf8.SequenceEqual(_utf8[hint]))
        {
            return hint;
        }

        if (utf8.Length > _longest)
        {
            return -1;
        }

        // No more characters than bytes.
        Span<char> text = utf8.Length <= UsualLength ? stackalloc char[utf8.Length] : new char[utf8.Length];
        return Encoding.UTF8.TryGetChars(utf8, text, out int length) && _index.TryGetValue(text[..length], out int index) ? index : -1;
    }
}
