using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Scheduling;

/// <summary>
/// Puts the rows of requests one after the other, and takes the rows of answers apart. Rows lie one behind the other in the layout of
/// <see cref="Tensor"/>, those of strings too, so both are copies of whole stretches of bytes.
/// </summary>
internal static class BatchTensors
{
    /// <summary>Inputs of all requests together, which must fit each other; the caller disposes them.</summary>
    public static NamedTensor[] Join(IReadOnlyList<PendingRun> runs)
    {
        IReadOnlyList<NamedTensor> first = runs[0].Inputs;
        var joined = new NamedTensor[first.Count];
        int made = 0;
        try
        {
            for (; made < joined.Length; made++)
            {
                joined[made] = new NamedTensor(first[made].Name, Join(runs, made));
            }

            return joined;
        }
        catch
        {
            foreach (NamedTensor input in joined.AsSpan(0, made))
            {
                input.Tensor.Dispose();
            }

            throw;
        }
    }

    /// <summary>
    /// Each request's rows of each output; the outputs stay the caller's. False where an output does not have a row for each row that went in.
    /// </summary>
    public static bool TrySplit(
        IReadOnlyList<OutputValue> outputs, IReadOnlyList<PendingRun> runs, [NotNullWhen(true)] out OutputValue[][]? parts, [NotNullWhen(false)] out string? obstacle)
    {
        parts = null;
        obstacle = null;
        long rows = runs.Sum(run => run.Rows);
        foreach (OutputValue output in outputs)
        {
            if (output.Kind != OutputKind.Tensor || output.Values.Shape is not [var count, ..] || count != rows)
            {
                obstacle = string.Create(CultureInfo.InvariantCulture, $"its output '{output.Name}' does not have one row for each of {rows} rows that went in");
                return false;
            }
        }

        parts = new OutputValue[runs.Count][];
        for (int run = 0; run < parts.Length; run++)
        {
            parts[run] = new OutputValue[outputs.Count];
        }

        for (int output = 0; output < outputs.Count; output++)
        {
            Split(outputs[output], runs, parts, output);
        }

        return true;
    }

    private static Tensor Join(IReadOnlyList<PendingRun> runs, int input)
    {
        long rows = 0;
        int length = 0;
        for (int i = 0; i < runs.Count; i++)
        {
            rows += runs[i].Rows;
            length = checked(length + runs[i].Inputs[input].Tensor.Data.Length);
        }

        TensorBuffer buffer = TensorBuffer.Rent(length);
        int used = 0;
        for (int i = 0; i < runs.Count; i++)
        {
            ReadOnlySpan<byte> data = runs[i].Inputs[input].Tensor.Data;
            data.CopyTo(buffer.Span[used..]);
            used += data.Length;
        }

        Tensor first = runs[0].Inputs[input].Tensor;
        return new Tensor(first.Type, WithRows(first.Shape, rows), buffer);
    }

    private static void Split(OutputValue output, IReadOnlyList<PendingRun> runs, OutputValue[][] parts, int index)
    {
        Tensor whole = output.Values;
        long elementsARow = whole.ElementCount / whole.Shape[0];
        int at = 0;
        for (int i = 0; i < runs.Count; i++)
        {
            int length = LengthOf(whole, at, elementsARow * runs[i].Rows);
            TensorBuffer buffer = TensorBuffer.Rent(length);
            whole.Data.Slice(at, length).CopyTo(buffer.Span);
            at += length;
            parts[i][index] = OutputValue.FromTensor(output.Name, new Tensor(whole.Type, WithRows(whole.Shape, runs[i].Rows), buffer));
        }
    }

    private static int LengthOf(Tensor tensor, int from, long elements)
    {
        if (tensor.Type != TensorType.Bytes)
        {
            return (int)(elements * tensor.Type.ElementSize());
        }

        int to = from;
        for (long element = 0; element < elements; element++)
        {
            to += sizeof(uint) + (int)BinaryPrimitives.ReadUInt32LittleEndian(tensor.Data[to..]);
        }

        return to - from;
    }

    private static long[] WithRows(long[] shape, long rows)
    {
        long[] changed = [.. shape];
        changed[0] = rows;
        return changed;
    }
}
