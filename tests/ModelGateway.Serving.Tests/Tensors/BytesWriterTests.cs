using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Serving.Tests.Tensors;

public sealed class BytesWriterTests
{
    [Fact]
    public void Append_Elements_AreWrittenWithTheirLengths()
    {
        using var writer = new BytesWriter(0);
        writer.Append([0x61, 0x62]);
        writer.Append([]);
        writer.Append(1)[0] = 0x63;
        Assert.Equal(3, writer.Count);
        using TensorBuffer buffer = writer.Detach();
        Assert.Equal("020000006162" + "00000000" + "0100000063", Convert.ToHexString(buffer.Span));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1000)]
    public void Append_MoreThanTheCapacity_LosesNothing(int capacity)
    {
        using var writer = new BytesWriter(capacity);
        for (int i = 0; i < 300; i++)
        {
            writer.Append(i).Fill((byte)i);
        }

        using TensorBuffer buffer = writer.Detach();
        Assert.Equal(Enumerable.Range(0, 300).Sum(i => 4 + i), buffer.Length);
        using var tensor = new Tensor(TensorType.Bytes, [300], buffer);
        int next = 0;
        foreach (ReadOnlySpan<byte> element in tensor.ReadBytes())
        {
            Assert.Equal(next, element.Length);
            Assert.Equal(-1, element.IndexOfAnyExcept((byte)next));
            next++;
        }

        Assert.Equal(300, next);
    }

    [Fact]
    public void Detach_NothingAppended_IsEmpty()
    {
        using var writer = new BytesWriter(100);
        using TensorBuffer buffer = writer.Detach();
        Assert.Equal(0, buffer.Length);
    }

    [Fact]
    public void Append_AfterDetachOrDispose_IsRefused()
    {
        var detached = new BytesWriter(10);
        using TensorBuffer buffer = detached.Detach();
        var disposed = new BytesWriter(10);
        disposed.Dispose();
        disposed.Dispose();
        foreach (BytesWriter writer in new[] { detached, disposed })
        {
            Assert.Throws<ObjectDisposedException>(() => writer.Append([1]));
            Assert.Throws<ObjectDisposedException>(writer.Detach);
        }
    }

    [Fact]
    public void Dispose_AfterDetach_LeavesTheBufferToItsOwner()
    {
        var writer = new BytesWriter(10);
        writer.Append([7]);
        using TensorBuffer buffer = writer.Detach();
        writer.Dispose();
        Assert.Equal(5, buffer.Span.Length);
    }
}
