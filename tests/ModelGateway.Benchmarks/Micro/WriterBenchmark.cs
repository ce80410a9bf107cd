using System.Buffers;
using System.Text.Json;
using BenchmarkDotNet.Attributes;
using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Benchmarks.Micro;

/// <summary>A tensor of a thousand floats as a JSON array, against the standard writer's WriteNumberValue in a loop. Nanoseconds a float.</summary>
public class WriterBenchmark : IDisposable
{
    private const int Floats = 1000;
    private readonly ArrayBufferWriter<byte> _buffer = new(1 << 16);
    private readonly float[] _floats = new float[Floats];
    private Utf8JsonWriter? _writer;
    private Tensor? _tensor;

    /// <summary>What models answer.</summary>
    public enum Content
    {
        /// <summary>From 0 to 1.</summary>
        Probabilities,

        /// <summary>From -8 to 8.</summary>
        Logits,

        /// <summary>Below 0.00001, which are written with an exponent.</summary>
        Tiny,
    }

    /// <summary>The size of the values.</summary>
    [ParamsAllValues]
    public Content Values { get; set; }

    /// <summary>Makes the tensor.</summary>
    [GlobalSetup]
    public void MakeTensor()
    {
        var random = new Random(6);
        for (int i = 0; i < Floats; i++)
        {
            float value = random.NextSingle();
            _floats[i] = Values switch { Content.Probabilities => value, Content.Logits => (value - 0.5f) * 16, _ => value * 1e-5f };
        }

        _tensor = Tensor.Create<float>(TensorType.Fp32, [Floats], _floats);
        _writer = new Utf8JsonWriter(_buffer);
    }

    /// <summary>Gives it back.</summary>
    [GlobalCleanup]
    public void Dispose()
    {
        _tensor?.Dispose();
        _writer?.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>The gateway's writer.</summary>
    [Benchmark(OperationsPerInvoke = Floats)]
    public void Gateway()
    {
        _buffer.ResetWrittenCount();
        var output = new JsonOutput(_buffer);
        JsonTensorWriter.TryWriteFlat(ref output, _tensor!, NonFiniteStyle.Bare);
        output.Flush();
    }

    /// <summary>The standard writer.</summary>
    [Benchmark(Baseline = true, OperationsPerInvoke = Floats)]
    public void WriteNumberValue()
    {
        _buffer.ResetWrittenCount();
        Utf8JsonWriter writer = _writer!;
        writer.Reset(_buffer);
        writer.WriteStartArray();
        foreach (float value in _floats)
        {
            writer.WriteNumberValue(value);
        }

        writer.WriteEndArray();
        writer.Flush();
    }
}
