using System.Buffers;

namespace ModelGateway.Platforms.Bodies;

/// <summary>Text that grows in pooled memory. Dispose it after the last look at <see cref="Written"/>.</summary>
internal sealed class PooledText(int firstSize) : IBufferWriter<byte>, IDisposable
{
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(Math.Max(firstSize, 256));
    private int _used;

    /// <summary>What was written.</summary>
    public ReadOnlyMemory<byte> Written => _buffer.AsMemory(0, _used);

    /// <summary>Its bytes.</summary>
    public int Length => _used;

    public void Advance(int count) => _used += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        MakeRoom(sizeHint);
        return _buffer.AsMemory(_used);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        MakeRoom(sizeHint);
        return _buffer.AsSpan(_used);
    }

    public void Dispose()
    {
        if (_buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
            _used = 0;
        }
    }

    private void MakeRoom(int size)
    {
        size = Math.Max(size, 1);
        if (_buffer.Length - _used >= size)
        {
            return;
        }

        long wanted = Math.Max(_used + (long)size, _buffer.Length * 2L);
        byte[] larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(wanted, Array.MaxLength));
        if (larger.Length - _used < size)
        {
            ArrayPool<byte>.Shared.Return(larger);
            throw new InvalidOperationException("The text is longer than an array can be.");
        }

        _buffer.AsSpan(0, _used).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }
}
