using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>
/// Collects rows of maps into one table. ZipMap gives every row the same labels in the same order: then the values of the rows,
/// one after the other, are the table already. Where a row differs, <see cref="LabelTable"/> sorts it out.
/// </summary>
internal sealed class MapRows(OutputSpec spec) : IDisposable
{
    private readonly List<(Tensor Labels, Tensor Values)> _rows = [];

    /// <summary>Adds a row and takes over its tensors.</summary>
    public void Add(Tensor labels, Tensor values) => _rows.Add((labels, values));

    /// <summary>The labels, <c>[labels]</c>, and the values, <c>[rows, labels]</c>; the caller's.</summary>
    public (Tensor Labels, Tensor Values) ToTable()
    {
        if (_rows.Count == 0 || !HaveEqualLabels())
        {
            var table = new LabelTable(spec);
            _rows.ForEach(row => table.AddRow(row.Labels, row.Values));
            return (table.ToLabels(), table.ToValues());
        }

        (Tensor labels, Tensor values) = _rows[0];
        TensorBuffer buffer = TensorBuffer.Rent(_rows.Sum(row => row.Values.Data.Length));
        int at = 0;
        foreach ((_, Tensor row) in _rows)
        {
            row.Data.CopyTo(buffer.Span[at..]);
            at += row.Data.Length;
        }

        return (Copy(labels), new Tensor(values.Type, [_rows.Count, labels.ElementCount], buffer));
    }

    public void Dispose()
    {
        foreach ((Tensor labels, Tensor values) in _rows)
        {
            labels.Dispose();
            values.Dispose();
        }
    }

    private bool HaveEqualLabels()
    {
        for (int i = 1; i < _rows.Count; i++)
        {
            if (!_rows[i].Labels.Data.SequenceEqual(_rows[0].Labels.Data))
            {
                return false;
            }
        }

        return true;
    }

    private static Tensor Copy(Tensor tensor)
    {
        TensorBuffer buffer = TensorBuffer.Rent(tensor.Data.Length);
        tensor.Data.CopyTo(buffer.Span);
        return new Tensor(tensor.Type, tensor.Shape, buffer);
    }
}
