using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using BenchmarkDotNet.Attributes;
using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Benchmarks.Micro;

/// <summary>
/// A picture of 1x3x224x224 floats in JSON (1.6 MB) that came in 25 blocks: how long putting them into one buffer takes, which is all that a reader of
/// separate blocks could spare, beside reading the numbers from there.
/// </summary>
public class JoinBenchmark
{
    private const int BlockSize = 64 * 1024;
    private static readonly TensorSpec Spec = new("x", TensorType.Fp32, [150_528]);
    private byte[] _body = [];
    private ReadOnlySequence<byte> _blocks;

    /// <summary>Makes the body, whole and in blocks.</summary>
    [GlobalSetup]
    public void MakeBody()
    {
        var random = new Random(5);
        _body = Encoding.UTF8.GetBytes($"[{string.Join(',', Enumerable.Range(0, 150_528).Select(_ => random.NextSingle().ToString("R", CultureInfo.InvariantCulture)))}]");
        var first = new Block(_body.AsSpan(0, BlockSize).ToArray(), null);
        Block last = first;
        for (int start = BlockSize; start < _body.Length; start += BlockSize)
        {
            last = new Block(_body.AsSpan(start, Math.Min(BlockSize, _body.Length - start)).ToArray(), last);
        }

        _blocks = new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    /// <summary>All blocks into one pooled buffer.</summary>
    [Benchmark]
    public int Join()
    {
        using TensorBuffer buffer = TensorBuffer.Rent((int)_blocks.Length);
        _blocks.CopyTo(buffer.Span);
        return buffer.Length;
    }

    /// <summary>From the text to the tensor.</summary>
    [Benchmark(Baseline = true)]
    public void Read()
    {
        var faults = new FaultList();
        using JsonText text = JsonText.Open(_body, faults)!;
        Utf8JsonReader reader = text.CreateReader();
        reader.Read();
        using Tensor? tensor = JsonTensorReader.ReadNested(ref reader, text, Spec, faults);
    }

    private sealed class Block : ReadOnlySequenceSegment<byte>
    {
        public Block(byte[] bytes, Block? before)
        {
            Memory = bytes;
            RunningIndex = before is null ? 0 : before.RunningIndex + before.Memory.Length;
            before?.Next = this;
        }
    }
}
