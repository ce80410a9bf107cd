using System.Buffers;
using System.Text;
using System.Text.Json;
using ModelGateway.Protocols.Native;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Tests.Protocols.Native;

public sealed class NativeResponseWriterTests
{
    [Fact]
    public void Write_Tensors_AreNested() =>
        Assert.Equal(
            "{\"model\":\"iris\",\"version\":\"12\",\"outputs\":{\"label\":[\"setosa\"],\"scores\":[[0.5,\"NaN\"]],\"weird \\\"näme\\\"\":7}}",
            Write(
                OutputValue.FromTensor("label", Tensor.FromStrings([1], ["setosa"])),
                OutputValue.FromTensor("scores", Tensor.Create<float>(TensorType.Fp32, [1, 2], [0.5f, float.NaN])),
                OutputValue.FromTensor("weird \"näme\"", Tensor.Create<long>(TensorType.Int64, [], [7]))));

    [Fact]
    public void Write_NoOutputs_IsAnEmptyObject() => Assert.Equal("{\"model\":\"iris\",\"version\":\"12\",\"outputs\":{}}", Write());

    [Fact]
    public void Write_Maps_AreObjectsOfLabelAndValue()
    {
        Tensor texts = Tensor.FromStrings([2], ["a \"b\"", "ü"]);
        Tensor numbers = Tensor.Create<long>(TensorType.Int64, [2], [-1, long.MaxValue]);
        Assert.Equal(
            "{\"model\":\"iris\",\"version\":\"12\",\"outputs\":{"
            + "\"rows\":[{\"a \\\"b\\\"\":0.25,\"ü\":0.75},{\"a \\\"b\\\"\":1,\"ü\":\"NaN\"}],"
            + "\"one\":{\"-1\":5,\"9223372036854775807\":6},\"none\":[]}}",
            Write(
                OutputValue.FromMaps("rows", OutputKind.MapSequence, texts, Tensor.Create<float>(TensorType.Fp32, [2, 2], [0.25f, 0.75f, 1f, float.NaN])),
                OutputValue.FromMaps("one", OutputKind.Map, numbers, Tensor.Create<long>(TensorType.Int64, [2], [5, 6])),
                OutputValue.FromMaps("none", OutputKind.MapSequence, Tensor.FromStrings([0], []), Tensor.Create<float>(TensorType.Fp32, [0, 0], []))));
    }

    [Fact]
    public void Write_MapOfTextsAndBrokenLabel_IsValidJson()
    {
        using var labels = new BytesWriter(8);
        labels.Append([0xFF]);
        string json = Write(OutputValue.FromMaps("m", OutputKind.Map, new Tensor(TensorType.Bytes, [1], labels.Detach()), Tensor.FromStrings([1], ["yes"])));
        Assert.EndsWith("{\"m\":{\"\uFFFD\":\"yes\"}}}", json, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_Sequences_AreArraysOfNestedArrays() =>
        Assert.Equal(
            "{\"model\":\"iris\",\"version\":\"12\",\"outputs\":{\"parts\":[[[1],[2]],3,[]],\"empty\":[]}}",
            Write(
                OutputValue.FromSequence("parts", [
                    Tensor.Create<int>(TensorType.Int32, [2, 1], [1, 2]), Tensor.Create<int>(TensorType.Int32, [], [3]), Tensor.Create<int>(TensorType.Int32, [0], [])]),
                OutputValue.FromSequence("empty", [])));

    [Fact]
    public void Check_ShapeOfNothingButBrackets_IsRefused()
    {
        using PredictResponse response = Response(OutputValue.FromTensor("x", Tensor.Create<float>(TensorType.Fp32, [1L << 40, 0], [])));
        PredictError? error = NativeResponseWriter.Check(response);
        Assert.Equal(PredictErrorKind.ModelRefused, error!.Kind);
        Assert.StartsWith("Output 'x' has a shape that cannot be written", error.Message, StringComparison.Ordinal);
    }

    private static PredictResponse Response(params OutputValue[] outputs) => new(new ServableId("iris", 12), outputs, default);

    private static string Write(params OutputValue[] outputs)
    {
        using PredictResponse response = Response(outputs);
        Assert.Null(NativeResponseWriter.Check(response));
        var buffer = new ArrayBufferWriter<byte>(1);
        NativeResponseWriter.Write(buffer, response);
        using JsonDocument parsed = JsonDocument.Parse(buffer.WrittenMemory);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
