using BenchmarkDotNet.Attributes;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Scheduling;
using ModelGateway.Serving.Tensors;
using ModelGateway.TestKit;
using Prometheus;

namespace ModelGateway.Benchmarks.Micro;

/// <summary>What a request borrows: the right to run an instance, and memory for a tensor.</summary>
public class PoolBenchmark : IDisposable
{
    private InstancePool? _pool;
    private ServableMetrics? _metrics;

    /// <summary>Makes a pool over an instance that runs nothing.</summary>
    [GlobalSetup]
    public void MakePool()
    {
        _metrics = new ServingMetrics(Metrics.NewCustomRegistry()).ForServable("m", 1);
        _pool = new InstancePool(new FakeInstance(), concurrency: 2, _metrics);
    }

    /// <summary>Ends it.</summary>
    [GlobalCleanup]
    public void Dispose()
    {
        _metrics?.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>A free instance, borrowed and given back.</summary>
    [Benchmark]
    public bool RentInstance()
    {
        bool granted = _pool!.TryRent(out InstanceLease? lease);
        lease?.Dispose();
        return granted;
    }

    /// <summary>A tensor of four floats.</summary>
    [Benchmark]
    public int RentSmallBuffer() => Rent(4 * sizeof(float));

    /// <summary>A tensor of 784 floats.</summary>
    [Benchmark]
    public int RentMediumBuffer() => Rent(784 * sizeof(float));

    /// <summary>A tensor of 1x3x224x224 floats.</summary>
    [Benchmark]
    public int RentLargeBuffer() => Rent(150_528 * sizeof(float));

    private static int Rent(int bytes)
    {
        using TensorBuffer buffer = TensorBuffer.Rent(bytes);
        return buffer.Length;
    }
}
