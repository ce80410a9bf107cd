using System.Globalization;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Lifecycle;

/// <summary>
/// Tries whether each row of a batch is answered by that row alone: different rows are run together, each alone, and in another order and
/// number, and must be answered alike. Says nothing of requests that give optional inputs: it leaves them out.
/// </summary>
internal static class RowProbe
{
    private const int Count = 4;
    private const long LargestBatch = 256 << 20;

    // The first is what the others are held against.
    private static readonly int[][] Batches = [[0, 1, 2, 3], [0], [1], [2], [3], [3, 1, 0]];

    /// <summary>Runs the probe on the calling thread.</summary>
    /// <param name="instance">What is tried.</param>
    /// <param name="example">Inputs that ran while it warmed up; empty where none are known.</param>
    /// <param name="longest">Time for all the runs together.</param>
    /// <param name="cancellationToken">Calls the load off.</param>
    /// <param name="slack">How many times the tolerances of <see cref="RowSet.IsSame"/> are allowed.</param>
    public static RowFinding Run(IModelInstance instance, IReadOnlyList<NamedTensor> example, TimeSpan longest, CancellationToken cancellationToken, double slack = 1)
    {
        if (Obstacle(instance.Signature) is { } obstacle)
        {
            return new RowFinding(RowVerdict.Dependent, obstacle);
        }

        List<RowSet>? known = TakeApart(instance.Signature, example);
        if (known is null)
        {
            return new RowFinding(RowVerdict.Untried, "its rows are too large to be tried.");
        }

        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(longest);
        string reason = "no rows that differ can be made of its warm-up inputs: give it a warmup request with two rows.";
        try
        {
            foreach (IReadOnlyList<RowSet> inputs in known.TrueForAll(input => input.Rows.Count > 0) ? ProbeRows.Of(known, Count) : [])
            {
                try
                {
                    return Compare(instance, inputs, slack, limit.Token) is { } difference
                        ? new RowFinding(RowVerdict.Dependent, difference)
                        : new RowFinding(RowVerdict.Alone, null) { Rows = inputs };
                }
                catch (ModelRunException exception)
                {
                    reason = $"made-up rows fail ({exception.Message}).";
                }
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            reason = string.Create(CultureInfo.InvariantCulture, $"trying it did not end within {longest.TotalSeconds:0.###} seconds.");
        }

        return new RowFinding(RowVerdict.Untried, reason);
    }

    private static string? Obstacle(ModelSignature signature)
    {
        TensorSpec? input = signature.Inputs.FirstOrDefault(spec => !spec.Optional && spec.Dimensions is not [-1, ..]);
        OutputSpec? form = signature.Outputs.FirstOrDefault(output => output.Kind != OutputKind.Tensor);
        TensorSpec? output = signature.Outputs.Select(output => output.Values).FirstOrDefault(spec => spec.Dimensions is not (null or [-1, ..]));
        return signature.Inputs.All(spec => spec.Optional) ? "it has no inputs that must be given."
            : input is not null ? $"the first dimension of its input '{input.Name}' ({input.FormatDimensions()}) is not free."
            : form is not null ? $"its output '{form.Name}' is not a plain tensor."
            : output is not null ? $"the first dimension of its output '{output.Name}' ({output.FormatDimensions()}) is not free."
            : null;
    }

    // Without an example, the shapes that warm-up would try first.
    private static List<RowSet>? TakeApart(ModelSignature signature, IReadOnlyList<NamedTensor> example)
    {
        IReadOnlyList<NamedTensor>? inputs = example.Count > 0 ? example : Warmup.MakeUp(signature, 1);
        NamedTensor[] required = [.. (inputs ?? []).Where(input => !signature.Inputs[signature.IndexOfInput(input.Name)].Optional)];
        bool isSmall = inputs is not null && required.Sum(input => input.Tensor.Data.Length / Math.Max(1, input.Tensor.Shape[0]) * Count) <= LargestBatch;
        return isSmall ? [.. required.Select(input => RowSet.Of(input.Name, input.Tensor, Count))] : null;
    }

    private static string? Compare(IModelInstance instance, IReadOnlyList<RowSet> inputs, double slack, CancellationToken cancellationToken)
    {
        IReadOnlyList<RowSet> together = [];
        foreach (int[] batch in Batches)
        {
            List<RowSet> outputs = RunRows(instance, inputs, batch, cancellationToken, out string? fault);
            together = ReferenceEquals(batch, Batches[0]) ? outputs : together;
            fault ??= outputs.Zip(together, (output, reference) => Difference(output, reference, batch, slack)).FirstOrDefault(difference => difference is not null);
            if (fault is not null)
            {
                return fault;
            }
        }

        return null;
    }

    private static string? Difference(RowSet output, RowSet reference, int[] batch, double slack) =>
        !output.Shape.AsSpan().SequenceEqual(reference.Shape)
            ? $"its output '{output.Name}' has rows of the shape {TensorShape.Format(reference.Shape)} or {TensorShape.Format(output.Shape)}, depending on the batch."
            : Enumerable.Range(0, batch.Length).All(row => output.IsSame(row, reference, batch[row], slack)) ? null
            : $"its output '{output.Name}' of a row depends on the other rows of the batch.";

    private static List<RowSet> RunRows(
        IModelInstance instance, IReadOnlyList<RowSet> inputs, int[] batch, CancellationToken cancellationToken, out string? fault)
    {
        List<NamedTensor> tensors = [.. inputs.Select(input => new NamedTensor(input.Name, input.Take(batch)))];
        IReadOnlyList<OutputValue> outputs = [];
        try
        {
            outputs = instance.Run(tensors, null, cancellationToken);
            OutputValue? other = outputs.FirstOrDefault(output => output.Values.Shape is var shape && (shape.Length == 0 || shape[0] != batch.Length));
            fault = other is null ? null : $"its output '{other.Name}' has the shape {TensorShape.Format(other.Values.Shape)} for {batch.Length} rows.";
            return fault is null ? [.. outputs.Select(output => RowSet.Of(output.Name, output.Values, Count))] : [];
        }
        finally
        {
            tensors.ForEach(input => input.Tensor.Dispose());
            foreach (OutputValue output in outputs)
            {
                output.Dispose();
            }
        }
    }
}
