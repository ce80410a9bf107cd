using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Serving.Tests.Tensors;

public sealed class TensorTests
{
    [Theory]
    [InlineData(TensorType.Fp32, new long[] { 2 }, 8)]
    [InlineData(TensorType.Fp32, new long[] { }, 4)]
    [InlineData(TensorType.Fp64, new long[] { 3, 0 }, 0)]
    [InlineData(TensorType.Bool, new long[] { 5 }, 5)]
    [InlineData(TensorType.Bytes, new long[] { 2 }, 77)]
    public void Constructor_BufferThatFits_IsTaken(TensorType type, long[] shape, int bytes)
    {
        using var tensor = new Tensor(type, shape, TensorBuffer.Rent(bytes));
        Assert.Equal(bytes, tensor.Data.Length);
        Assert.Equal(shape.Aggregate(1L, (product, dimension) => product * dimension), tensor.ElementCount);
    }

    [Theory]
    [InlineData(TensorType.Fp32, new long[] { 2 }, 4)]
    [InlineData(TensorType.Fp32, new long[] { 2 }, 12)]
    [InlineData(TensorType.Fp32, new long[] { 1 }, 5)]
    [InlineData(TensorType.Fp64, new long[] { 1 }, 15)]
    [InlineData(TensorType.Int16, new long[] { 0 }, 1)]
    [InlineData(TensorType.Fp64, new long[] { 1L << 61 }, 0)]
    [InlineData(TensorType.Fp32, new long[] { -1 }, 4)]
    public void Constructor_BufferThatDoesNotFit_IsRefused(TensorType type, long[] shape, int bytes)
    {
        using TensorBuffer buffer = TensorBuffer.Rent(bytes);
        Assert.Throws<ArgumentException>(() => new Tensor(type, shape, buffer));
    }
}
