using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Models;

/// <summary>Makes tensors from a fill rule or from scalars in text; used for warm-up and examples, never on the request path.</summary>
public static class TensorFiller
{
    /// <summary>A tensor of made-up elements.</summary>
    /// <exception cref="ArgumentException">The shape is not valid or larger than 1 GiB.</exception>
    public static Tensor Fill(TensorType type, long[] shape, WarmupFill kind)
    {
        int count = CheckedCount(type, shape);
        var random = new Random(20261124);
        return Build(type, shape, count, _ => kind switch
        {
            WarmupFill.Zero => type == TensorType.Bytes ? "" : "0",
            WarmupFill.One => "1",
            _ when type.IsFloat() => random.NextSingle().ToString(CultureInfo.InvariantCulture),
            _ => random.Next(2).ToString(CultureInfo.InvariantCulture),
        });
    }

    /// <summary>A tensor of the scalars given, in row-major order.</summary>
    /// <exception cref="FormatException">A scalar is not of the type, or their number does not fit the shape.</exception>
    public static Tensor Parse(string name, TensorType type, long[] shape, IReadOnlyList<string> scalars)
    {
        int count = CheckedCount(type, shape);
        if (count != scalars.Count)
        {
            throw new FormatException($"'{name}' {TensorShape.Format(shape)} needs {count} elements, but {scalars.Count} are given.");
        }

        try
        {
            return Build(type, shape, count, index => scalars[index]);
        }
        catch (Exception exception) when (exception is FormatException or OverflowException)
        {
            throw new FormatException($"An element of '{name}' is not a {type.Name()}.", exception);
        }
    }

    private static int CheckedCount(TensorType type, long[] shape)
    {
        // A made-up string takes its length prefix and a digit.
        const long Largest = 1L << 30;
        int size = type == TensorType.Bytes ? 8 : type.ElementSize();
        return TensorShape.TryCountElements(shape, out long count) && count <= Largest / size
            ? (int)count
            : throw new ArgumentException($"{TensorShape.Format(shape)} is not a shape that can be made up.");
    }

    private static Tensor Build(TensorType type, long[] shape, int count, Func<int, string> scalar)
    {
        if (type == TensorType.Bytes)
        {
            using var writer = new BytesWriter(count * 8);
            for (int i = 0; i < count; i++)
            {
                writer.Append(Encoding.UTF8.GetBytes(scalar(i)));
            }

            return new Tensor(type, shape, writer.Detach());
        }

        int size = type.ElementSize();
        TensorBuffer buffer = TensorBuffer.Rent(count * size);
        try
        {
            for (int i = 0; i < count; i++)
            {
                WriteScalar(type, scalar(i), buffer.Span.Slice(i * size, size));
            }

            return new Tensor(type, shape, buffer);
        }
        catch
        {
            buffer.Dispose();
            throw;
        }
    }

    private static void WriteScalar(TensorType type, string text, Span<byte> to)
    {
        // Float, not the default style, which skips commas: a "1,5" must not become 15.
        CultureInfo culture = CultureInfo.InvariantCulture;
        switch (type)
        {
            case TensorType.Bool:
                to[0] = text is "1" or "true" or "True" ? (byte)1 : text is "0" or "false" or "False" ? (byte)0 : throw new FormatException();
                break;
            case TensorType.UInt8:
                to[0] = byte.Parse(text, culture);
                break;
            case TensorType.Int8:
                to[0] = (byte)sbyte.Parse(text, culture);
                break;
            case TensorType.UInt16:
                BinaryPrimitives.WriteUInt16LittleEndian(to, ushort.Parse(text, culture));
                break;
            case TensorType.Int16:
                BinaryPrimitives.WriteInt16LittleEndian(to, short.Parse(text, culture));
                break;
            case TensorType.UInt32:
                BinaryPrimitives.WriteUInt32LittleEndian(to, uint.Parse(text, culture));
                break;
            case TensorType.Int32:
                BinaryPrimitives.WriteInt32LittleEndian(to, int.Parse(text, culture));
                break;
            case TensorType.UInt64:
                BinaryPrimitives.WriteUInt64LittleEndian(to, ulong.Parse(text, culture));
                break;
            case TensorType.Int64:
                BinaryPrimitives.WriteInt64LittleEndian(to, long.Parse(text, culture));
                break;
            case TensorType.Fp16:
                BinaryPrimitives.WriteHalfLittleEndian(to, Half.Parse(text, NumberStyles.Float, culture));
                break;
            case TensorType.Bf16:
                BinaryPrimitives.WriteUInt16LittleEndian(to, BFloat16Bits.FromDouble(double.Parse(text, NumberStyles.Float, culture)));
                break;
            case TensorType.Fp32:
                BinaryPrimitives.WriteSingleLittleEndian(to, float.Parse(text, NumberStyles.Float, culture));
                break;
            default:
                BinaryPrimitives.WriteDoubleLittleEndian(to, double.Parse(text, NumberStyles.Float, culture));
                break;
        }
    }
}
