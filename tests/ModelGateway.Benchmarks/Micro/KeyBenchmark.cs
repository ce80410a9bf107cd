using BenchmarkDotNet.Attributes;
using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Benchmarks.Micro;

/// <summary>The key of a prediction in the cache: a hash of every input byte, without and with a secret.</summary>
public class KeyBenchmark : IDisposable
{
    private static readonly string[] Outputs = ["probabilities"];

    private readonly CacheScope _scope = new(PredictionKeyWriter.HashScope("mlp", 1, "digest", "", 0, 0), isShared: false);
    private readonly PredictionKeyWriter _writer = new(secret: null);
    private readonly PredictionKeyWriter _keyed = new(new byte[32]);
    private Tensor? _tensor;
    private NamedTensor[] _inputs = [];

    /// <summary>Elements of the one FP32 input: a row of a table, a small picture, a photograph.</summary>
    [Params(4, 784, 150_528)]
    public int Floats { get; set; }

    /// <summary>Makes the input.</summary>
    [GlobalSetup]
    public void MakeInput()
    {
        _tensor = Tensor.Create<float>(TensorType.Fp32, [1, Floats], BenchmarkModels.Numbers(1, Floats));
        _inputs = [new NamedTensor("x", _tensor)];
    }

    /// <summary>Gives it back.</summary>
    [GlobalCleanup]
    public void Dispose()
    {
        _tensor?.Dispose();
        _writer.Dispose();
        _keyed.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>SHA-256.</summary>
    [Benchmark(Baseline = true)]
    public PredictionKey Key() => _writer.Write(_scope, tenant: null, Outputs, _inputs);

    /// <summary>HMAC-SHA-256, and a tenant in it.</summary>
    [Benchmark]
    public PredictionKey KeyWithSecretAndTenant() => _keyed.Write(_scope, "tenant", Outputs, _inputs);
}
