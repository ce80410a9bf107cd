using System.Globalization;
using System.Numerics;
using System.Text;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>
/// The classification extension: of each row of the last dimension the highest values, each as the string
/// <c>value:index[:label]</c>. Values are written as C's <c>%f</c> and <c>%d</c> do, since clients compare the strings of other servers.
/// </summary>
internal static class Classification
{
    /// <summary>A BYTES tensor of the leading dimensions and <paramref name="count"/>, or of all classes where there are fewer.</summary>
    /// <param name="values">Numbers, of rank 1 at least.</param>
    /// <param name="count">Classes wanted, at least 1.</param>
    /// <param name="labelOf">The label of a class, or null.</param>
    public static Tensor Rank(Tensor values, int count, Func<int, string?> labelOf)
    {
        int classes = checked((int)values.Shape[^1]);
        using var strings = new BytesWriter(64);
        var rows = new Rows(classes, Math.Min(count, classes), labelOf, strings);
        switch (values.Type)
        {
            case TensorType.Fp32:
                rows.Floats(values.AsSpan<float>());
                break;
            case TensorType.Fp64:
                rows.Floats(values.AsSpan<double>());
                break;
            case TensorType.Fp16:
                rows.Floats(values.AsSpan<Half>());
                break;
            case TensorType.Bf16:
                rows.Floats<float>(Widen(values.AsSpan<ushort>()));
                break;
            case TensorType.Int8:
                rows.Integers(values.AsSpan<sbyte>());
                break;
            case TensorType.Int16:
                rows.Integers(values.AsSpan<short>());
                break;
            case TensorType.Int32:
                rows.Integers(values.AsSpan<int>());
                break;
            case TensorType.Int64:
                rows.Integers(values.AsSpan<long>());
                break;
            case TensorType.UInt16:
                rows.Integers(values.AsSpan<ushort>());
                break;
            case TensorType.UInt32:
                rows.Integers(values.AsSpan<uint>());
                break;
            case TensorType.UInt64:
                rows.Integers(values.AsSpan<ulong>());
                break;
            default:
                rows.Integers(values.AsSpan<byte>());
                break;
        }

        return new Tensor(TensorType.Bytes, [.. values.Shape[..^1], Math.Min(count, classes)], strings.Detach());
    }

    private static float[] Widen(ReadOnlySpan<ushort> bits)
    {
        float[] values = new float[bits.Length];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = BFloat16Bits.ToSingle(bits[i]);
        }

        return values;
    }

    private readonly struct Rows(int classes, int count, Func<int, string?> labelOf, BytesWriter strings)
    {
        public void Floats<T>(ReadOnlySpan<T> values)
            where T : unmanaged, INumber<T> =>
            Write(values, static value => double.CreateChecked(value) switch
            {
                double.NaN => "nan",
                double.PositiveInfinity => "inf",
                double.NegativeInfinity => "-inf",
                double number => number.ToString("F6", CultureInfo.InvariantCulture),
            });

        public void Integers<T>(ReadOnlySpan<T> values)
            where T : unmanaged, INumber<T> =>
            Write(values, static value => value.ToString(null, CultureInfo.InvariantCulture));

        private void Write<T>(ReadOnlySpan<T> values, Func<T, string> format)
            where T : unmanaged, INumber<T>
        {
            T[] row = new T[classes];
            int[] indices = new int[classes];
            for (int start = 0; start < values.Length; start += classes)
            {
                values.Slice(start, classes).CopyTo(row);
                for (int i = 0; i < classes; i++)
                {
                    indices[i] = i;
                }

                // Equal values keep the order of their classes. NaN compares as the lowest and so comes last.
                Array.Sort(indices, (left, right) => row[right].CompareTo(row[left]) is not 0 and int order ? order : left.CompareTo(right));
                foreach (int index in indices.AsSpan(0, count))
                {
                    string ranked = $"{format(row[index])}:{index}";
                    strings.Append(Encoding.UTF8.GetBytes(labelOf(index) is { } label ? $"{ranked}:{label}" : ranked));
                }
            }
        }
    }
}
