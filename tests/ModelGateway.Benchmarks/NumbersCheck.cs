using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using ModelGateway.Protocols.Json;
using ModelGateway.Protocols.Json.Numbers;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;
using ModelGateway.TestKit.Json;

namespace ModelGateway.Benchmarks;

/// <summary>
/// Not a measurement but a proof by numbers: millions of literals, everyday and hostile, are read to each float type as .NET's own
/// parser reads them, and millions of random bits are written as text that reads back.
/// </summary>
internal static class NumbersCheck
{
    private const int Batch = 20_000;
    private static readonly TensorType[] FloatTypes = [TensorType.Fp32, TensorType.Fp64, TensorType.Fp16, TensorType.Bf16];

    /// <summary>Checks as many millions as the argument says, ten unless there is one; 1 if any number was wrong.</summary>
    public static int Run(string[] args)
    {
        int batches = (args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 10) * 1_000_000 / Batch;
        long wrong = 0;
        for (int i = 0; i < batches; i++)
        {
            string[] texts = [.. JsonLiterals.Floats(Batch / 2, seed: i).Concat(JsonLiterals.Everyday(Batch / 2, seed: i))];
            wrong += FloatTypes.Sum(type => CheckReading(type, texts)) + CheckWriting(new Random(i));
            if (i % 50 == 49)
            {
                Console.WriteLine($"{(i + 1L) * Batch:N0} literals read as each of {FloatTypes.Length} types, as many floats and doubles written: {wrong} wrong");
            }
        }

        return wrong == 0 ? 0 : 1;
    }

    private static long CheckReading(TensorType type, string[] texts)
    {
        var finite = new List<string>(texts.Length);
        var expected = new List<byte>(texts.Length * sizeof(double));
        Span<byte> bytes = stackalloc byte[type.ElementSize()];
        foreach (string literal in texts)
        {
            if (TryParse(type, literal, bytes))
            {
                finite.Add(literal);
                expected.AddRange(bytes);
            }
        }

        using JsonText text = JsonText.Open(Encoding.ASCII.GetBytes($"[{string.Join(',', finite)}]"), new FaultList())!;
        using var elements = new JsonElementStore();
        elements.Begin(text, type, -1);
        var shape = new NestedShape();
        int at = 0;
        if (!JsonArrayReader.TryRead(text.Original, ref at, JsonText.MaxDepth, ref shape, elements))
        {
            Console.WriteLine($"{type}: the array was refused behind {elements.Count} elements");
            return finite.Count;
        }

        using TensorBuffer read = elements.Detach();
        long wrong = 0;
        for (int i = 0; i < finite.Count; i++)
        {
            Range place = (i * bytes.Length)..((i + 1) * bytes.Length);
            if (!read.Span[place].SequenceEqual(CollectionsMarshal.AsSpan(expected)[place]))
            {
                Console.WriteLine($"{type}: {finite[i]} was read as {Convert.ToHexString(read.Span[place])}");
                wrong++;
            }
        }

        return wrong;
    }

    // .NET has no parser for bfloat16; the plain one of the gateway is held against whole numbers in its own tests.
    private static bool TryParse(TensorType type, string literal, Span<byte> to)
    {
        CultureInfo culture = CultureInfo.InvariantCulture;
        switch (type)
        {
            case TensorType.Fp32:
                float single = float.Parse(literal, culture);
                MemoryMarshal.Write(to, single);
                return float.IsFinite(single);
            case TensorType.Fp64:
                double wide = double.Parse(literal, culture);
                MemoryMarshal.Write(to, wide);
                return double.IsFinite(wide);
            case TensorType.Fp16:
                Half half = Half.Parse(literal, culture);
                MemoryMarshal.Write(to, half);
                return Half.IsFinite(half);
            default:
                return JsonScalars.ReadNumber(Encoding.ASCII.GetBytes(literal), type, to) == JsonScalarFault.None;
        }
    }

    private static long CheckWriting(Random random)
    {
        float[] singles = [.. Enumerable.Range(0, Batch).Select(_ => BitConverter.Int32BitsToSingle(random.Next(1, 0x7F80_0000)))];
        double[] wides = [.. Enumerable.Range(0, Batch).Select(_ => BitConverter.Int64BitsToDouble(random.NextInt64(1, 0x7FF0_0000_0000_0000)))];
        using Tensor ofSingles = Tensor.Create<float>(TensorType.Fp32, [Batch], singles);
        using Tensor ofWides = Tensor.Create<double>(TensorType.Fp64, [Batch], wides);
        return CountWrong(ofSingles, singles.Select(value => value.ToString("R", CultureInfo.InvariantCulture)))
            + CountWrong(ofWides, wides.Select(value => value.ToString("R", CultureInfo.InvariantCulture)));
    }

    private static long CountWrong(Tensor tensor, IEnumerable<string> expected)
    {
        var buffer = new ArrayBufferWriter<byte>();
        var output = new JsonOutput(buffer);
        JsonTensorWriter.TryWriteFlat(ref output, tensor, NonFiniteStyle.Bare);
        output.Flush();
        long wrong = 0;
        foreach ((string text, string known) in Encoding.ASCII.GetString(buffer.WrittenSpan[1..^1]).Split(',').Zip(expected))
        {
            if (text != known)
            {
                Console.WriteLine($"{known} was written as {text}");
                wrong++;
            }
        }

        return wrong;
    }
}
