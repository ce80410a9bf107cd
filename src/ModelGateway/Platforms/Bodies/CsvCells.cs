using System.Text;

namespace ModelGateway.Platforms.Bodies;

/// <summary>Walks through CSV cell by cell (RFC 4180: commas, lines, quotes that are doubled inside quotes). Empty lines are no rows.</summary>
internal ref struct CsvCells
{
    private ReadOnlySpan<byte> _rest;

    public CsvCells(ReadOnlySpan<byte> text)
    {
        _rest = text;
        StartsRow = true;
        Current = default;
        SkipEmptyLines();
    }

    /// <summary>The cell; without quotes also without the spaces around it.</summary>
    public ReadOnlySpan<byte> Current { get; private set; }

    /// <summary>The next cell begins a row.</summary>
    public bool StartsRow { get; private set; }

    /// <summary>A quote is not closed: what follows is not read.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>Steps to the next cell; false at the end.</summary>
    public bool MoveNext()
    {
        if (IsBroken || (_rest.IsEmpty && StartsRow))
        {
            return false;
        }

        int start = _rest.IndexOfAnyExcept((byte)' ', (byte)'\t');
        if (start >= 0 && _rest[start] == '"')
        {
            ReadQuoted(_rest[(start + 1)..]);
        }
        else
        {
            int end = _rest.IndexOfAny((byte)',', (byte)'\n');
            Current = (end < 0 ? _rest : _rest[..end]).Trim(" \t\r"u8);
            EndCell(end < 0 ? default : _rest[end..]);
        }

        return !IsBroken;
    }

    private void ReadQuoted(ReadOnlySpan<byte> text)
    {
        int end = 0;
        bool isDoubled = false;
        while (true)
        {
            int quote = text[end..].IndexOf((byte)'"');
            if (quote < 0)
            {
                IsBroken = true;
                return;
            }

            end += quote;
            if (end + 1 >= text.Length || text[end + 1] != '"')
            {
                break;
            }

            isDoubled = true;
            end += 2;
        }

        Current = isDoubled ? Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(text[..end]).Replace("\"\"", "\"", StringComparison.Ordinal)) : text[..end];
        ReadOnlySpan<byte> after = text[(end + 1)..].TrimStart(" \t\r"u8);
        IsBroken = !after.IsEmpty && after[0] is not ((byte)',' or (byte)'\n');
        EndCell(after);
    }

    // At a comma, at the end of a line, or at the end of the text.
    private void EndCell(ReadOnlySpan<byte> separator)
    {
        StartsRow = separator.IsEmpty || separator[0] == '\n';
        _rest = separator.IsEmpty ? default : separator[1..];
        if (StartsRow)
        {
            SkipEmptyLines();
        }
    }

    private void SkipEmptyLines()
    {
        int start = _rest.IndexOfAnyExcept(" \t\r\n"u8);
        _rest = start < 0 ? default : _rest[start..];
    }
}
