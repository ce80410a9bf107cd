using System.Buffers.Binary;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Caching;

/// <summary>A tensor cut along its first dimension. The tensor stays the caller's.</summary>
public sealed class TensorRows
{
    // For strings, where each row begins, and at the end where the last one ends; null where all rows are of one length.
    private readonly int[]? _starts;
    private readonly int _rowLength;

    /// <summary>Cuts a tensor of rank 1 at least, of 1 row at least.</summary>
    public TensorRows(string name, Tensor tensor)
    {
        Name = name;
        Tensor = tensor;
        Count = checked((int)tensor.Shape[0]);
        if (tensor.Type == TensorType.Bytes)
        {
            _starts = FindStarts(tensor, Count);
        }
        else
        {
            _rowLength = tensor.Data.Length / Count;
        }
    }

    /// <summary>The input's or output's name.</summary>
    public string Name { get; }

    /// <summary>What is cut.</summary>
    public Tensor Tensor { get; }

    /// <summary>Rows.</summary>
    public int Count { get; }

    /// <summary>The bytes of a row.</summary>
    public ReadOnlySpan<byte> this[int row] =>
        _starts is null ? Tensor.Data.Slice(row * _rowLength, _rowLength) : Tensor.Data[_starts[row].._starts[row + 1]];

    /// <summary>A tensor of some of the rows, in their order; the caller's to dispose.</summary>
    public Tensor Gather(IReadOnlyList<int> rows)
    {
        int length = 0;
        for (int i = 0; i < rows.Count; i++)
        {
            length = checked(length + this[rows[i]].Length);
        }

        TensorBuffer buffer = TensorBuffer.Rent(length);
        int used = 0;
        for (int i = 0; i < rows.Count; i++)
        {
            this[rows[i]].CopyTo(buffer.Span[used..]);
            used += this[rows[i]].Length;
        }

        return new Tensor(Tensor.Type, [rows.Count, .. Tensor.Shape.AsSpan(1)], buffer);
    }

    private static int[] FindStarts(Tensor tensor, int count)
    {
        int[] starts = new int[count + 1];
        ReadOnlySpan<byte> data = tensor.Data;
        long elements = tensor.ElementCount / count;
        int position = 0;
        for (int row = 0; row < count; row++)
        {
            starts[row] = position;
            for (long element = 0; element < elements; element++)
            {
                position += sizeof(uint) + (int)BinaryPrimitives.ReadUInt32LittleEndian(data[position..]);
            }
        }

        starts[count] = position;
        return starts;
    }
}
