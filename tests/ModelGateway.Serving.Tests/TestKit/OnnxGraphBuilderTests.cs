using Microsoft.ML.OnnxRuntime;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.TestKit;

/// <summary>What the builder writes is what ONNX Runtime reads.</summary>
public sealed class OnnxGraphBuilderTests
{
    [Fact]
    public void Build_DimensionsOfEveryKind_AreDeclaredSo()
    {
        using var run = new OrtRun(TestModels.Identity(OnnxElementType.Float, "batch", OnnxDimension.Unknown, 3));

        NodeMetadata input = run.Session.InputMetadata["x"];

        Assert.Equal([-1, -1, 3], input.Dimensions);
        Assert.Equal(["batch", "", ""], input.SymbolicDimensions);
    }

    [Fact]
    public void Build_MetadataProducerAndDescription_AreRead()
    {
        byte[] model = new OnnxGraphBuilder("the graph")
            .Producer("exporter", "2.1")
            .Description("what it does")
            .Metadata("labels", "a\nb")
            .Metadata("ключ", "🙂")
            .Output("y", OnnxElementType.Int64, 1)
            .Node("Constant", [], ["y"], OnnxAttr.Ints("value_ints", 7))
            .Build();
        using var run = new OrtRun(model);

        ModelMetadata metadata = run.Session.ModelMetadata;

        Assert.Equal(("exporter", "the graph", "what it does"), (metadata.ProducerName, metadata.GraphName, metadata.Description));
        Assert.Equal("a\nb", metadata.CustomMetadataMap["labels"]);
        Assert.Equal("🙂", metadata.CustomMetadataMap["ключ"]);
    }

    [Fact]
    public void Build_EveryKindOfConstant_IsRead()
    {
        byte[] model = new OnnxGraphBuilder()
            .Output("float", OnnxElementType.Float)
            .Output("floats", OnnxElementType.Float, 2)
            .Output("int", OnnxElementType.Int64)
            .Output("ints", OnnxElementType.Int64, 2)
            .Output("string", OnnxElementType.String)
            .Output("strings", OnnxElementType.String, 2)
            .Output("tensor", OnnxElementType.Float16, 2)
            .Node("Constant", [], ["float"], OnnxAttr.Float("value_float", -1.5f))
            .Node("Constant", [], ["floats"], OnnxAttr.Floats("value_floats", 1f, float.NegativeInfinity))
            .Node("Constant", [], ["int"], OnnxAttr.Int("value_int", long.MinValue))
            .Node("Constant", [], ["ints"], OnnxAttr.Ints("value_ints", -1, long.MaxValue))
            .Node("Constant", [], ["string"], OnnxAttr.String("value_string", "line\nbreak"))
            .Node("Constant", [], ["strings"], OnnxAttr.Strings("value_strings", "", "é🙂"))
            .Node("Constant", [], ["tensor"], OnnxAttr.Tensor("value", OnnxTensor.From([2], (Half)0.5f, Half.NaN)))
            .Build();
        using var run = new OrtRun(model);

        Assert.Equal([-1.5f], run.Output<float>(0));
        Assert.Equal([1f, float.NegativeInfinity], run.Output<float>(1));
        Assert.Equal([long.MinValue], run.Output<long>(2));
        Assert.Equal([-1, long.MaxValue], run.Output<long>(3));
        Assert.Equal(["line\nbreak"], run.Output(4).GetStringTensorAsArray());
        Assert.Equal(["", "é🙂"], run.Output(5).GetStringTensorAsArray());
        Assert.Equal([0x3800, 0xFE00], run.Output<Float16>(6).Select(half => (int)half.value));
    }

    [Fact]
    public void Build_StringInitializer_IsRead()
    {
        byte[] model = new OnnxGraphBuilder()
            .Input("index", OnnxElementType.Int64, "n")
            .Output("y", OnnxElementType.String, "n")
            .Initializer("names", OnnxTensor.FromStrings([3], "zero", "", "zwei\0drei"))
            .Node("Gather", ["names", "index"], ["y"])
            .Build();
        using OrtRun run = new OrtRun(model).Input("index", [3], 2L, 0L, 1L);

        Assert.Equal(["zwei\0drei", "zero", ""], run.Output().GetStringTensorAsArray());
    }

    [Fact]
    public void Build_EmptyInputName_LeavesTheInputOut()
    {
        byte[] model = new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, "n")
            .Output("y", OnnxElementType.Float, "n")
            .Initializer("highest", OnnxTensor.From([], 1f))
            .Node("Clip", ["x", "", "highest"], ["y"])
            .Build();
        using OrtRun run = new OrtRun(model).Input("x", [3], -5f, 0f, 5f);

        Assert.Equal([-5f, 0f, 1f], run.Output<float>());
    }

    [Fact]
    public void Build_IfWithBranches_TakesTheRightOne()
    {
        byte[] model = new OnnxGraphBuilder()
            .Input("condition", OnnxElementType.Bool)
            .Output("y", OnnxElementType.Float, 1)
            .Node("If", ["condition"], ["y"], OnnxAttr.Graph("then_branch", Branch(1)), OnnxAttr.Graph("else_branch", Branch(2)))
            .Build();

        using OrtRun yes = new OrtRun(model).Input("condition", [], true);
        using OrtRun no = new OrtRun(model).Input("condition", [], false);

        Assert.Equal([1f], yes.Output<float>());
        Assert.Equal([2f], no.Output<float>());

        static OnnxGraphBuilder Branch(float value) =>
            new OnnxGraphBuilder("branch")
                .Output($"is_{value}", OnnxElementType.Float, 1)
                .Node("Constant", [], [$"is_{value}"], OnnxAttr.Floats("value_floats", value));
    }

    [Theory]
    [InlineData(OnnxElementType.String, OnnxElementType.Float)]
    [InlineData(OnnxElementType.String, OnnxElementType.Double)]
    [InlineData(OnnxElementType.String, OnnxElementType.Int64)]
    [InlineData(OnnxElementType.String, OnnxElementType.String)]
    [InlineData(OnnxElementType.Int64, OnnxElementType.Float)]
    [InlineData(OnnxElementType.Int64, OnnxElementType.Double)]
    [InlineData(OnnxElementType.Int64, OnnxElementType.Int64)]
    [InlineData(OnnxElementType.Int64, OnnxElementType.String)]
    public void Build_MapType_IsDeclaredSo(OnnxElementType keys, OnnxElementType values)
    {
        using var run = new OrtRun(WithUnusedInput(OnnxType.Map(keys, values)));

        MapMetadata map = run.Session.InputMetadata["unused"].AsMapMetadata();

        Assert.Equal(keys, (OnnxElementType)map.KeyDataType);
        Assert.Equal(values, (OnnxElementType)map.ValueMetadata.ElementDataType);
    }

    [Theory]
    [InlineData(OnnxElementType.String)]
    [InlineData(OnnxElementType.Int64)]
    public void Build_SequenceOfMaps_IsDeclaredSo(OnnxElementType keys)
    {
        using var run = new OrtRun(WithUnusedInput(OnnxType.Sequence(OnnxType.Map(keys, OnnxElementType.Float))));

        MapMetadata element = run.Session.InputMetadata["unused"].AsSequenceMetadata().ElementMeta.AsMapMetadata();

        Assert.Equal(keys, (OnnxElementType)element.KeyDataType);
        Assert.Equal(OnnxElementType.Float, (OnnxElementType)element.ValueMetadata.ElementDataType);
    }

    [Theory]
    [InlineData(OnnxElementType.String, OnnxElementType.Double)]
    [InlineData(OnnxElementType.String, OnnxElementType.Int64)]
    [InlineData(OnnxElementType.String, OnnxElementType.String)]
    [InlineData(OnnxElementType.Int64, OnnxElementType.Double)]
    [InlineData(OnnxElementType.Int64, OnnxElementType.Int64)]
    [InlineData(OnnxElementType.Int64, OnnxElementType.String)]
    public void Build_SequenceOfMapsThatAreNotToFloat_IsReadButRefusedByTheRuntime(OnnxElementType keys, OnnxElementType values)
    {
        byte[] model = WithUnusedInput(OnnxType.Sequence(OnnxType.Map(keys, values)));

        var exception = Assert.Throws<OnnxRuntimeException>(() => new OrtRun(model));

        string name = $"seq(map({keys},tensor({values})))".ToLowerInvariant();
        Assert.Contains(name, exception.Message, StringComparison.Ordinal);
    }

    private static byte[] WithUnusedInput(OnnxType type) =>
        new OnnxGraphBuilder()
            .Input("unused", type)
            .Output("y", OnnxElementType.Int64, 1)
            .Node("Constant", [], ["y"], OnnxAttr.Ints("value_ints", 7))
            .Build();
}
