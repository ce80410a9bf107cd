using System.Buffers;

namespace ModelGateway.Serving.Tensors;

/// <summary>
/// Pooled bytes with one owner: who holds the buffer disposes it, once, and nobody reads it afterwards.
/// Not thread-safe: a buffer is passed along the request, never shared. A view (<see cref="View"/>) is the exception: it owns nothing,
/// disposing it does nothing, and any number of threads may read it.
/// </summary>
public sealed class TensorBuffer : IDisposable
{
    private readonly int _start;
    private readonly bool _isView;
    private byte[]? _array;

    private TensorBuffer(byte[] array, int start, int length, bool isView)
    {
        _array = array;
        _start = start;
        _isView = isView;
        Length = length;
    }

    /// <summary>Bytes in use; the pooled array behind may be longer.</summary>
    public int Length { get; private set; }

    /// <summary>The bytes in use.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was given back.</exception>
    public Span<byte> Span => Array.AsSpan(_start, Length);

    /// <summary>The bytes in use, for callers that pin them for a native run.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was given back.</exception>
    public Memory<byte> Memory => Array.AsMemory(_start, Length);

    private byte[] Array => _array ?? throw new ObjectDisposedException(nameof(TensorBuffer));

    /// <summary>A buffer of <paramref name="length"/> bytes whose content is undefined.</summary>
    public static TensorBuffer Rent(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        return new TensorBuffer(ArrayPool<byte>.Shared.Rent(length), 0, length, isView: false);
    }

    /// <summary>A part of an array that is not pooled and does not change any more.</summary>
    public static TensorBuffer View(byte[] array, int start, int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)start, (uint)array.Length, nameof(start));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)length, (uint)(array.Length - start), nameof(length));
        return new TensorBuffer(array, start, length, isView: true);
    }

    /// <summary>Changes the length and keeps the bytes that remain; grows by at least a half, so that appending is linear.</summary>
    public void Resize(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if (_isView)
        {
            throw new InvalidOperationException("A view has the length that it was made with.");
        }

        byte[] array = Array;
        if (length > array.Length)
        {
            int capacity = (int)Math.Min(System.Array.MaxLength, Math.Max(length, array.Length + (array.Length / 2L)));
            byte[] larger = ArrayPool<byte>.Shared.Rent(capacity);
            array.AsSpan(0, Length).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(array);
            _array = larger;
        }

        Length = length;
    }

    /// <summary>Gives the bytes back to the pool. A second call does nothing.</summary>
    public void Dispose()
    {
        if (!_isView && _array is { } array)
        {
            _array = null;
            ArrayPool<byte>.Shared.Return(array);
        }
    }
}
