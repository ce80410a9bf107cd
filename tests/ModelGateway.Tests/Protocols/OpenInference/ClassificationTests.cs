using System.Net;
using System.Runtime.InteropServices;
using ModelGateway.Protocols.OpenInference;
using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Tests.Protocols.OpenInference;

/// <summary>The classification extension: the ranking itself, and how it is asked for.</summary>
[Collection(OpenInferenceCollection.Name)]
public sealed class ClassificationTests(OpenInferenceHost host)
{
    [Fact]
    public void Rank_Floats_AreWrittenAsPrintfDoes()
    {
        using var values = Tensor.Create<double>(
            TensorType.Fp64, [1, 9], [0.1, double.NaN, 1e20, double.NegativeInfinity, double.PositiveInfinity, -0.0000004, 1.0 / 128, 3.0 / 128, 5e-324]);
        using Tensor ranked = Classification.Rank(values, 100, _ => null);

        Assert.Equal([1, 9], ranked.Shape);
        Assert.Equal(
            ["inf:4", "100000000000000000000.000000:2", "0.100000:0", "0.023438:7", "0.007812:6", "0.000000:8", "-0.000000:5", "-inf:3", "nan:1"], ranked.ToStrings());
    }

    [Theory]
    [InlineData(TensorType.UInt8, "200:2,3:1")]
    [InlineData(TensorType.Int8, "3:1,1:0")]
    [InlineData(TensorType.Bool, "200:2,3:1")]
    public void Rank_Bytes_AreComparedByTheirType(TensorType type, string expected) => Check<byte>(type, [1, 3, 200], expected);

    [Fact]
    public void Rank_NumbersOfEveryType_AreComparedByTheirType()
    {
        Check<short>(TensorType.Int16, [-1, 5, 300], "300:2,5:1");
        Check<ushort>(TensorType.UInt16, [65535, 5, 300], "65535:0,300:2");
        Check(TensorType.Int32, [-1, 5, 70000], "70000:2,5:1");
        Check<uint>(TensorType.UInt32, [uint.MaxValue, 5, 300], "4294967295:0,300:2");
        Check<long>(TensorType.Int64, [long.MinValue, long.MaxValue, 0], "9223372036854775807:1,0:2");
        Check<ulong>(TensorType.UInt64, [ulong.MaxValue, 5, 0], "18446744073709551615:0,5:1");
        Check(TensorType.Fp16, [(Half)0.5f, (Half)0.25f, (Half)65504f], "65504.000000:2,0.500000:0");
        Check<ushort>(TensorType.Bf16, [0x3F00, 0xBF80, 0x4080], "4.000000:2,0.500000:0");
        Check(TensorType.Fp32, [0.1f, 0.7f, 0.2f], "0.700000:1,0.200000:2");
    }

    [Fact]
    public void Rank_EqualValues_KeepTheOrderOfTheirClasses() => Check(TensorType.Fp32, [1f, 1f, 1f], "1.000000:0,1.000000:1");

    [Fact]
    public void Rank_LeadingDimensions_AreKept()
    {
        using var values = Tensor.Create<int>(TensorType.Int32, [2, 1, 2], [1, 2, 4, 3]);
        using Tensor ranked = Classification.Rank(values, 1, index => index == 1 ? "one" : null);

        Assert.Equal([2, 1, 1], ranked.Shape);
        Assert.Equal(["2:1:one", "4:0"], ranked.ToStrings());
    }

    [Theory]
    [InlineData(0, 3)]
    [InlineData(3, 0)]
    public void Rank_NoElements_AreNoStrings(long rows, long classes)
    {
        using var values = Tensor.Create<int>(TensorType.Int32, [rows, classes], []);
        using Tensor ranked = Classification.Rank(values, 2, _ => null);

        Assert.Equal([rows, Math.Min(classes, 2)], ranked.Shape);
        Assert.Empty(ranked.ToStrings());
    }

    [Fact]
    public async Task Infer_Classification_HasLabelsOfTheVersion()
    {
        InferReply plain = await host.Gateway.InferAsync("mlp", Mlp(0, binary: false));
        InferReply reply = await host.Gateway.InferAsync("mlp", Mlp(2, binary: false));

        float[] scores = [.. plain.Output("probabilities").GetProperty("data").EnumerateArray().Select(score => score.GetSingle())];
        string[] labels = ["low", "middle", "high"];
        string[] expected = [.. scores.Select((score, index) => (score, index)).OrderByDescending(pair => pair.score).Take(2).Select(pair => FormattableString.Invariant($"{pair.score:F6}:{pair.index}:{labels[pair.index]}"))];
        Assert.Equal(("BYTES", "[1,2]"), (reply.Datatype("probabilities"), reply.Shape("probabilities")));
        Assert.Equal(expected, reply.Output("probabilities").GetProperty("data").EnumerateArray().Select(element => element.GetString()));
    }

    [Fact]
    public async Task Infer_ClassificationInBinary_HasTheSameStrings()
    {
        InferReply json = await host.Gateway.InferAsync("mlp", Mlp(9, binary: false));
        InferReply binary = await host.Gateway.InferAsync("mlp", Mlp(9, binary: true));

        Assert.Equal("[1,3]", binary.Shape("probabilities"));
        Assert.Equal(
            InferCalls.Strings([.. json.Output("probabilities").GetProperty("data").EnumerateArray().Select(element => element.GetString()!)]), binary.Bytes("probabilities"));
    }

    [Theory]
    [InlineData("zipmap", "[\"0.750000:1:dög\"]")]
    [InlineData("zipmap_numbers", "[\"0.750000:0:-8\"]")]
    public async Task Infer_ClassificationOfMaps_HasTheirLabels(string model, string expected)
    {
        InferReply reply = await host.Gateway.InferAsync(model, """
            {"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[0.25,0.75]}],"outputs":[{"name":"scores","parameters":{"classification":1}}]}
            """);

        Assert.Equal(("[1,1]", expected), (reply.Shape("scores"), reply.Data("scores")));
    }

    [Theory]
    [InlineData("identity_BYTES", "y", "[1]", "BYTES", "[\"a\"]", "BYTES")]
    [InlineData("scalar", "y", "[]", "FP32", "[1]", "a scalar")]
    [InlineData("split", "parts", "[1,1]", "FP32", "[1]", "a sequence")]
    [InlineData("zipmap_numbers", "scores.labels", "[1,2]", "FP32", "[1,2]", "labels")]
    public async Task Infer_ClassificationOfWhatHasNoOrder_IsRefused(string model, string output, string shape, string type, string data, string what)
    {
        InferReply reply = await host.Gateway.InferAsync(
            model,
            $$$"""{"inputs":[{"name":"x","shape":{{{shape}}},"datatype":"{{{type}}}","data":{{{data}}}}],"outputs":[{"name":"{{{output}}}","parameters":{"classification":1}}]}""");

        Assert.Equal(
            (HttpStatusCode.BadRequest, $"Output '{output}' cannot be classified: it is {what}, and classes are ranked by the numbers of a tensor's last dimension."), (reply.Status, reply.Error));
    }

    [Fact]
    public async Task Infer_ClassificationOfAScalarOfUnknownRank_IsRefused()
    {
        InferReply reply = await host.Gateway.InferAsync(
            "any_rank", """{"inputs":[{"name":"x","shape":[],"datatype":"FP32","data":[1]}],"outputs":[{"name":"y","parameters":{"classification":1}}]}""");

        Assert.Equal((HttpStatusCode.BadRequest, "Output 'y' cannot be classified: it is a scalar."), (reply.Status, reply.Error));
    }

    private static void Check<T>(TensorType type, T[] row, string expected)
        where T : unmanaged
    {
        using var values = Tensor.Create<byte>(type, [row.Length], MemoryMarshal.AsBytes<T>(row));
        using Tensor ranked = Classification.Rank(values, 2, _ => null);

        Assert.Equal([2], ranked.Shape);
        Assert.Equal(expected, string.Join(",", ranked.ToStrings()));
    }

    private static string Mlp(int classes, bool binary) =>
        $$$"""{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}],"outputs":[{"name":"probabilities","parameters":{"classification":{{{classes}}},"binary_data":{{{(binary ? "true" : "false")}}}}}]}""";
}
