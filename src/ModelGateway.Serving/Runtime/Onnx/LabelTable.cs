using System.Text;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>
/// Turns rows of label-to-value maps into one table: a column a label, in order of first appearance. ZipMap gives every row the
/// same labels; where a row lacks one, its cell is NaN, 0 or an empty string.
/// </summary>
internal sealed class LabelTable(OutputSpec spec)
{
    private static readonly byte[] SingleNaN = BitConverter.GetBytes(float.NaN);
    private static readonly byte[] DoubleNaN = BitConverter.GetBytes(double.NaN);

    private readonly Dictionary<string, int> _columns = new(StringComparer.Ordinal);
    private readonly List<byte[]> _labels = [];
    private readonly List<Dictionary<int, byte[]>> _rows = [];

    /// <summary>Adds a row; the tensors stay the caller's.</summary>
    public void AddRow(Tensor keys, Tensor values)
    {
        List<byte[]> labels = Elements(keys);
        List<byte[]> cells = Elements(values);
        var row = new Dictionary<int, byte[]>(labels.Count);
        for (int i = 0; i < labels.Count; i++)
        {
            // Latin-1 maps bytes to characters one to one: a dictionary key that keeps every byte.
            string key = Encoding.Latin1.GetString(labels[i]);
            if (!_columns.TryGetValue(key, out int column))
            {
                column = _labels.Count;
                _columns.Add(key, column);
                _labels.Add(labels[i]);
            }

            row[column] = cells[i];
        }

        _rows.Add(row);
    }

    /// <summary>The labels, shape <c>[labels]</c>.</summary>
    public Tensor ToLabels() => Pack(spec.LabelType ?? TensorType.Bytes, [_labels.Count], _labels);

    /// <summary>The values, shape <c>[rows, labels]</c>.</summary>
    public Tensor ToValues() => Pack(
        spec.Values.Type, [_rows.Count, _labels.Count],
        _rows.SelectMany(row => Enumerable.Range(0, _labels.Count).Select(column => row.GetValueOrDefault(column, Missing))));

    private byte[] Missing => spec.Values.Type switch
    {
        TensorType.Fp32 => SingleNaN,
        TensorType.Fp64 => DoubleNaN,
        TensorType type => new byte[type.ElementSize()],
    };

    private static List<byte[]> Elements(Tensor tensor)
    {
        var elements = new List<byte[]>((int)tensor.ElementCount);
        if (tensor.Type == TensorType.Bytes)
        {
            foreach (ReadOnlySpan<byte> element in tensor.ReadBytes())
            {
                elements.Add(element.ToArray());
            }

            return elements;
        }

        int size = tensor.Type.ElementSize();
        for (int start = 0; start < tensor.Data.Length; start += size)
        {
            elements.Add(tensor.Data.Slice(start, size).ToArray());
        }

        return elements;
    }

    private static Tensor Pack(TensorType type, long[] shape, IEnumerable<byte[]> elements)
    {
        if (type == TensorType.Bytes)
        {
            using var writer = new BytesWriter(256);
            foreach (byte[] element in elements)
            {
                writer.Append(element);
            }

            return new Tensor(type, shape, writer.Detach());
        }

        int size = type.ElementSize();
        TensorBuffer buffer = TensorBuffer.Rent((int)TensorShape.CountElements(shape) * size);
        int at = 0;
        foreach (byte[] element in elements)
        {
            element.CopyTo(buffer.Span[at..]);
            at += size;
        }

        return new Tensor(type, shape, buffer);
    }
}
