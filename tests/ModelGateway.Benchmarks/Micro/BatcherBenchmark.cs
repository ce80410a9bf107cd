using System.Diagnostics;
using BenchmarkDotNet.Attributes;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Scheduling;
using ModelGateway.Serving.Tensors;
using ModelGateway.TestKit;
using Prometheus;

namespace ModelGateway.Benchmarks.Micro;

/// <summary>What a batch costs besides its run, of a model that answers ten floats a row without a run.</summary>
public class BatcherBenchmark : IDisposable
{
    private const int Columns = 10;
    private RunWorkers? _workers;
    private RunScheduler? _scheduler;
    private InstancePool? _pool;
    private ServableMetrics? _metrics;
    private NamedTensor[] _inputs = [];
    private PendingRun[] _pending = [];
    private Task<RunOutcome>[] _runs = [];
    private OutputValue[] _outputs = [];

    /// <summary>Requests of one row that wait.</summary>
    [Params(1, 8, 32)]
    public int Requests { get; set; }

    /// <summary>Floats of a row.</summary>
    [Params(4, 784)]
    public int Floats { get; set; }

    /// <summary>Makes a scheduler that puts all that waits together, and knows that runs are short.</summary>
    [GlobalSetup]
    public void MakeScheduler()
    {
        var signature = new ModelSignature(
            [new TensorSpec("x", TensorType.Fp32, [-1, Floats])], [new OutputSpec(OutputKind.Tensor, new TensorSpec("y", TensorType.Fp32, [-1, Columns]))]);
        var instance = new FakeInstance { Signature = signature, OnRun = static (inputs, _) => [Answer(inputs[0].Tensor.Shape[0])] };
        var cost = new RunCost();
        foreach (int rows in new[] { 1, Requests })
        {
            cost.Count(rows, rows * Floats * sizeof(float), Stopwatch.Frequency / 1_000_000);
        }

        _metrics = new ServingMetrics(Metrics.NewCustomRegistry()).ForServable("m", 1);
        _pool = new InstancePool(instance, concurrency: 1, _metrics);
        _workers = new RunWorkers(1);
        var settings = new RunSettings(1, Requests, new BatchRules(signature, Requests, IsAutomatic: false));
        _scheduler = new RunScheduler(_pool, _workers, settings, cost, (_metrics, new ServableStatistics(_metrics)), TimeProvider.System);
        _inputs = [new NamedTensor("x", Tensor.Create<float>(TensorType.Fp32, [1, Floats], new float[Floats]))];
        _pending = [.. Enumerable.Range(0, Requests).Select(_ => new PendingRun(_scheduler, _inputs, null, canBeJoined: true, TimeProvider.System, CancellationToken.None))];
        _runs = new Task<RunOutcome>[Requests];
        _outputs = [Answer(Requests)];
    }

    /// <summary>Ends it.</summary>
    [GlobalCleanup]
    public void Dispose()
    {
        _workers?.Dispose();
        _metrics?.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>All rows into one tensor, and all answers out of one.</summary>
    [Benchmark]
    public int JoinAndSplit()
    {
        foreach (NamedTensor input in BatchTensors.Join(_pending))
        {
            input.Tensor.Dispose();
        }

        if (!BatchTensors.TrySplit(_outputs, _pending, out OutputValue[][]? parts, out _))
        {
            throw new InvalidOperationException("The answers cannot be told apart.");
        }

        foreach (OutputValue part in parts.SelectMany(static part => part))
        {
            part.Dispose();
        }

        return parts.Length;
    }

    /// <summary>The whole way: queued while the instance is busy, cut, joined, run, taken apart, and everybody goes on.</summary>
    [Benchmark]
    public async Task<int> QueueAndRun()
    {
        if (!_pool!.TryRent(out InstanceLease? held))
        {
            throw new InvalidOperationException("The instance did not come back.");
        }

        for (int i = 0; i < _runs.Length; i++)
        {
            _runs[i] = _scheduler!.RunAsync(_inputs, null, null, CancellationToken.None).AsTask();
        }

        held.Dispose();
        int values = 0;
        foreach (Task<RunOutcome> run in _runs)
        {
            RunOutcome outcome = await run;
            foreach (OutputValue output in outcome.Outputs!)
            {
                values++;
                output.Dispose();
            }
        }

        return values;
    }

    private static OutputValue Answer(long rows) =>
        OutputValue.FromTensor("y", new Tensor(TensorType.Fp32, [rows, Columns], TensorBuffer.Rent((int)rows * Columns * sizeof(float))));
}
