using System.Buffers;
using System.Runtime.InteropServices;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Serving.Tests.Inference;

public sealed class PredictRequestTests
{
    // A bucket of the pool that no other test takes on this thread in between.
    private const int Length = 3_000_000;

    [Fact]
    public void TakeOver_TensorIsAView_KeepsTheBodyUntilTheLastHolderIsDone()
    {
        TensorBuffer body = TensorBuffer.Rent(Length);
        byte[] array = ArrayOf(body);
        var request = new PredictRequest();
        request.Add("x", new Tensor(TensorType.UInt8, [16], TensorBuffer.View(array, 8, 16)));

        request.TakeOver(body);
        request.Retain();
        body.Dispose();
        request.Dispose();

        Assert.False(IsBackInThePool(array));
        request.Dispose();
        Assert.True(IsBackInThePool(array));
    }

    [Fact]
    public void TakeOver_NoTensorIsAView_LeavesTheBodyToItsOwner()
    {
        using TensorBuffer body = TensorBuffer.Rent(8);
        using var request = new PredictRequest();
        request.Add("x", Tensor.Create<byte>(TensorType.UInt8, [1], [1]));

        request.TakeOver(body);

        Assert.Equal(8, body.Span.Length);
    }

    private static byte[] ArrayOf(TensorBuffer buffer)
    {
        Assert.True(MemoryMarshal.TryGetArray(buffer.Memory, out ArraySegment<byte> part));
        return part.Array!;
    }

    // The pool lends a thread what it gave back last.
    private static bool IsBackInThePool(byte[] array)
    {
        byte[] next = ArrayPool<byte>.Shared.Rent(Length);
        ArrayPool<byte>.Shared.Return(next);
        return ReferenceEquals(next, array);
    }
}
