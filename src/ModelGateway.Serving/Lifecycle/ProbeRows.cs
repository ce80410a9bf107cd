using System.Text;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Lifecycle;

/// <summary>
/// Makes rows that differ out of inputs that ran, the same at every load. Floats are moved a little, since nearly every model takes any;
/// integers and strings may be ids, so only what the inputs hold is used (and 0 and 1 where they hold nothing else).
/// </summary>
internal static class ProbeRows
{
    private enum Change
    {
        Everything,
        Floats,
        Nothing,
    }

    /// <summary>Sets of rows, one list an attempt with a row set an input: the more a set changes, the sooner it comes, and the likelier a model refuses it.</summary>
    /// <param name="example">Inputs with at least one row each.</param>
    /// <param name="count">The rows to make.</param>
    public static IEnumerable<IReadOnlyList<RowSet>> Of(IReadOnlyList<RowSet> example, int count) =>
        from change in Enum.GetValues<Change>()
        let rows = Make(example, count, change, new Random(20261124))
        where rows.Any(input => input.Rows.Any(row => !row.AsSpan().SequenceEqual(input.Rows[0])))
        select rows;

    private static List<RowSet> Make(IReadOnlyList<RowSet> example, int count, Change change, Random random) =>
    [
        .. example.Select(input => input with
        {
            Rows = [.. Enumerable.Range(0, count).Select(row => Vary(input, input.Rows[row % input.Rows.Count], change, random))],
        }),
    ];

    private static byte[] Vary(RowSet input, byte[] row, Change change, Random random) => (input.Type, change) switch
    {
        (_, Change.Nothing) => row,
        (var type, _) when type.IsFloat() => Move(type, row, random),
        (_, Change.Floats) => row,
        (TensorType.Bytes, _) => ShuffleStrings(row, random),
        _ => ShuffleIntegers(row, input.Type.ElementSize(), random),
    };

    // Upwards only: logarithms and roots stay numbers.
    private static byte[] Move(TensorType type, byte[] row, Random random)
    {
        byte[] moved = [.. row];
        for (int at = 0; at < moved.Length; at += type.ElementSize())
        {
            Span<byte> element = moved.AsSpan(at);
            double value = RowSet.ReadFloat(type, element);
            RowSet.WriteFloat(type, element, value + ((0.5 + (0.25 * Math.Abs(value))) * random.NextDouble()));
        }

        return moved;
    }

    private static byte[] ShuffleIntegers(byte[] row, int size, Random random)
    {
        byte[][] elements = [.. row.Chunk(size)];
        if (elements.All(element => element[0] <= 1 && element.AsSpan(1).IndexOfAnyExcept((byte)0) < 0))
        {
            return [.. elements.SelectMany(_ => new[] { (byte)random.Next(2) }.Concat(new byte[size - 1]))];
        }

        random.Shuffle(elements);
        return [.. elements.SelectMany(element => element)];
    }

    private static byte[] ShuffleStrings(byte[] row, Random random)
    {
        var strings = new List<byte[]>();
        foreach (ReadOnlySpan<byte> text in new BytesReader(row))
        {
            strings.Add(text.ToArray());
        }

        byte[][] elements = strings.TrueForAll(text => text.Length == 0)
            ? [.. strings.Select(_ => Encoding.ASCII.GetBytes(random.Next(2) == 0 ? "0" : "1"))]
            : [.. strings];
        random.Shuffle(elements);
        using var writer = new BytesWriter(row.Length + elements.Length);
        foreach (byte[] element in elements)
        {
            writer.Append(element);
        }

        using TensorBuffer buffer = writer.Detach();
        return buffer.Span.ToArray();
    }
}
