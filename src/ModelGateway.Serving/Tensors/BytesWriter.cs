using System.Buffers.Binary;

namespace ModelGateway.Serving.Tensors;

/// <summary>Collects the elements of a BYTES tensor in the binary extension's layout. Dispose it unless the buffer was detached.</summary>
public sealed class BytesWriter : IDisposable
{
    private TensorBuffer? _buffer;
    private int _used;

    /// <summary>Starts with room for <paramref name="capacity"/> bytes.</summary>
    public BytesWriter(int capacity) => _buffer = TensorBuffer.Rent(Math.Max(capacity, 64));

    /// <summary>Elements appended so far.</summary>
    public int Count { get; private set; }

    /// <summary>Appends one element.</summary>
    public void Append(ReadOnlySpan<byte> element) => element.CopyTo(Append(element.Length));

    /// <summary>Appends one element of <paramref name="length"/> bytes and returns the place to write them to, at once.</summary>
    public Span<byte> Append(int length)
    {
        TensorBuffer buffer = _buffer ?? throw new ObjectDisposedException(nameof(BytesWriter));
        int start = _used;
        int end = checked(start + sizeof(uint) + length);
        if (end > buffer.Length)
        {
            buffer.Resize((int)Math.Min(Array.MaxLength, Math.Max(end, buffer.Length * 2L)));
        }

        BinaryPrimitives.WriteUInt32LittleEndian(buffer.Span[start..], (uint)length);
        _used = end;
        Count++;
        return buffer.Span.Slice(start + sizeof(uint), length);
    }

    /// <summary>Hands the buffer to the caller, cut to its used length; the writer is empty afterwards.</summary>
    public TensorBuffer Detach()
    {
        TensorBuffer buffer = _buffer ?? throw new ObjectDisposedException(nameof(BytesWriter));
        buffer.Resize(_used);
        _buffer = null;
        return buffer;
    }

    /// <summary>Gives back what was not detached.</summary>
    public void Dispose()
    {
        _buffer?.Dispose();
        _buffer = null;
    }
}
