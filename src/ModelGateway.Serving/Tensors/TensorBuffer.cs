using System.Buffers;

namespace ModelGateway.Serving.Tensors;

/// <summary>
/// Pooled bytes with one owner: who holds the buffer disposes it, once, and nobody reads it afterwards.
/// Not thread-safe: a buffer is passed along the request, never shared. A view (<see cref="View"/>) is the exception: it owns nothing,
/// disposing it does nothing, and any number of threads may read it.
/// </summary>
public sealed class TensorBuffer : IDisposable
{
    /// <summary>Every buffer begins at a multiple of so many bytes, as arrays do, unless another start was asked for.</summary>
    public const int Alignment = 8;

    private readonly int _start;
    private byte[]? _array;

    private TensorBuffer(byte[] array, int start, int length, bool isView)
    {
        _array = array;
        _start = start;
        IsView = isView;
        Length = length;
    }

    /// <summary>Bytes in use; the pooled array behind may be longer.</summary>
    public int Length { get; private set; }

    /// <summary>The bytes belong to another buffer, or to nobody.</summary>
    public bool IsView { get; }

    /// <summary>The bytes in use.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was given back.</exception>
    public Span<byte> Span => Array.AsSpan(_start, Length);

    /// <summary>The bytes in use, for callers that pin them for a native run.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was given back.</exception>
    public Memory<byte> Memory => Array.AsMemory(_start, Length);

    private byte[] Array => _array ?? throw new ObjectDisposedException(nameof(TensorBuffer));

    /// <summary>A buffer whose content is undefined.</summary>
    /// <param name="length">Bytes.</param>
    /// <param name="start">Where it begins, in bytes from an aligned address: 3 lets its byte 5 be aligned.</param>
    public static TensorBuffer Rent(int length, int start = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)start, (uint)Alignment, nameof(start));
        return new TensorBuffer(ArrayPool<byte>.Shared.Rent(start + length), start, length, isView: false);
    }

    /// <summary>A part of an array that does not change, nor goes back to a pool, as long as anybody looks at the view.</summary>
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
        if (IsView)
        {
            throw new InvalidOperationException("A view has the length that it was made with.");
        }

        byte[] array = Array;
        if (length > array.Length - _start)
        {
            int capacity = (int)Math.Min(System.Array.MaxLength, Math.Max((long)_start + length, array.Length + (array.Length / 2L)));
            byte[] larger = ArrayPool<byte>.Shared.Rent(capacity);
            array.AsSpan(_start, Length).CopyTo(larger.AsSpan(_start));
            ArrayPool<byte>.Shared.Return(array);
            _array = larger;
        }

        Length = length;
    }

    /// <summary>Hands the bytes on: the new buffer owns them, and this one is as if it had been disposed.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was given back.</exception>
    public TensorBuffer Detach()
    {
        var heir = new TensorBuffer(Array, _start, Length, IsView);
        _array = null;
        return heir;
    }

    /// <summary>Gives the bytes back to the pool. A second call does nothing.</summary>
    public void Dispose()
    {
        if (!IsView && _array is { } array)
        {
            _array = null;
            ArrayPool<byte>.Shared.Return(array);
        }
    }
}
