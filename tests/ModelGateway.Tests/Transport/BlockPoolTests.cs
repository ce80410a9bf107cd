using System.Buffers;
using Microsoft.Extensions.Time.Testing;
using ModelGateway.Transport;
using Xunit;

namespace ModelGateway.Tests.Transport;

/// <summary>Blocks that connections borrow.</summary>
public sealed class BlockPoolTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly BlockPool _pool;

    public BlockPoolTests() => _pool = new BlockPool(_time);

    public void Dispose() => _pool.Dispose();

    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(4096)]
    [InlineData(BlockPool.BlockSize)]
    public void Rent_AnySize_IsAWholeBlock(int size)
    {
        using IMemoryOwner<byte> block = _pool.Rent(size);

        Assert.Equal(BlockPool.BlockSize, block.Memory.Length);
    }

    [Fact]
    public void Rent_MoreThanABlock_IsRefused() => Assert.Throws<ArgumentOutOfRangeException>(() => _pool.Rent(BlockPool.BlockSize + 1));

    [Fact]
    public void Dispose_Twice_GivesItBackOnce()
    {
        IMemoryOwner<byte> block = _pool.Rent();
        block.Dispose();
        block.Dispose();

        Assert.Equal(1, _pool.FreeCount);
        using IMemoryOwner<byte> one = _pool.Rent();
        using IMemoryOwner<byte> other = _pool.Rent();
        Assert.Same(block, one);
        Assert.NotSame(one, other);
    }

    [Fact]
    public void Return_MoreThanAreKept_LeavesTheRestToTheCollector()
    {
        const int ByCores = 16 * 4;
        List<IMemoryOwner<byte>> blocks = [.. Enumerable.Range(0, BlockPool.MostKept + ByCores + 3).Select(_ => _pool.Rent())];
        blocks.ForEach(block => block.Dispose());

        Assert.InRange(_pool.FreeCount, BlockPool.MostKept, BlockPool.MostKept + ByCores);
    }

    [Fact]
    public void Rent_ManyAreHeld_TheRestAreSmallUntilSomeComeBack()
    {
        List<IMemoryOwner<byte>> held = [.. Enumerable.Range(0, BlockPool.MostMade).Select(_ => _pool.Rent(1))];
        Assert.All(held, block => Assert.Equal(BlockPool.BlockSize, block.Memory.Length));

        using (IMemoryOwner<byte> small = _pool.Rent(BlockPool.SmallBlockSize))
        using (IMemoryOwner<byte> large = _pool.Rent(BlockPool.SmallBlockSize + 1))
        {
            Assert.Equal(BlockPool.SmallBlockSize, small.Memory.Length);
            Assert.Equal(BlockPool.BlockSize, large.Memory.Length);
        }

        held[0].Dispose();
        using IMemoryOwner<byte> again = _pool.Rent();
        Assert.Equal(BlockPool.BlockSize, again.Memory.Length);
    }

    [Fact]
    public void Trim_BlocksThatNobodyNeeded_AreLetGoByHalves()
    {
        List<IMemoryOwner<byte>> blocks = [.. Enumerable.Range(0, 8).Select(_ => _pool.Rent())];
        blocks.ForEach(block => block.Dispose());
        _time.Advance(BlockPool.TrimInterval);
        Assert.Equal(8, _pool.FreeCount);

        _time.Advance(BlockPool.TrimInterval);
        Assert.Equal(4, _pool.FreeCount);
        for (int i = 0; i < 3; i++)
        {
            _time.Advance(BlockPool.TrimInterval);
        }

        Assert.Equal(0, _pool.FreeCount);
    }

    [Fact]
    public void Trim_BlocksThatAreUsedAllTheTime_Stay()
    {
        List<IMemoryOwner<byte>> blocks = [.. Enumerable.Range(0, 8).Select(_ => _pool.Rent())];
        blocks.ForEach(block => block.Dispose());
        for (int i = 0; i < 5; i++)
        {
            _time.Advance(BlockPool.TrimInterval);
            blocks = [.. Enumerable.Range(0, 8).Select(_ => _pool.Rent())];
            blocks.ForEach(block => block.Dispose());
        }

        Assert.Equal(8, _pool.FreeCount);
    }

    [Fact]
    public async Task Rent_FromManyThreads_NeverLendsABlockTwice()
    {
        await Task.WhenAll(Enumerable.Range(0, 4).Select(thread => Task.Run(() =>
        {
            for (int i = 0; i < 20_000; i++)
            {
                using IMemoryOwner<byte> block = _pool.Rent();
                block.Memory.Span[0] = (byte)thread;
                Thread.SpinWait(10);
                Assert.Equal(thread, block.Memory.Span[0]);
            }
        })));
    }
}
