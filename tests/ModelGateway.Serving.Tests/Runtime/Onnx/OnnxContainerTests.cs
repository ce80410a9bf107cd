using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Tensors;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Runtime.Onnx;

/// <summary>Outputs that are not plain tensors.</summary>
public sealed class OnnxContainerTests
{
    [Fact]
    public void Run_ZipMapOfStrings_IsATableWithItsLabels()
    {
        using var model = new LoadedModel(TestModels.ZipMap("zebra", "cat", "ünï", ""));
        OutputSpec spec = model.Signature.Outputs[1];

        IReadOnlyList<OutputValue> outputs = model.Input("x", TensorType.Fp32, [2, 4], 0.1f, 0.2f, 0.3f, 0.4f, 4f, 3f, 2f, 1f).Run();

        Assert.Equal((OutputKind.MapSequence, TensorType.Bytes, true), (spec.Kind, spec.LabelType, spec.IsMap));
        Assert.Equal(["", "zebra"], outputs[0].Values.ToStrings());
        Assert.Equal(("scores", OutputKind.MapSequence), (outputs[1].Name, outputs[1].Kind));
        Assert.Equal([2, 4], outputs[1].Values.Shape);
        Assert.Equal(
            [("", 0.4f, 1f), ("cat", 0.2f, 3f), ("zebra", 0.1f, 4f), ("ünï", 0.3f, 2f)],
            Columns(outputs[1], outputs[1].Labels!.ToStrings()));
    }

    [Fact]
    public void Run_ZipMapOfNumbers_IsATableWithItsLabels()
    {
        using var model = new LoadedModel(TestModels.ZipMap(-7L, long.MaxValue));

        IReadOnlyList<OutputValue> outputs = model.Input("x", TensorType.Fp32, [1, 2], 0.25f, 0.75f).Run();

        Assert.Equal([long.MaxValue], outputs[0].Values.AsSpan<long>());
        Assert.Equal(TensorType.Int64, outputs[1].Labels!.Type);
        Assert.Equal([2], outputs[1].Labels!.Shape);
        Assert.Equal([-7L, long.MaxValue], outputs[1].Labels!.AsSpan<long>());
        Assert.Equal([0.25f, 0.75f], outputs[1].Values.AsSpan<float>());
    }

    [Fact]
    public void Run_ZipMapWithoutRows_HasNeitherRowsNorLabels()
    {
        using var model = new LoadedModel(TestModels.ZipMap("a", "b"));

        OutputValue scores = model.Input("x", TensorType.Fp32, [0, 2], Array.Empty<float>()).Run("scores")[0];

        Assert.Equal([0, 0], scores.Values.Shape);
        Assert.Equal((TensorType.Bytes, 0), (scores.Labels!.Type, scores.Labels.ElementCount));
    }

    [Fact]
    public void Run_SequenceOfTensors_IsAListOfThem()
    {
        using var model = new LoadedModel(TestModels.SplitToSequence());

        OutputValue parts = model.Input("x", TensorType.Fp32, [3, 2], 1f, 2f, 3f, 4f, 5f, 6f).Run()[0];

        Assert.Equal(OutputKind.TensorSequence, parts.Kind);
        Assert.Null(model.Signature.Outputs[0].Values.Dimensions);
        Assert.All(parts.Tensors, tensor => Assert.Equal([1, 2], tensor.Shape));
        Assert.Equal([[1f, 2f], [3f, 4f], [5f, 6f]], parts.Tensors.Select(tensor => tensor.AsSpan<float>().ToArray()));
    }

    [Fact]
    public void Run_SequenceOfDifferentShapes_KeepsEach()
    {
        byte[] onnx = new OnnxGraphBuilder()
            .Input("a", OnnxType.TensorOfAnyRank(OnnxElementType.Int64)).Input("b", OnnxType.TensorOfAnyRank(OnnxElementType.Int64))
            .Output("both", OnnxType.Sequence(OnnxType.TensorOfAnyRank(OnnxElementType.Int64)))
            .Node("SequenceConstruct", ["a", "b"], ["both"]).Build();
        using var model = new LoadedModel(onnx);

        OutputValue both = model.Input("a", TensorType.Int64, [], 7L).Input("b", TensorType.Int64, [2, 0], Array.Empty<long>()).Run()[0];

        Assert.Equal([[], [2, 0]], both.Tensors.Select(tensor => tensor.Shape));
    }

    [Fact]
    public void Run_EmptySequenceAndSequenceOfStrings_AreAnswered()
    {
        byte[] none = new OnnxGraphBuilder()
            .Output("none", OnnxType.Sequence(OnnxType.TensorOfAnyRank(OnnxElementType.Float))).Node("SequenceEmpty", [], ["none"]).Build();
        byte[] texts = new OnnxGraphBuilder()
            .Input("x", OnnxElementType.String, "n").Output("s", OnnxType.Sequence(OnnxType.Tensor(OnnxElementType.String, "n")))
            .Node("SequenceConstruct", ["x", "x"], ["s"]).Build();
        using var empty = new LoadedModel(none);
        using var strings = new LoadedModel(texts);

        Assert.Empty(empty.Run()[0].Tensors);
        Assert.Equal([["a", "ü"], ["a", "ü"]], strings.Strings("x", [2], "a", "ü").Run()[0].Tensors.Select(tensor => tensor.ToStrings()));
    }

    private static IEnumerable<(string Label, float First, float Second)> Columns(OutputValue maps, List<string> labels)
    {
        float[] values = maps.Values.AsSpan<float>().ToArray();
        return labels.Select((label, column) => (label, values[column], values[labels.Count + column])).OrderBy(column => column.label, StringComparer.Ordinal);
    }
}
