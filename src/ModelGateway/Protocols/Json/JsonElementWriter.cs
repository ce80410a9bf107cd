using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.Unicode;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.Json;

/// <summary>Writes the elements of one tensor one after the other, a row at a time. A mutable struct: pass it by reference.</summary>
internal ref struct JsonElementWriter
{
    // An element and its comma.
    private const int Most = JsonNumbers.Longest + 1;
    private readonly TensorType _type;
    private readonly NonFiniteStyle _style;
    private ReadOnlySpan<byte> _numbers;
    private BytesReader _strings;

    public JsonElementWriter(Tensor tensor, NonFiniteStyle style)
    {
        _type = tensor.Type;
        _style = style;
        _numbers = tensor.Data;
        _strings = tensor.ReadBytes();
    }

    /// <summary>Writes the next <paramref name="count"/> elements with commas between them.</summary>
    public void Write(ref JsonOutput output, int count)
    {
        switch (_type)
        {
            case TensorType.Bool:
                WriteNumbers<byte, JsonNumbers.Boolean>(ref output, count);
                break;
            case TensorType.UInt8:
                WriteNumbers<byte, JsonNumbers.Integer<byte>>(ref output, count);
                break;
            case TensorType.UInt16:
                WriteNumbers<ushort, JsonNumbers.Integer<ushort>>(ref output, count);
                break;
            case TensorType.UInt32:
                WriteNumbers<uint, JsonNumbers.Integer<uint>>(ref output, count);
                break;
            case TensorType.UInt64:
                WriteNumbers<ulong, JsonNumbers.Integer<ulong>>(ref output, count);
                break;
            case TensorType.Int8:
                WriteNumbers<sbyte, JsonNumbers.Integer<sbyte>>(ref output, count);
                break;
            case TensorType.Int16:
                WriteNumbers<short, JsonNumbers.Integer<short>>(ref output, count);
                break;
            case TensorType.Int32:
                WriteNumbers<int, JsonNumbers.Integer<int>>(ref output, count);
                break;
            case TensorType.Int64:
                WriteNumbers<long, JsonNumbers.Integer<long>>(ref output, count);
                break;
            case TensorType.Fp16:
                WriteFloats<Half, JsonNumbers.HalfFloat>(ref output, count);
                break;
            case TensorType.Bf16:
                WriteFloats<ushort, JsonNumbers.BFloat16>(ref output, count);
                break;
            case TensorType.Fp32:
                WriteFloats<float, JsonNumbers.Single>(ref output, count);
                break;
            case TensorType.Fp64:
                WriteFloats<double, JsonNumbers.Double>(ref output, count);
                break;
            default:
                WriteStrings(ref output, count);
                break;
        }
    }

    private void WriteNumbers<T, TFormat>(ref JsonOutput output, int count)
        where T : unmanaged
        where TFormat : IJsonNumber<T>
    {
        int bytes = count * Unsafe.SizeOf<T>();
        ReadOnlySpan<T> values = MemoryMarshal.Cast<byte, T>(_numbers[..bytes]);
        _numbers = _numbers[bytes..];
        for (int i = 0; i < values.Length;)
        {
            // As many as surely have room in the writer's block.
            Span<byte> to = output.Reserve(Most);
            int used = 0;
            for (; i < values.Length && used <= to.Length - Most; i++)
            {
                to[used] = (byte)',';
                used += i == 0 ? 0 : 1;
                used += TFormat.Format(values[i], to[used..], _style);
            }

            output.Advance(used);
        }
    }

    // Some at a time: first all their digits, then all their texts, so that the processor has several under way in either.
    private void WriteFloats<T, TFormat>(ref JsonOutput output, int count)
        where T : unmanaged
        where TFormat : IJsonFloat<T>
    {
        Span<ulong> digits = stackalloc ulong[JsonNumbers.FloatsAtOnce];
        Span<int> exponents = stackalloc int[JsonNumbers.FloatsAtOnce];
        int bytes = count * Unsafe.SizeOf<T>();
        ReadOnlySpan<T> values = MemoryMarshal.Cast<byte, T>(_numbers[..bytes]);
        _numbers = _numbers[bytes..];
        for (int start = 0; start < values.Length; start += JsonNumbers.FloatsAtOnce)
        {
            ReadOnlySpan<T> some = values[start..Math.Min(values.Length, start + JsonNumbers.FloatsAtOnce)];
            TFormat.Shorten(some, digits, exponents);
            Span<byte> to = output.Reserve(Most * some.Length);
            int used = 0;
            for (int i = 0; i < some.Length; i++)
            {
                to[used] = (byte)',';
                used += start + i == 0 ? 0 : 1;
                used += TFormat.Format(some[i], digits[i], exponents[i], to[used..], _style);
            }

            output.Advance(used);
        }
    }

    private void WriteStrings(ref JsonOutput output, int count)
    {
        for (int i = 0; i < count && _strings.MoveNext(); i++)
        {
            if (i > 0)
            {
                output.Write((byte)',');
            }

            if (Utf8.IsValid(_strings.Current))
            {
                JsonStringWriter.Write(ref output, _strings.Current);
            }
            else
            {
                JsonStringWriter.WriteBase64(ref output, _strings.Current);
            }
        }
    }
}
