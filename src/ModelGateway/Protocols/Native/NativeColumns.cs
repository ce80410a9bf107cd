using System.Text.Json;
using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.Native;

/// <summary>
/// Reads instances that are objects by column name, <c>{"length": 5.1, "width": 3.5}</c>, into the table that the model's one input takes.
/// Every row must have every column; what is wrong with a column is told once, however many rows have it.
/// </summary>
internal sealed class NativeColumns
{
    // A table may be wide, and a suggestion compares letter by letter.
    private const int MostCompared = 1000;
    private readonly NativeReading _reading;
    private readonly TensorSpec _input;
    private readonly ColumnNames _columns;
    private readonly TableBuilder _table;

    // By column: the number of the row that had it last, from 1; 0 before any had.
    private readonly int[] _seen;
    private readonly bool[] _told;
    private readonly HashSet<string> _unknown = new(StringComparer.Ordinal);
    private bool _isMissingTold;

    private NativeColumns(NativeReading reading, TensorSpec input, TableBuilder table)
    {
        _reading = reading;
        _input = input;
        _columns = input.Columns!;
        _table = table;
        _seen = new int[_columns.Count];
        _told = new bool[_columns.Count];
    }

    /// <summary>
    /// Whether the object under the reader is a row by column name. An object that names an input holds that input's whole row, as everywhere,
    /// unless a column has the same name and its value stands there.
    /// </summary>
    public static bool IsRow(Utf8JsonReader reader, NativeReading reading, TensorSpec input)
    {
        if (input.Columns is null || !reader.Read() || reader.TokenType != JsonTokenType.PropertyName || !JsonName.TryRead(reader, out JsonName name))
        {
            return input.Columns is not null;
        }

        bool isInput = reading.IndexOfInput(name, 0) >= 0;
        return !isInput || (input.Columns.IndexOf(name.Utf8, 0) >= 0 && reader.Read() && reader.TokenType != JsonTokenType.StartArray);
    }

    /// <summary>Reads the array under the reader, whose first item is an object, to its end or until no further fault would be told.</summary>
    public static void Read(ref Utf8JsonReader reader, NativeReading reading, TensorSpec input)
    {
        using var table = new TableBuilder(reading.Text, input.Type, input.Columns!.Count);
        var columns = new NativeColumns(reading, input, table);
        columns.ReadRows(ref reader);
    }

    private void ReadRows(ref Utf8JsonReader reader)
    {
        bool mixed = false;
        for (int row = 0; !_reading.IsFull; row++)
        {
            reader.Read();
            if (reader.TokenType == JsonTokenType.EndArray)
            {
                _reading.Add(_input.Name, _table.ToTensor());
                return;
            }

            if (reader.TokenType == JsonTokenType.StartObject)
            {
                ReadRow(ref reader, row);
                continue;
            }

            if (!mixed)
            {
                mixed = true;
                Fail("instances", $"The first instance is an object, but instance {row} is {JsonKinds.Of(reader, _reading.Text)}.");
            }

            reader.Skip();
        }
    }

    private void ReadRow(ref Utf8JsonReader reader, int row)
    {
        int cells = 0;
        for (int next = 0; !_reading.IsFull;)
        {
            reader.Read();
            if (reader.TokenType == JsonTokenType.EndObject)
            {
                CheckRow(cells, row);
                return;
            }

            int column = FindColumn(ref reader, next);
            reader.Read();
            if (column < 0)
            {
                reader.Skip();
                continue;
            }

            next = column + 1;
            cells += ReadCell(ref reader, column, row) ? 1 : 0;
        }
    }

    private int FindColumn(ref Utf8JsonReader reader, int hint)
    {
        if (!JsonName.TryRead(reader, out JsonName name))
        {
            Fail(null, "The name of a column has half of a surrogate pair, which is no Unicode text.");
            return -1;
        }

        int column = _columns.IndexOf(name.Utf8, hint);
        if (column < 0)
        {
            string unknown = name.ToString();
            if (_unknown.Add(unknown))
            {
                Fail(unknown, $"Input '{_input.Name}' has no column '{unknown}'.{NameSuggestion.For(unknown, _columns.Names.Take(MostCompared))} Its columns are {List(_columns.Names)}.");
            }
        }

        return column;
    }

    // False for a cell that the row had already.
    private bool ReadCell(ref Utf8JsonReader reader, int column, int row)
    {
        string name = _columns.Names[column];
        if (_seen[column] > row)
        {
            Tell(column, $"Instance {row} has column '{name}' more than once.");
            reader.Skip();
            return false;
        }

        _seen[column] = row + 1;
        JsonScalarFault fault = _table.Read(ref reader, column);
        if (fault != JsonScalarFault.None)
        {
            _table.MarkFaulty();
            _reading.MarkFaulty(_input.Name);
            if (!_told[column])
            {
                _told[column] = true;
                new JsonElementFaults(name, _input.Type, _reading.Faults, "Column").Element(fault, JsonKinds.Of(reader, _reading.Text), $"[{row}]");
            }
        }

        return true;
    }

    // The columns of the first row that lacks any are told, and no others: to look for them in every row could cost more than reading it.
    private void CheckRow(int cells, int row)
    {
        if (cells == _columns.Count)
        {
            _table.EndRow();
            return;
        }

        _table.MarkFaulty();
        if (!_isMissingTold)
        {
            _isMissingTold = true;
            string[] missing = [.. _columns.Names.Where((_, i) => _seen[i] <= row)];
            Fail(missing[0], $"Instance {row} has no {(missing.Length == 1 ? "column" : "columns")} {List(missing)}.");
        }
    }

    private void Tell(int column, string message)
    {
        if (!_told[column])
        {
            _told[column] = true;
            Fail(_columns.Names[column], message);
        }
    }

    private void Fail(string? target, string message)
    {
        _table.MarkFaulty();
        _reading.MarkFaulty(_input.Name);
        _reading.Faults.Add(target, message);
    }

    // An answer names a few columns and counts the rest.
    private static string List(IReadOnlyList<string> names)
    {
        const int Named = 20;
        string first = string.Join(", ", names.Take(Named).Select(name => $"'{NameSuggestion.Shorten(name)}'"));
        return names.Count > Named ? $"{first} and {names.Count - Named} more" : first;
    }
}
