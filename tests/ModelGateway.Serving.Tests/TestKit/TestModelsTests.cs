using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using ModelGateway.Serving.Tensors;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.TestKit;

/// <summary>Each ready-made model does in ONNX Runtime what its description says, also where it is meant to fail.</summary>
public sealed class TestModelsTests
{
    public static TheoryData<TensorType> AllTypes => [.. Enum.GetValues<TensorType>()];

    [Theory]
    [MemberData(nameof(AllTypes))]
    public void Identity_EveryTypeOfTheContract_HandsTheBytesThrough(TensorType type)
    {
        using var run = new OrtRun(TestModels.Identity(type.ToOnnx(), 2, "n"));
        if (type == TensorType.Bytes)
        {
            run.Strings("x", [2, 1], "", "a\n\"b\" é🙂");
            Assert.Equal(["", "a\n\"b\" é🙂"], run.Output().GetStringTensorAsArray());
            return;
        }

        using OrtValue input = OrtValue.CreateAllocatedTensorValue(
            OrtAllocator.DefaultInstance, (TensorElementType)type.ToOnnx(), [2, 3]);
        Span<byte> bytes = input.GetTensorMutableRawData();
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (byte)(type == TensorType.Bool ? i % 2 : i * 41);
        }

        run.Input("x", input);

        Assert.Equal(type.ElementSize() * 6, bytes.Length);
        Assert.Equal(bytes.ToArray(), run.Output().GetTensorMutableRawData().ToArray());
        Assert.Equal([2, 3], run.Shape());
    }

    [Fact]
    public void AddConstant_TwoValues_CanBeToldApart()
    {
        using OrtRun one = new OrtRun(TestModels.AddConstant(1)).Input("x", [2, 1], 1f, 2f);
        using OrtRun ten = new OrtRun(TestModels.AddConstant(10)).Input("x", [1, 2], 1f, 2f);

        Assert.Equal([2f, 3f], one.Output<float>());
        Assert.Equal([11f, 12f], ten.Output<float>());
    }

    [Fact]
    public void TwoInputsSum_Run_Adds()
    {
        using OrtRun run = new OrtRun(TestModels.TwoInputsSum()).Input("a", [1, 2], 1f, 2f).Input("b", [1, 2], 10f, 20f);

        Assert.Equal([11f, 22f], run.Output<float>());
    }

    [Fact]
    public void MixedTypes_Run_HandsEachInputThrough()
    {
        using OrtRun run = new OrtRun(TestModels.MixedTypes())
            .Input("ids", [1], long.MaxValue).Strings("text", [1], "t").Input("flags", [1], true).Input<byte>("pixels", [1, 2], 0, 255);

        Assert.Equal(["ids_out", "text_out", "flags_out", "pixels_out"], run.Session.OutputNames);
        Assert.Equal([long.MaxValue], run.Output<long>(0));
        Assert.Equal(["t"], run.Output(1).GetStringTensorAsArray());
        Assert.Equal([true], run.Output<bool>(2));
        Assert.Equal<byte>([0, 255], run.Output<byte>(3));
    }

    [Fact]
    public void NoInputs_Run_IsConstant()
    {
        using var run = new OrtRun(TestModels.NoInputs());

        Assert.Empty(run.Session.InputNames);
        Assert.Equal([1.5f, -2f], run.Output<float>());
    }

    [Fact]
    public void Scalar_Run_HasNoDimensions()
    {
        using OrtRun run = new OrtRun(TestModels.Scalar()).Input("x", [], 21f);

        Assert.Empty(run.Session.InputMetadata["x"].Dimensions);
        Assert.Equal([42f], run.Output<float>());
        Assert.Empty(run.Shape());
    }

    [Theory]
    [InlineData(new long[0])]
    [InlineData(new long[] { 1 })]
    [InlineData(new long[] { 1, 1, 1, 1, 1, 1 })]
    public void UnknownRank_AnyShape_IsKept(long[] shape)
    {
        using OrtRun run = new OrtRun(TestModels.UnknownRank()).Input("x", shape, 1.5f);

        Assert.Equal([3f], run.Output<float>());
        Assert.Equal(shape, run.Shape());
    }

    [Fact]
    public void OptionalInput_LeftOutOrSent_UsesTheRightBias()
    {
        using OrtRun without = new OrtRun(TestModels.OptionalInput()).Input("x", [1, 2], 1f, 2f);
        using OrtRun with = new OrtRun(TestModels.OptionalInput()).Input("x", [1, 2], 1f, 2f).Input("bias", [2], -1f, -2f);

        Assert.Equal(["x"], without.Session.InputNames);
        Assert.Equal(["bias"], without.Session.OverridableInitializerMetadata.Keys);
        Assert.Equal([11f, 22f], without.Output<float>());
        Assert.Equal([0f, 0f], with.Output<float>());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void ZeroSize_AnyBatch_IsEmpty(int batch)
    {
        using OrtRun run = new OrtRun(TestModels.ZeroSize()).Input("x", [batch, 3], new float[batch * 3]);

        Assert.Equal([0, 3], run.Shape());
        Assert.Empty(run.Output<float>());
    }

    [Fact]
    public void StringModels_Run_AnswerStrings()
    {
        using OrtRun same = new OrtRun(TestModels.StringIdentity()).Strings("x", [2], "Ünï\"\n", "");
        using OrtRun upper = new OrtRun(TestModels.StringUpper()).Strings("x", [2], "abc", "d E");

        Assert.Equal(["Ünï\"\n", ""], same.Output().GetStringTensorAsArray());
        Assert.Equal(["ABC", "D E"], upper.Output().GetStringTensorAsArray());
    }

    [Fact]
    public void Random_TwoRuns_Differ()
    {
        using var run = new OrtRun(TestModels.Random());
        using var options = new RunOptions();

        float[] first = run.Output<float>();
        using IDisposableReadOnlyCollection<OrtValue> second = run.Session.Run(options, [], [], ["y"]);

        Assert.NotEqual(first, second[0].GetTensorDataAsSpan<float>().ToArray());
    }

    [Fact]
    public void Mlp_Run_AnswersProbabilitiesThatDependOnTheInput()
    {
        using OrtRun run = new OrtRun(TestModels.Mlp()).Input("x", [2, 4], 1f, 2f, 3f, 4f, -4f, 3f, -2f, 1f);

        float[] probabilities = run.Output<float>();

        Assert.Equal([2, 3], run.Shape());
        Assert.Equal(1f, probabilities[..3].Sum(), 1e-5f);
        Assert.Equal(1f, probabilities[3..].Sum(), 1e-5f);
        Assert.NotEqual(probabilities[0], probabilities[3], 0.01f);
    }

    [Fact]
    public void LargeWeights_OneMegabyte_IsThatLargeAndRuns()
    {
        byte[] model = TestModels.LargeWeights(1 << 20);
        using OrtRun run = new OrtRun(model).Input("x", [1, TestModels.LargeWeightsInputSize], new float[TestModels.LargeWeightsInputSize]);

        Assert.InRange(model.Length, 1 << 20, (1 << 20) + 512);
        Assert.Equal([1, 1024], run.Shape());
        Assert.All(run.Output<float>(), value => Assert.Equal(0f, value));
    }

    [Theory]
    [InlineData(1, 8, 8, 1)]
    [InlineData(3, 33, 17, 50)]
    public void VaryingShapes_AnyShape_Runs(int batch, int height, int width, int length)
    {
        using OrtRun run = new OrtRun(TestModels.VaryingShapes())
            .Input("image", [batch, 3, height, width], Enumerable.Repeat(1f, batch * 3 * height * width).ToArray())
            .Input("tokens", [batch, length, 16], Enumerable.Repeat(1f, batch * length * 16).ToArray());

        Assert.Equal([batch, 8], run.Shape(0));
        Assert.Equal([batch, length, 16], run.Shape(1));
        // All tokens are the same, so attention over them gives the token back.
        Assert.All(run.Output<float>(1), value => Assert.Equal(1f, value, 1e-5f));
    }
}
