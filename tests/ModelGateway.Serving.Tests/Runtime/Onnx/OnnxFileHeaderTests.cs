using ModelGateway.Serving.Runtime.Onnx;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Runtime.Onnx;

public sealed class OnnxFileHeaderTests
{
    public static TheoryData<string, byte[]> Models => new()
    {
        { "mlp", TestModels.Mlp() },
        { "mixed", TestModels.MixedTypes() },
        { "any rank", TestModels.UnknownRank() },
        { "maps", TestModels.ZipMap("a", "b") },
        { "sequence", TestModels.SplitToSequence() },
        { "optional", TestModels.OptionalInput() },
        { "loop", TestModels.Slow(3) },
    };

    [Fact]
    public void Read_AModel_KnowsWhatTheApiDoesNot()
    {
        OnnxFileHeader header = Read(new OnnxGraphBuilder().IrVersion(8).Producer("exporter", "2").Opset(15)
            .Input("any", OnnxType.TensorOfAnyRank(OnnxElementType.Float)).Input("scalar", OnnxElementType.Double).Input("known", OnnxElementType.Int64, 3)
            .Output("float8", OnnxElementType.Float8E5M2, 1).Build());

        Assert.Equal((8, "exporter 2", "IR 8, exporter 2"), (header.IrVersion, header.Producer, header.ToString()));
        Assert.Equal([("ai.onnx", 15), ("ai.onnx.ml", 3)], header.Opsets.Select(opset => (opset.Key, opset.Value)).Order());
        Assert.Equal([true, false, false], new[] { "any", "scalar", "known" }.Select(header.HasUnknownRank));
        Assert.Equal((1, 11, 7, 19), (header.ElementTypes["any"], header.ElementTypes["scalar"], header.ElementTypes["known"], header.ElementTypes["float8"]));
    }

    [Fact]
    public void Read_UnknownFields_AreSkipped()
    {
        // Fields 100 (varint), 101 (eight bytes), 102 (text), 103 (four bytes), then ir_version = 8.
        OnnxFileHeader header = Read([0xA0, 0x06, 0x01, 0xA9, 0x06, 1, 2, 3, 4, 5, 6, 7, 8, 0xB2, 0x06, 2, (byte)'h', (byte)'i', 0xBD, 0x06, 1, 2, 3, 4, 8, 8]);

        Assert.Equal(8, header.IrVersion);
    }

    [Theory]
    [InlineData(new byte[] { })]
    [InlineData(new byte[] { 0x08 })]
    [InlineData(new byte[] { 0x08, 0xFF })]
    [InlineData(new byte[] { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01 })]
    [InlineData(new byte[] { 0x3A, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F })]
    [InlineData(new byte[] { 0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F })]
    [InlineData(new byte[] { 0x12, 0x05, (byte)'a' })]
    [InlineData(new byte[] { 0x0B })]
    [InlineData(new byte[] { 0x0F })]
    [InlineData(new byte[] { 0x09, 1, 2, 3 })]
    [InlineData(new byte[] { 0x0D, 1, 2, 3 })]
    public void Read_Malformed_IsInvalidData(byte[] bytes)
    {
        Assert.Throws<InvalidDataException>(() => Read(bytes));
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Read_CutAtEveryByte_IsInvalidDataOrSuccess(string name, byte[] model)
    {
        for (int length = 0; length < model.Length; length++)
        {
            AssertReadable(model[..length], $"{name} cut at {length}");
        }

        Read(model);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Read_RandomlyChanged_IsInvalidDataOrSuccess(string name, byte[] model)
    {
        var random = new Random(20261124);
        for (int round = 0; round < 5000; round++)
        {
            byte[] changed = [.. model];
            int changes = random.Next(1, 8);
            for (int i = 0; i < changes; i++)
            {
                changed[random.Next(changed.Length)] = (byte)random.Next(256);
            }

            AssertReadable(changed, $"{name} round {round}");
        }
    }

    [Fact]
    public void Read_RandomBytes_IsInvalidDataOrSuccess()
    {
        var random = new Random(20261124);
        for (int round = 0; round < 20_000; round++)
        {
            byte[] bytes = new byte[random.Next(1, 64)];
            random.NextBytes(bytes);
            AssertReadable(bytes, $"round {round}: {Convert.ToHexString(bytes)}");
        }
    }

    private static void AssertReadable(byte[] bytes, string what)
    {
        Exception? exception = Record.Exception(() => Read(bytes));
        Assert.True(exception is null or InvalidDataException, $"{what}: {exception}");
    }

    private static OnnxFileHeader Read(byte[] bytes)
    {
        using var stream = new MemoryStream(bytes);
        return OnnxFileHeader.Read(stream);
    }
}
