using System.Buffers;
using System.Collections.Concurrent;
using ModelGateway.Serving.Diagnostics;

namespace ModelGateway.Transport;

/// <summary>
/// The blocks that connections are read into and written from: larger than the server's own of 4 KiB, of which a body of the size of an image takes
/// hundreds, with as many calls to receive them.
/// </summary>
/// <remarks>
/// Shared by all connections without a lock. Each core keeps the few blocks that it gave back last for itself and takes them first: they are in its cache, and no
/// other core waits for them. A block is held only while a connection has bytes that nobody has read, which may be half a line of a caller
/// who sends no more: beyond <see cref="MostMade"/> there are only blocks of the server's usual size. At most <see cref="MostKept"/> wait for the next
/// connection, and those that nobody needed for a while are let go, half of them at a time. Measured by <c>cache large</c> and <c>suite</c> of the benchmarks.
/// </remarks>
internal sealed class BlockPool : MemoryPool<byte>
{
    /// <summary>Bytes of a block.</summary>
    public const int BlockSize = 64 * 1024;

    /// <summary>Bytes of a block where too many large ones are lent.</summary>
    public const int SmallBlockSize = 4 * 1024;

    /// <summary>Large blocks that there are at a time, unless more than a small one is asked for.</summary>
    public const int MostMade = 1024;

    /// <summary>Blocks that wait at most; more that come back are left to the garbage collector.</summary>
    public const int MostKept = 512;

    /// <summary>How long a block waits before it may be let go.</summary>
    public static readonly TimeSpan TrimInterval = TimeSpan.FromSeconds(10);

    // What a request takes at a time: one block for what comes, one for what goes.
    private const int KeptByACore = 4;

    // In references: two cache lines.
    private const int Stride = 16;
    private static readonly CoreStripes Cores = new(16);

    private readonly Block?[] _byCore = new Block?[(Cores.Count + 2) * Stride];
    private readonly ConcurrentQueue<Block> _free = new();
    private readonly ITimer _timer;
    private int _freeCount;
    private int _madeCount;

    // The fewest that were free since the last trim, besides those of the cores: so many were not needed.
    private int _idle;
    private bool _isDisposed;

    public BlockPool(TimeProvider time) => _timer = time.CreateTimer(static pool => ((BlockPool)pool!).Trim(), this, TrimInterval, TrimInterval);

    /// <inheritdoc/>
    public override int MaxBufferSize => BlockSize;

    /// <summary>Blocks that wait.</summary>
    public int FreeCount => Volatile.Read(ref _freeCount) + _byCore.Count(static block => block is not null);

    /// <summary>Lends a block; its content is whatever it was.</summary>
    /// <exception cref="ArgumentOutOfRangeException">More than <see cref="BlockSize"/> bytes are asked for.</exception>
    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockSize);
        if ((TakeFrom(Mine) ?? TakeShared() ?? TakeFromOthers()) is { } block)
        {
            block.Lend();
            return block;
        }

        if (Interlocked.Increment(ref _madeCount) > MostMade && minBufferSize <= SmallBlockSize)
        {
            Interlocked.Decrement(ref _madeCount);
            return new SmallBlock();
        }

        return new Block(this);
    }

    protected override void Dispose(bool disposing)
    {
        _isDisposed = true;
        _timer.Dispose();
        _free.Clear();
    }

    private Span<Block?> Mine => Of(Cores.Mine);

    private Span<Block?> Of(int core) => _byCore.AsSpan((core + 1) * Stride, KeptByACore);

    private static Block? TakeFrom(Span<Block?> places)
    {
        foreach (ref Block? place in places)
        {
            if (Volatile.Read(ref place) is not null && Interlocked.Exchange(ref place, null) is { } block)
            {
                return block;
            }
        }

        return null;
    }

    private Block? TakeShared()
    {
        if (!_free.TryDequeue(out Block? block))
        {
            Volatile.Write(ref _idle, 0);
            return null;
        }

        int left = Interlocked.Decrement(ref _freeCount);
        if (left < Volatile.Read(ref _idle))
        {
            Volatile.Write(ref _idle, left);
        }

        return block;
    }

    private Block? TakeFromOthers()
    {
        for (int core = 0; core < Cores.Count; core++)
        {
            if (TakeFrom(Of(core)) is { } block)
            {
                return block;
            }
        }

        return null;
    }

    private void Return(Block block)
    {
        foreach (ref Block? place in _isDisposed ? [] : Mine)
        {
            if (Volatile.Read(ref place) is null && Interlocked.CompareExchange(ref place, block, null) is null)
            {
                return;
            }
        }

        if (Volatile.Read(ref _freeCount) >= MostKept || _isDisposed)
        {
            Interlocked.Decrement(ref _madeCount);
            return;
        }

        Share(block);
    }

    // Counted before it is there, so that the count is never less than what waits.
    private void Share(Block block)
    {
        Interlocked.Increment(ref _freeCount);
        _free.Enqueue(block);
    }

    private void Trim()
    {
        for (int surplus = (Volatile.Read(ref _idle) + 1) / 2; surplus > 0 && _free.TryDequeue(out _); surplus--)
        {
            Interlocked.Decrement(ref _freeCount);
            Interlocked.Decrement(ref _madeCount);
        }

        // What a core keeps shows by this whether it is needed: then it is taken back until the next trim.
        for (int i = KeptByACore * Cores.Count; i > 0 && TakeFromOthers() is { } block; i--)
        {
            Share(block);
        }

        Volatile.Write(ref _idle, Volatile.Read(ref _freeCount));
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
