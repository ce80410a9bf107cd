using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Http;
using ModelGateway.Protocols.OpenInference;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Tests.Protocols.OpenInference;

/// <summary>Where a binary tensor's bytes are: in the body as long as its elements are aligned there.</summary>
public sealed class BinaryTensorReaderTests
{
    [Theory]
    [InlineData(TensorType.UInt8, 1)]
    [InlineData(TensorType.Fp16, 2)]
    [InlineData(TensorType.Fp32, 4)]
    [InlineData(TensorType.Fp64, 8)]
    [InlineData(TensorType.Int64, 8)]
    public void Read_Numbers_AreAViewWhereAlignedAndACopyElsewhere(TensorType type, int size)
    {
        byte[] body = [.. Enumerable.Range(1, 64).Select(i => (byte)i)];
        for (int offset = 0; offset <= 16; offset++)
        {
            using Tensor tensor = Read(type, [2], body.AsMemory(offset, 2 * size));
            Assert.Equal(offset % size == 0, tensor.IsView);
            Assert.Equal(offset % size == 0, IsIn(body, tensor));
            Assert.Equal(body.AsSpan(offset, 2 * size), tensor.Data);
        }
    }

    [Fact]
    public void Read_Strings_AreAViewAnywhere()
    {
        byte[] body = [9, .. InferCalls.Strings("abc", "")];
        using Tensor tensor = Read(TensorType.Bytes, [2], body.AsMemory(1));
        Assert.True(IsIn(body, tensor));
        Assert.Equal(["abc", ""], tensor.ToStrings());
    }

    [Fact]
    public void Read_NoElements_IsATensorWithoutBytes()
    {
        using Tensor tensor = Read(TensorType.Fp32, [0, 3], default);
        Assert.Equal(0, tensor.Data.Length);
    }

    // Whatever the length of the JSON, what follows it then lies at a multiple of eight bytes.
    [Fact]
    public void StartOf_AnyHeader_AlignsWhatFollowsTheJson()
    {
        for (int length = 0; length < 40; length++)
        {
            int start = StartOf($"{length}");
            Assert.InRange(start, 0, TensorBuffer.Alignment - 1);
            Assert.Equal(0, (start + length) % TensorBuffer.Alignment);
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("-3")]
    [InlineData("some")]
    [InlineData("99999999999999999999")]
    public void StartOf_NoUsableHeader_IsTheBeginning(string? header) => Assert.Equal(0, StartOf(header));

    private static int StartOf(string? header)
    {
        var http = new DefaultHttpContext();
        if (header is not null)
        {
            http.Request.Headers[InferenceHeader.Name] = header;
        }

        return InferProtocol.Instance.StartOf(http.Request);
    }

    private static Tensor Read(TensorType type, long[] shape, ReadOnlyMemory<byte> data)
    {
        var faults = new FaultList();
        Tensor? tensor = BinaryTensorReader.Read("x", type, shape, data, faults);
        Assert.True(faults.IsEmpty);
        Assert.NotNull(tensor);
        return tensor;
    }

    private static bool IsIn(byte[] body, Tensor tensor) => MemoryMarshal.TryGetArray<byte>(tensor.Memory, out ArraySegment<byte> part) && ReferenceEquals(part.Array, body);
}
