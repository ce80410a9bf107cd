using System.Text.Json;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.Json;

/// <summary>
/// The cells of a table while they are read, row after row but within a row in any order, into the tensor <c>[rows, columns]</c>. Dispose it:
/// it gives back what no tensor took over.
/// </summary>
/// <remarks>
/// Numbers are put to their place in the row. Strings, which have no size of their own, are kept as they come and put in order at the end,
/// unless they came in order. From the first fault on no row is added: what holds memory are whole rows, which a body pays for.
/// </remarks>
internal sealed class TableBuilder : IDisposable
{
    private const int FirstRows = 8;
    private readonly JsonText _text;
    private readonly TensorType _type;
    private readonly int _columns;
    private readonly int _size;
    private readonly List<int>? _places;
    private TensorBuffer? _numbers;
    private BytesWriter? _strings;
    private long _rows;
    private bool _isOrdered = true;
    private bool _isFaulty;

    public TableBuilder(JsonText text, TensorType type, int columns)
    {
        _text = text;
        _type = type;
        _columns = columns;
        _size = type.ElementSize();
        if (type == TensorType.Bytes)
        {
            _strings = new BytesWriter(columns);
            _places = [];
        }
        else
        {
            // A cell is six bytes of text at least ("":0 and a comma), so a body buys no more rows than it can fill.
            long rows = Math.Clamp(text.Span.Length / 6 / columns, 1, FirstRows);
            _numbers = TensorBuffer.Rent((int)(rows * columns * _size));
        }
    }

    /// <summary>There will be no tensor.</summary>
    public void MarkFaulty() => _isFaulty = true;

    /// <summary>Reads the value under the reader as a cell of the row under way; the reader is left at the value's last token.</summary>
    public JsonScalarFault Read(ref Utf8JsonReader reader, int column)
    {
        if (_strings is not null)
        {
            return ReadString(ref reader, column);
        }

        // After a fault the first row is written over and over: the cells are still checked.
        long row = _isFaulty ? 0 : _rows;
        if (!TryMakeRoom(row))
        {
            reader.Skip();
            return JsonScalarFault.TooMany;
        }

        JsonScalarFault fault = JsonScalars.Read(reader, _text, _type, _numbers!.Span[(int)(((row * _columns) + column) * _size)..]);
        if (fault != JsonScalarFault.None)
        {
            reader.Skip();
        }

        return fault;
    }

    /// <summary>The row under way has all its cells.</summary>
    public void EndRow() => _rows++;

    /// <summary>The tensor, the caller's to dispose; null after a fault.</summary>
    public Tensor? ToTensor()
    {
        if (_isFaulty)
        {
            return null;
        }

        return new Tensor(_type, [_rows, _columns], _strings is null ? DetachNumbers() : DetachStrings());
    }

    public void Dispose()
    {
        _numbers?.Dispose();
        _strings?.Dispose();
    }

    private JsonScalarFault ReadString(ref Utf8JsonReader reader, int column)
    {
        if (_text.Span.Length > JsonElementStore.LongestTextOfStrings)
        {
            reader.Skip();
            return JsonScalarFault.TooMany;
        }

        int place = _places!.Count % _columns;
        JsonScalarFault fault = JsonByteStrings.Append(ref reader, _text, _strings!);
        _places.Add(column);
        _isOrdered &= place == column;
        return fault;
    }

    private bool TryMakeRoom(long row)
    {
        long needed = (row + 1) * _columns * _size;
        if (needed > Array.MaxLength)
        {
            return false;
        }

        if (needed > _numbers!.Length)
        {
            _numbers.Resize((int)Math.Min(Array.MaxLength, Math.Max(needed, _numbers.Length * 2L)));
        }

        return true;
    }

    private TensorBuffer DetachNumbers()
    {
        TensorBuffer buffer = _numbers!;
        buffer.Resize((int)(_rows * _columns * _size));
        _numbers = null;
        return buffer;
    }

    private TensorBuffer DetachStrings()
    {
        TensorBuffer read = _strings!.Detach();
        _strings = null;
        if (_isOrdered)
        {
            return read;
        }

        using (read)
        using (var ordered = new BytesWriter(read.Length))
        {
            var row = new Range[_columns];
            int at = 0;
            for (int i = 0; i < _places!.Count; i++)
            {
                int length = (int)System.Buffers.Binary.BinaryPrimitives.ReadUInt32LittleEndian(read.Span[at..]);
                row[_places[i]] = (at + sizeof(uint))..(at + sizeof(uint) + length);
                at += sizeof(uint) + length;
                if ((i + 1) % _columns == 0)
                {
                    foreach (Range cell in row)
                    {
                        ordered.Append(read.Span[cell]);
                    }
                }
            }

            return ordered.Detach();
        }
    }
}
