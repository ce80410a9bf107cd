using System.Buffers;

namespace ModelGateway.Caching.Memcached;

/// <summary>A pooled array of just the length that was asked for; back in the pool when disposed, once.</summary>
internal sealed class LeasedBytes(int length) : IMemoryOwner<byte>
{
    private byte[]? _array = ArrayPool<byte>.Shared.Rent(length);

    public Memory<byte> Memory => (_array ?? throw new ObjectDisposedException(nameof(LeasedBytes))).AsMemory(0, length);

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _array, null) is { } array)
        {
            ArrayPool<byte>.Shared.Return(array);
        }
    }
}
