using System.Globalization;
using System.Text;
using System.Text.Json;
using BenchmarkDotNet.Attributes;
using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Benchmarks.Micro;

/// <summary>A JSON array of 784 floats, from the body's bytes to the tensor, against the standard reader's GetSingle in a loop. Nanoseconds a float.</summary>
public class ReaderBenchmark
{
    private const int Floats = 784;
    private readonly float[] _floats = new float[Floats];
    private readonly TensorSpec _spec = new("x", TensorType.Fp32, [Floats]);
    private byte[] _body = [];

    /// <summary>How clients write numbers.</summary>
    public enum Text
    {
        /// <summary>0.12345678: the shortest of a float.</summary>
        Shortest,

        /// <summary>-0.12345678, followed by a comma and a blank, as Python's json writes lists.</summary>
        Spaced,

        /// <summary>0.1234567850828170: a float widened to a double, as numpy's tolist gives it to json.</summary>
        Widened,

        /// <summary>0.1235.</summary>
        FourDecimals,

        /// <summary>Whole numbers from 0 to 255.</summary>
        Pixels,
    }

    /// <summary>The text form of the numbers.</summary>
    [ParamsAllValues]
    public Text Form { get; set; }

    /// <summary>Makes the body.</summary>
    [GlobalSetup]
    public void MakeBody()
    {
        var random = new Random(5);
        string[] numbers = [.. Enumerable.Range(0, Floats).Select(_ => Write(random))];
        _body = Encoding.UTF8.GetBytes($"[{string.Join(Form == Text.Spaced ? ", " : ",", numbers)}]");
    }

    /// <summary>All of what the gateway does with it: checks the text, reads, makes the tensor.</summary>
    [Benchmark(OperationsPerInvoke = Floats)]
    public void Gateway()
    {
        var faults = new FaultList();
        using JsonText text = JsonText.Open(_body, faults)!;
        Utf8JsonReader reader = text.CreateReader();
        reader.Read();
        using Tensor? tensor = JsonTensorReader.ReadNested(ref reader, text, _spec, faults);
    }

    /// <summary>The standard reader, into an array that is there.</summary>
    [Benchmark(Baseline = true, OperationsPerInvoke = Floats)]
    public float GetSingle()
    {
        var reader = new Utf8JsonReader(_body);
        reader.Read();
        for (int i = 0; reader.Read() && reader.TokenType == JsonTokenType.Number; i++)
        {
            _floats[i] = reader.GetSingle();
        }

        return _floats[^1];
    }

    private string Write(Random random) => Form switch
    {
        Text.Shortest => random.NextSingle().ToString("R", CultureInfo.InvariantCulture),
        Text.Spaced => (random.NextSingle() - 0.5f).ToString("R", CultureInfo.InvariantCulture),
        Text.Widened => ((double)random.NextSingle()).ToString("R", CultureInfo.InvariantCulture),
        Text.FourDecimals => random.NextSingle().ToString("F4", CultureInfo.InvariantCulture),
        _ => random.Next(256).ToString(CultureInfo.InvariantCulture),
    };
}
