using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Serving.Tests.Tensors;

public sealed class TensorShapeTests
{
    [Theory]
    [InlineData(new long[] { }, 1)]
    [InlineData(new long[] { 5 }, 5)]
    [InlineData(new long[] { 2, 3, 4 }, 24)]
    [InlineData(new long[] { 1, 1, 1 }, 1)]
    [InlineData(new long[] { 0 }, 0)]
    [InlineData(new long[] { 3, 0, 4 }, 0)]
    [InlineData(new long[] { long.MaxValue }, long.MaxValue)]
    [InlineData(new long[] { long.MaxValue, 1 }, long.MaxValue)]
    [InlineData(new long[] { 1L << 31, 1L << 31 }, 1L << 62)]
    [InlineData(new long[] { long.MaxValue, long.MaxValue, 0 }, 0)]
    [InlineData(new long[] { 0, long.MaxValue, long.MaxValue }, 0)]
    public void CountElements_ValidShape_IsTheProduct(long[] shape, long count)
    {
        Assert.True(TensorShape.TryCountElements(shape, out long counted));
        Assert.Equal(count, counted);
        Assert.Equal(count, TensorShape.CountElements(shape));
    }

    [Theory]
    [InlineData(new long[] { -1 })]
    [InlineData(new long[] { 2, -3 })]
    [InlineData(new long[] { -2, -3 })]
    [InlineData(new long[] { 0, -1 })]
    [InlineData(new long[] { long.MinValue })]
    [InlineData(new long[] { long.MaxValue, 2 })]
    [InlineData(new long[] { 1L << 32, 1L << 31 })]
    [InlineData(new long[] { 1L << 32, 1L << 32 })]
    [InlineData(new long[] { 1L << 32, 1L << 32, 1L << 32 })]
    public void CountElements_NegativeOrTooLarge_IsRefused(long[] shape)
    {
        Assert.False(TensorShape.TryCountElements(shape, out _));
        var exception = Assert.Throws<ArgumentException>(() => TensorShape.CountElements(shape));
        Assert.Contains(TensorShape.Format(shape), exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new long[] { }, "[]")]
    [InlineData(new long[] { 4 }, "[4]")]
    [InlineData(new long[] { -1, 3, 224, 224 }, "[-1, 3, 224, 224]")]
    public void Format_Shape_IsReadable(long[] shape, string text) => Assert.Equal(text, TensorShape.Format(shape));
}
