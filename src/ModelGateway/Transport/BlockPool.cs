using System.Buffers;
using System.Collections.Concurrent;

namespace ModelGateway.Transport;

/// <summary>
/// The blocks that connections are read into and written from: larger than the server's own of 4 KiB, of which a body of the size of an image takes
/// hundreds, with as many calls to receive them.
/// </summary>
/// <remarks>
/// Shared by all connections without a lock. A block is held only while a connection has bytes that nobody has read, which may be half a line of a caller
/// who sends no more: beyond <see cref="MostLent"/> there are only blocks of the server's usual size. At most <see cref="MostKept"/> wait for the next
/// connection, and those that nobody needed for a while are let go, half of them at a time. Measured by <c>cache large</c> and <c>suite</c> of the benchmarks.
/// </remarks>
internal sealed class BlockPool : MemoryPool<byte>
{
    /// <summary>Bytes of a block.</summary>
    public const int BlockSize = 64 * 1024;

    /// <summary>Bytes of a block where too many large ones are lent.</summary>
    public const int SmallBlockSize = 4 * 1024;

    /// <summary>Large blocks that are lent at a time, unless more than a small one is asked for.</summary>
    public const int MostLent = 1024;

    /// <summary>Blocks that wait at most; more that come back are left to the garbage collector.</summary>
    public const int MostKept = 512;

    /// <summary>How long a block waits before it may be let go.</summary>
    public static readonly TimeSpan TrimInterval = TimeSpan.FromSeconds(10);

    private readonly ConcurrentQueue<Block> _free = new();
    private readonly ITimer _timer;
    private int _freeCount;
    private int _lentCount;

    // The fewest that were free since the last trim: so many were not needed.
    private int _idle;
    private bool _isDisposed;

    public BlockPool(TimeProvider time) => _timer = time.CreateTimer(static pool => ((BlockPool)pool!).Trim(), this, TrimInterval, TrimInterval);

    /// <inheritdoc/>
    public override int MaxBufferSize => BlockSize;

    /// <summary>Blocks that wait.</summary>
    public int FreeCount => Volatile.Read(ref _freeCount);

    /// <summary>Lends a block; its content is whatever it was.</summary>
    /// <exception cref="ArgumentOutOfRangeException">More than <see cref="BlockSize"/> bytes are asked for.</exception>
    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockSize);
        if (Interlocked.Increment(ref _lentCount) > MostLent && minBufferSize <= SmallBlockSize)
        {
            Interlocked.Decrement(ref _lentCount);
            return new SmallBlock();
        }

        if (!_free.TryDequeue(out Block? block))
        {
            Volatile.Write(ref _idle, 0);
            return new Block(this);
        }

        int left = Interlocked.Decrement(ref _freeCount);
        if (left < Volatile.Read(ref _idle))
        {
            Volatile.Write(ref _idle, left);
        }

        block.Lend();
        return block;
    }

    protected override void Dispose(bool disposing)
    {
        _isDisposed = true;
        _timer.Dispose();
        _free.Clear();
    }

    // Counted before it is there, so that the count is never less than what waits.
    private void Return(Block block)
    {
        Interlocked.Decrement(ref _lentCount);
        if (Interlocked.Increment(ref _freeCount) > MostKept || _isDisposed)
        {
            Interlocked.Decrement(ref _freeCount);
            return;
        }

        _free.Enqueue(block);
    }

    private void Trim()
    {
        for (int surplus = (Volatile.Read(ref _idle) + 1) / 2; surplus > 0 && _free.TryDequeue(out _); surplus--)
        {
            Interlocked.Decrement(ref _freeCount);
        }

        Volatile.Write(ref _idle, FreeCount);
    }

    private sealed class SmallBlock : IMemoryOwner<byte>
    {
        public Memory<byte> Memory { get; } = GC.AllocateUninitializedArray<byte>(SmallBlockSize, pinned: true);

        public void Dispose()
        {
            // Left to the garbage collector.
        }
    }

    private sealed class Block(BlockPool pool) : IMemoryOwner<byte>
    {
        // Pinned for life: the kernel writes into it.
        private readonly Memory<byte> _memory = GC.AllocateUninitializedArray<byte>(BlockSize, pinned: true);
        private int _isLent = 1;

        public Memory<byte> Memory => _memory;

        public void Lend() => Volatile.Write(ref _isLent, 1);

        // Twice would lend it to two connections at once.
        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isLent, 0) == 1)
            {
                pool.Return(this);
            }
        }
    }
}
