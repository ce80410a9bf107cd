using System.Runtime.InteropServices;
using System.Text;

namespace ModelGateway.Serving.Tensors;

/// <summary>
/// A dense tensor in managed memory, row-major. It owns its buffer, unless that is a view: dispose the tensor and the bytes go back to the pool.
/// </summary>
/// <remarks>
/// The bytes are those of the Open Inference Protocol's binary extension, so that binary tensors pass through untouched:
/// <code>
/// BOOL              one byte an element, 0 or 1
/// numbers           little endian, no padding (FP16 and BF16: two bytes)
/// BYTES             each element: length (uint32, little endian), then its bytes
/// </code>
/// </remarks>
public sealed class Tensor : IDisposable
{
    private readonly TensorBuffer _buffer;

    /// <summary>Takes over <paramref name="buffer"/>.</summary>
    /// <param name="type">The element type.</param>
    /// <param name="shape">Dimensions, none negative.</param>
    /// <param name="buffer">Elements in the layout above.</param>
    /// <exception cref="ArgumentException">The shape is not valid, or a fixed-size type does not fill the buffer exactly.</exception>
    public Tensor(TensorType type, long[] shape, TensorBuffer buffer)
    {
        Type = type;
        Shape = shape;
        ElementCount = TensorShape.CountElements(shape);
        _buffer = buffer;
        if (type != TensorType.Bytes && (buffer.Length % type.ElementSize() != 0 || ElementCount != buffer.Length / type.ElementSize()))
        {
            throw new ArgumentException(
                $"{type.Name()} {TensorShape.Format(shape)} needs {ElementCount} elements, the buffer holds {buffer.Length} bytes.");
        }
    }

    /// <summary>The element type.</summary>
    public TensorType Type { get; }

    /// <summary>Dimensions, outermost first; empty for a scalar.</summary>
    public long[] Shape { get; }

    /// <summary>The product of the dimensions: 1 for a scalar, 0 if any dimension is 0.</summary>
    public long ElementCount { get; }

    /// <summary>Its bytes are another's, who has to keep them as long as the tensor is used.</summary>
    public bool IsView => _buffer.IsView;

    /// <summary>The elements' bytes in the layout of the binary extension.</summary>
    public ReadOnlySpan<byte> Data => _buffer.Span;

    /// <summary>The same bytes, for pinning.</summary>
    public Memory<byte> Memory => _buffer.Memory;

    /// <summary>A tensor of fixed-size elements, copied from <paramref name="values"/>.</summary>
    public static Tensor Create<T>(TensorType type, long[] shape, ReadOnlySpan<T> values)
        where T : unmanaged
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(values);
        TensorBuffer buffer = TensorBuffer.Rent(bytes.Length);
        bytes.CopyTo(buffer.Span);
        return new Tensor(type, shape, buffer);
    }

    /// <summary>A BYTES tensor of UTF-8 strings.</summary>
    public static Tensor FromStrings(long[] shape, IReadOnlyCollection<string> values)
    {
        using var writer = new BytesWriter(values.Count * 16);
        foreach (string value in values)
        {
            writer.Append(Encoding.UTF8.GetBytes(value));
        }

        return new Tensor(TensorType.Bytes, shape, writer.Detach());
    }

    /// <summary>The elements of a fixed-size type.</summary>
    public ReadOnlySpan<T> AsSpan<T>()
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(Data);

    /// <summary>The elements of a BYTES tensor, in order.</summary>
    public BytesReader ReadBytes() => new(Data);

    /// <summary>The elements of a BYTES tensor as text; bytes that are not UTF-8 become U+FFFD. For tests and messages.</summary>
    public List<string> ToStrings()
    {
        var strings = new List<string>();
        foreach (ReadOnlySpan<byte> element in ReadBytes())
        {
            strings.Add(Encoding.UTF8.GetString(element));
        }

        return strings;
    }

    /// <summary>Gives the buffer back.</summary>
    public void Dispose() => _buffer.Dispose();
}
