using System.Buffers.Binary;
using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Lifecycle;

/// <summary>The rows (along the first dimension) of one input or output, apart from each other; used by the probe, never on the request path.</summary>
/// <param name="Name">Of the input or output.</param>
/// <param name="Type">The element type.</param>
/// <param name="Shape">The dimensions of one row.</param>
/// <param name="Rows">Each row's bytes, in the layout of a <see cref="Tensor"/>.</param>
internal sealed record RowSet(string Name, TensorType Type, long[] Shape, IReadOnlyList<byte[]> Rows)
{
    // Kernels sum in another order for another number of rows. The narrow types are allowed two of their own steps.
    private const double AbsoluteTolerance = 1e-6;

    private double RelativeTolerance => Type switch
    {
        TensorType.Fp16 => 2.0 / (1 << 10),
        TensorType.Bf16 => 2.0 / (1 << 7),
        _ => 1e-5,
    };

    /// <summary>Takes a tensor with at least one dimension apart; not more than the first <paramref name="most"/> rows.</summary>
    public static RowSet Of(string name, Tensor tensor, int most)
    {
        var rows = new byte[Math.Min(most, tensor.Shape[0])][];
        if (rows.Length > 0)
        {
            var cut = new TensorRows(name, tensor);
            for (int i = 0; i < rows.Length; i++)
            {
                rows[i] = cut[i].ToArray();
            }
        }

        return new RowSet(name, tensor.Type, tensor.Shape[1..], rows);
    }

    /// <summary>A tensor of some of the rows, in that order; the caller's to dispose.</summary>
    public Tensor Take(IReadOnlyList<int> rows)
    {
        TensorBuffer buffer = TensorBuffer.Rent(rows.Sum(row => Rows[row].Length));
        int at = 0;
        foreach (int row in rows)
        {
            Rows[row].CopyTo(buffer.Span[at..]);
            at += Rows[row].Length;
        }

        return new Tensor(Type, [rows.Count, .. Shape], buffer);
    }

    /// <summary>Whether a row equals one of another set: floats within a relative 1e-5 or 1e-6 of the row's largest (at least of 1), everything else exactly.</summary>
    /// <param name="row">Of this set.</param>
    /// <param name="other">The other set.</param>
    /// <param name="otherRow">Of the other set.</param>
    /// <param name="slack">How many times these tolerances are allowed.</param>
    public bool IsSame(int row, RowSet other, int otherRow, double slack)
    {
        byte[] one = Rows[row];
        byte[] two = other.Rows[otherRow];
        if (one.AsSpan().SequenceEqual(two))
        {
            return true;
        }

        bool isSame = Type.IsFloat() && one.Length == two.Length;
        double absolute = isSame ? slack * AbsoluteTolerance * Math.Max(1, Largest(one)) : 0;
        for (int at = 0; isSame && at < one.Length; at += Type.ElementSize())
        {
            isSame = IsClose(ReadFloat(Type, one.AsSpan(at)), ReadFloat(Type, two.AsSpan(at)), absolute, slack * RelativeTolerance);
        }

        return isSame;
    }

    public static double ReadFloat(TensorType type, ReadOnlySpan<byte> from) => type switch
    {
        TensorType.Fp16 => (double)BinaryPrimitives.ReadHalfLittleEndian(from),
        TensorType.Bf16 => BFloat16Bits.ToSingle(BinaryPrimitives.ReadUInt16LittleEndian(from)),
        TensorType.Fp32 => BinaryPrimitives.ReadSingleLittleEndian(from),
        _ => BinaryPrimitives.ReadDoubleLittleEndian(from),
    };

    public static void WriteFloat(TensorType type, Span<byte> to, double value)
    {
        switch (type)
        {
            case TensorType.Fp16:
                BinaryPrimitives.WriteHalfLittleEndian(to, (Half)value);
                break;
            case TensorType.Bf16:
                BinaryPrimitives.WriteUInt16LittleEndian(to, BFloat16Bits.FromDouble(value));
                break;
            case TensorType.Fp32:
                BinaryPrimitives.WriteSingleLittleEndian(to, (float)value);
                break;
            default:
                BinaryPrimitives.WriteDoubleLittleEndian(to, value);
                break;
        }
    }

    // Infinities are as far from each other as their tolerance is wide.
    private static bool IsClose(double one, double two, double absolute, double relative) =>
        one.Equals(two)
        || (double.IsFinite(one) && double.IsFinite(two) && Math.Abs(one - two) <= absolute + (relative * Math.Min(Math.Abs(one), Math.Abs(two))));

    private double Largest(byte[] row)
    {
        double largest = 0;
        for (int at = 0; at < row.Length; at += Type.ElementSize())
        {
            double value = Math.Abs(ReadFloat(Type, row.AsSpan(at)));
            largest = double.IsFinite(value) ? Math.Max(largest, value) : largest;
        }

        return largest;
    }
}
