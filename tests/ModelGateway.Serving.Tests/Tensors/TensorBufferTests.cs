using System.Runtime.InteropServices;
using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Serving.Tests.Tensors;

public sealed class TensorBufferTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(17)]
    [InlineData(100_000)]
    [InlineData(3_000_000)]
    public void Rent_AnyLength_ShowsExactlyThatManyBytes(int length)
    {
        using TensorBuffer buffer = TensorBuffer.Rent(length);
        Assert.Equal(length, buffer.Length);
        Assert.Equal(length, buffer.Span.Length);
        Assert.Equal(length, buffer.Memory.Length);
    }

    [Fact]
    public void Rent_NegativeLength_IsRefused() => Assert.Throws<ArgumentOutOfRangeException>(() => TensorBuffer.Rent(-1));

    [Fact]
    public void Memory_AndSpan_AreTheSameBytes()
    {
        using TensorBuffer buffer = TensorBuffer.Rent(4);
        buffer.Span.Clear();
        buffer.Memory.Span[2] = 7;
        Assert.Equal([0, 0, 7, 0], buffer.Span.ToArray());
    }

    [Theory]
    [InlineData(10, 5)]
    [InlineData(10, 10)]
    [InlineData(10, 16)]
    [InlineData(10, 17)]
    [InlineData(16, 100_000)]
    [InlineData(0, 3)]
    [InlineData(10, 0)]
    public void Resize_ShorterOrLonger_KeepsTheBytesThatRemain(int from, int to)
    {
        using TensorBuffer buffer = TensorBuffer.Rent(from);
        byte[] content = [.. Enumerable.Range(1, from).Select(i => (byte)i)];
        content.CopyTo(buffer.Span);

        buffer.Resize(to);

        Assert.Equal(to, buffer.Length);
        Assert.Equal(to, buffer.Memory.Length);
        Assert.Equal(content.Take(to), buffer.Span[..Math.Min(from, to)].ToArray());
    }

    [Fact]
    public void Resize_NegativeLength_IsRefusedAndChangesNothing()
    {
        using TensorBuffer buffer = TensorBuffer.Rent(3);
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Resize(-1));
        Assert.Equal(3, buffer.Length);
    }

    // One at a time up to a million: copying all of it at each step would take half a terabyte of copying.
    [Fact]
    public void Resize_ByteByByte_StaysLinear()
    {
        using TensorBuffer buffer = TensorBuffer.Rent(0);
        for (int length = 1; length <= 1_000_000; length++)
        {
            buffer.Resize(length);
            buffer.Span[length - 1] = (byte)length;
        }

        for (int i = 0; i < buffer.Length; i += 997)
        {
            Assert.Equal((byte)(i + 1), buffer.Span[i]);
        }
    }

    [Fact]
    public void Dispose_Used_GivesTheBytesBackAndRefusesFurtherUse()
    {
        TensorBuffer buffer = TensorBuffer.Rent(8);
        buffer.Dispose();
        buffer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => buffer.Span.Length);
        Assert.Throws<ObjectDisposedException>(() => buffer.Memory);
        Assert.Throws<ObjectDisposedException>(() => buffer.Resize(4));
    }

    // A buffer returned twice would be lent to two owners, who would write over each other.
    [Fact]
    public void Dispose_Twice_DoesNotLendTheSameBytesTwice()
    {
        TensorBuffer first = TensorBuffer.Rent(4096);
        first.Dispose();
        first.Dispose();
        using TensorBuffer one = TensorBuffer.Rent(4096);
        using TensorBuffer other = TensorBuffer.Rent(4096);
        one.Span.Fill(1);
        other.Span.Fill(2);
        Assert.Equal(-1, one.Span.IndexOf((byte)2));
    }

    [Fact]
    public void Rent_WithStart_BeginsThatFarFromAnAlignedPlace()
    {
        for (int start = 0; start < TensorBuffer.Alignment; start++)
        {
            using TensorBuffer buffer = TensorBuffer.Rent(100, start);
            Assert.Equal(100, buffer.Length);
            Assert.Equal(start, OffsetOf(buffer) % TensorBuffer.Alignment);
            buffer.Span.Fill(7);

            buffer.Resize(1_000_000);

            Assert.Equal(start, OffsetOf(buffer) % TensorBuffer.Alignment);
            Assert.Equal(100, buffer.Span[..100].Count((byte)7));
        }
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(TensorBuffer.Alignment)]
    public void Rent_StartOutsideTheAlignment_IsRefused(int start) => Assert.Throws<ArgumentOutOfRangeException>(() => TensorBuffer.Rent(8, start));

    [Fact]
    public void Detach_Used_HandsTheBytesOnAndLeavesNothing()
    {
        TensorBuffer first = TensorBuffer.Rent(4096, start: 3);
        first.Span.Fill(1);

        using TensorBuffer heir = first.Detach();
        first.Dispose();
        using TensorBuffer other = TensorBuffer.Rent(4096);
        other.Span.Fill(2);

        Assert.Equal(4096, heir.Span.Count((byte)1));
        Assert.Throws<ObjectDisposedException>(() => first.Span.Length);
        Assert.Throws<ObjectDisposedException>(first.Detach);
    }

    private static int OffsetOf(TensorBuffer buffer) =>
        MemoryMarshal.TryGetArray(buffer.Memory, out ArraySegment<byte> part) ? part.Offset : throw new InvalidOperationException("A buffer lies in an array.");
}
