using System.Diagnostics;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Scheduling;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Lifecycle;

/// <summary>Measures what a run costs before the first request comes, so that short runs are known for short from the start.</summary>
internal static class CostProbe
{
    private const int Runs = 3;
    private const int BatchRows = 8;
    private static readonly TimeSpan Cheap = TimeSpan.FromMilliseconds(50);

    /// <summary>Runs the example a few times, unless warming up was slow already: then that is what is known.</summary>
    /// <param name="instance">What is measured.</param>
    /// <param name="example">Inputs that ran; empty where none are known, and then nothing is measured.</param>
    /// <param name="warmup">What warming up took.</param>
    /// <param name="cost">Where it is written to.</param>
    /// <param name="cancellationToken">Calls the load off.</param>
    public static void Measure(IModelInstance instance, IReadOnlyList<NamedTensor> example, TimeSpan warmup, RunCost cost, CancellationToken cancellationToken)
    {
        if (example.Count == 0)
        {
            return;
        }

        long rows = RunRows.Of(example);
        if (warmup > Cheap)
        {
            // The first run sets up what later ones find, so this is too much; the first requests put it right.
            cost.Count(rows, NamedTensor.BytesOf(example), (long)(warmup.TotalSeconds * Stopwatch.Frequency));
            return;
        }

        Run(instance, example, rows, cost, cancellationToken);
    }

    /// <summary>Runs a batch of rows that the model takes, where that takes little time.</summary>
    public static void MeasureBatch(IModelInstance instance, IReadOnlyList<RowSet> rows, RunCost cost, CancellationToken cancellationToken)
    {
        if (cost.Predict(BatchRows) is not { } predicted || predicted > Cheap)
        {
            return;
        }

        int[] taken = [.. Enumerable.Range(0, BatchRows).Select(row => row % rows[0].Rows.Count)];
        NamedTensor[] inputs = [.. rows.Select(input => new NamedTensor(input.Name, input.Take(taken)))];
        try
        {
            Run(instance, inputs, BatchRows, cost, cancellationToken);
        }
        finally
        {
            foreach (NamedTensor input in inputs)
            {
                input.Tensor.Dispose();
            }
        }
    }

    private static void Run(IModelInstance instance, IReadOnlyList<NamedTensor> inputs, long rows, RunCost cost, CancellationToken cancellationToken)
    {
        try
        {
            for (int i = 0; i < Runs; i++)
            {
                long started = Stopwatch.GetTimestamp();
                foreach (OutputValue output in instance.Run(inputs, null, cancellationToken))
                {
                    output.Dispose();
                }

                cost.Count(rows, NamedTensor.BytesOf(inputs), Stopwatch.GetTimestamp() - started);
            }
        }
        catch (ModelRunException)
        {
            // It ran before. What is not known is learned while serving.
        }
    }
}
