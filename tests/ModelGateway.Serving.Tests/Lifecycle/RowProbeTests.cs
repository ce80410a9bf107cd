using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Tensors;
using ModelGateway.Serving.Tests.Runtime.Onnx;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Onnx;
using Xunit;
using static ModelGateway.TestKit.Onnx.OnnxDimension;

namespace ModelGateway.Serving.Tests.Lifecycle;

public sealed class RowProbeTests
{
    private const string Dependent = "its output 'y' of a row depends on the other rows of the batch.";
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(1);
    private static readonly OnnxTensor Zero = OnnxTensor.From([1], 0L);

    public static TheoryData<string, byte[]> Independent => new()
    {
        { "mlp", TestModels.Mlp() },
        { "wide", TestModels.LargeWeights(1 << 20) },
        { "convolution and attention", TestModels.VaryingShapes() },
        { "every kind of element", TestModels.MixedTypes() },
        { "strings", TestModels.StringUpper() },
        { "two inputs", TestModels.TwoInputsSum() },
        { "loop", TestModels.Slow(3) },
        { "optional input left out", TestModels.OptionalInput() },
        { "half", TestModels.Identity(OnnxElementType.Float16, "batch", 3) },
        { "sum along a row", Floats().Initializer("one", OnnxTensor.From([], 1L)).Node("CumSum", ["x", "one"], ["y"]).Build() },
        { "ids", Ids(Embed()).Build() },
        { "output of unknown rank", new OnnxGraphBuilder().Input("x", OnnxElementType.Float, "batch", 4).Output("y", OnnxType.TensorOfAnyRank(OnnxElementType.Float)).Node("Relu", ["x"], ["y"]).Build() },
        { "several rows of output dimensions", Floats().Node("Softmax", ["x"], ["y"], OnnxAttr.Int("axis", 1)).Build() },
    };

    public static TheoryData<string, byte[]> NotIndependent => new()
    {
        { "softmax over the batch", Floats().Node("Softmax", ["x"], ["y"], OnnxAttr.Int("axis", 0)).Build() },
        { "less the mean", Floats().Node("ReduceMean", ["x"], ["mean"], OnnxAttr.Ints("axes", 0)).Node("Sub", ["x", "mean"], ["y"]).Build() },
        { "by the largest", Floats().Node("ReduceMax", ["x"], ["most"], OnnxAttr.Ints("axes", 0)).Node("Div", ["x", "most"], ["y"]).Build() },
        { "sum of those before", Floats().Initializer("rows", OnnxTensor.From([], 0L)).Node("CumSum", ["x", "rows"], ["y"]).Build() },
        { "sum of those after", Floats().Initializer("rows", OnnxTensor.From([], 0L)).Node("CumSum", ["x", "rows"], ["y"], OnnxAttr.Int("reverse", 1), OnnxAttr.Int("exclusive", 1)).Build() },
        { "less the first", Floats().Initializer("zero", Zero).Node("Gather", ["x", "zero"], ["first"], OnnxAttr.Int("axis", 0)).Node("Sub", ["x", "first"], ["y"]).Build() },
        { "attention over the batch", Floats().Node("Transpose", ["x"], ["t"]).Node("MatMul", ["x", "t"], ["all"]).Node("MatMul", ["all", "x"], ["y"]).Build() },
        { "batch normalisation in training", BatchNormalisation() },
        { "by their number", Floats().Node("Shape", ["x"], ["shape"]).Initializer("zero", Zero).Node("Gather", ["shape", "zero"], ["rows"]).Node("Cast", ["rows"], ["number"], OnnxAttr.Int("to", (long)OnnxElementType.Float)).Node("Add", ["x", "number"], ["y"]).Build() },
        { "ids less the sum", Ids(new OnnxGraphBuilder().Initializer("zero", Zero).Output("y", OnnxElementType.Int64, "batch", "length").Node("ReduceSum", ["ids", "zero"], ["sum"]).Node("Sub", ["ids", "sum"], ["y"])).Build() },
        { "embeddings less their mean", Ids(Embed("e").Node("ReduceMean", ["e"], ["mean"], OnnxAttr.Ints("axes", 0)).Node("Sub", ["e", "mean"], ["y"])).Build() },
        { "half over the batch", new OnnxGraphBuilder().Input("x", OnnxElementType.Float16, "batch", 3).Output("y", OnnxElementType.Float16, "batch", 3).Node("Softmax", ["x"], ["y"], OnnxAttr.Int("axis", 0)).Build() },
        { "one output of two", Floats().Output("z", OnnxElementType.Float, "batch", 4).Node("Relu", ["x"], ["z"]).Node("Softmax", ["x"], ["y"], OnnxAttr.Int("axis", 0)).Build() },
        { "strings of the first row", new OnnxGraphBuilder().Input("x", OnnxElementType.String, "batch", 4).Output("y", OnnxElementType.String, "batch", 4).Initializer("zero", Zero).Node("Gather", ["x", "zero"], ["first"]).Node("Shape", ["x"], ["shape"]).Node("Expand", ["first", "shape"], ["y"]).Build() },
    };

    public static TheoryData<string, byte[]> NotPossible => new()
    {
        { "the first dimension of its input 'x' ([2, 4]) is not free.", TestModels.Identity(OnnxElementType.Float, 2, 4) },
        { "the first dimension of its input 'x' ([]) is not free.", TestModels.Scalar() },
        { "the first dimension of its input 'x' (any shape) is not free.", TestModels.UnknownRank() },
        { "it has no inputs that must be given.", TestModels.NoInputs() },
        { "its output 'scores' is not a plain tensor.", TestModels.ZipMap("a", "b") },
        { "its output 'parts' is not a plain tensor.", TestModels.SplitToSequence() },
        { "the first dimension of its output 'y' ([4]) is not free.", new OnnxGraphBuilder().Input("x", OnnxElementType.Float, "batch", 4).Output("y", OnnxElementType.Float, 4).Node("ReduceMax", ["x"], ["y"], OnnxAttr.Ints("axes", 0), OnnxAttr.Int("keepdims", 0)).Build() },
        { "its output 'y' has the shape [0, 3] for 4 rows.", TestModels.ZeroSize() },
        { "its output 'y' has the shape [16] for 4 rows.", new OnnxGraphBuilder().Input("x", OnnxElementType.Float, "batch", 4).Output("y", OnnxElementType.Float, "all").Initializer("shape", OnnxTensor.From([1], -1L)).Node("Reshape", ["x", "shape"], ["y"]).Build() },
        { "its output 'y' has rows of the shape [4] or [1], depending on the batch.", new OnnxGraphBuilder().Input("x", OnnxElementType.Float, "batch", 4).Output("y", OnnxElementType.Float, "batch", "batch").Node("Transpose", ["x"], ["t"]).Node("MatMul", ["x", "t"], ["y"]).Build() },
    };

    [Theory]
    [MemberData(nameof(Independent))]
    public void Run_RowsThatAreAnsweredAlone_IsProven(string what, byte[] model) => Assert.True(Probe(model) is null, $"{what}: {Probe(model)}");

    [Theory]
    [MemberData(nameof(NotIndependent))]
    public void Run_RowsThatDependOnEachOther_NamesTheOutput(string what, byte[] model) => Assert.True(Probe(model) == Dependent, $"{what}: {Probe(model)}");

    [Theory]
    [MemberData(nameof(NotPossible))]
    public void Run_ModelWithoutRows_SaysWhy(string reason, byte[] model) => Assert.Equal(reason, Probe(model));

    // Real weights: what kernels do otherwise with one row than with four is within the tolerance.
    [Theory]
    [InlineData("digits")]
    [InlineData("spam")]
    [InlineData("breast-cancer")]
    [InlineData("diabetes")]
    public void Run_Samples_AreProven(string sample)
    {
        string folder = Path.Combine(RepositoryRoot.Path, "docs/samples/models", sample);
        Assert.Null(Probe(File.ReadAllBytes(Path.Combine(folder, "1", "model.onnx")), File.ReadAllText(Path.Combine(folder, "model.yaml"))));
    }

    [Theory]
    [InlineData("warmup: off")]
    [InlineData("warmup: [{inputs: {x: {shape: [0, 4]}}}]", "no rows that differ can be made of its warm-up inputs: give it a warmup request with two rows.")]
    [InlineData("warmup: [{inputs: {x: {shape: [9, 4], fill: one}}}]")]
    public void Run_AnyWarmup_HasRowsToTry(string config, string? reason = null) => Assert.Equal(reason, Probe(TestModels.Mlp(), config));

    // A 2 in the second column is out of its table's bounds, and shuffled ids bring one there.
    [Theory]
    [InlineData("[[2, 1], [0, 0]]", false, null)]
    [InlineData("[[2, 1], [0, 0]]", true, Dependent)]
    [InlineData("[[2, 0]]", false, "made-up rows fail (")]
    public void Run_IdsThatMustBeValid_UsesTheRowsOfTheWarmup(string ids, bool dependent, string? reason)
    {
        OnnxGraphBuilder graph = new OnnxGraphBuilder()
            .Input("ids", OnnxElementType.Int64, "batch", 2)
            .Output("y", OnnxElementType.Int64, "batch")
            .Initializer("large", OnnxTensor.From([3], 10L, 20L, 30L))
            .Initializer("small", OnnxTensor.From([2], 1L, 2L))
            .Initializer("first", OnnxTensor.From([], 0L))
            .Initializer("second", OnnxTensor.From([], 1L))
            .Node("Gather", ["ids", "first"], ["a"], OnnxAttr.Int("axis", 1))
            .Node("Gather", ["ids", "second"], ["b"], OnnxAttr.Int("axis", 1))
            .Node("Gather", ["large", "a"], ["c"])
            .Node("Gather", ["small", "b"], ["d"])
            .Node("Add", ["c", "d"], [dependent ? "sum" : "y"]);
        byte[] model = dependent ? graph.Node("CumSum", ["sum", "first"], ["y"]).Build() : graph.Build();

        string? actual = Probe(model, $"warmup: [{{inputs: {{ids: {ids}}}}}]");

        Assert.StartsWith(reason ?? "proven", actual ?? "proven", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(TensorType.Fp32, 1e-6, true)]
    [InlineData(TensorType.Fp32, 1e-3, false)]
    [InlineData(TensorType.Fp64, 1e-6, true)]
    [InlineData(TensorType.Fp64, 1e-4, false)]
    [InlineData(TensorType.Fp16, 1e-3, true)]
    [InlineData(TensorType.Fp16, 1e-2, false)]
    [InlineData(TensorType.Bf16, 1e-2, true)]
    [InlineData(TensorType.Bf16, 1e-1, false)]
    public void Run_FloatsThatDifferALittle_AreTheSameWithinTheTolerance(TensorType type, double difference, bool isSame)
    {
        // The value grows with the rows of the batch, as rounding does.
        Assert.Equal(isSame ? null : Dependent, Probe(type, rows => 2 * (1 + (difference * rows / 4))));
    }

    [Theory]
    [InlineData(double.NaN, double.NaN, true)]
    [InlineData(double.PositiveInfinity, double.PositiveInfinity, true)]
    [InlineData(double.PositiveInfinity, double.NegativeInfinity, false)]
    [InlineData(double.PositiveInfinity, 1e30, false)]
    [InlineData(double.NaN, 0, false)]
    [InlineData(1e-7, -1e-7, true)]
    [InlineData(0.0, -0.0, true)]
    [InlineData(1e-4, -1e-4, false)]
    public void Run_SpecialFloats_AreComparedAsValues(double together, double otherwise, bool isSame) =>
        Assert.Equal(isSame ? null : Dependent, Probe(TensorType.Fp64, rows => rows == 4 ? together : otherwise));

    [Theory]
    [InlineData(4)]
    [InlineData(3)]
    [InlineData(1)]
    public void Run_OneBatchThatIsAnsweredOtherwise_IsFound(int rows) =>
        Assert.Equal(Dependent, Probe(TensorType.Fp32, count => count == rows ? 1 : 2));

    [Fact]
    public void Run_IntegersThatDifferByOne_Differ()
    {
        using var instance = new FakeInstance
        {
            Signature = Signature(TensorType.Int64),
            OnRun = (inputs, _) => [OutputValue.FromTensor("y", Filled<long>(TensorType.Int64, inputs, rows => 1_000_000_000 + rows))],
        };

        Assert.Equal(Dependent, RowProbe.Run(instance, [], Longest, CancellationToken.None).Reason);
    }

    [Fact]
    public void Run_ModelThatTakesOneRowOnly_SaysThatItFails()
    {
        using var instance = new FakeInstance
        {
            Signature = Signature(TensorType.Fp32),
            OnRun = (inputs, _) => inputs[0].Tensor.Shape[0] == 1
                ? [OutputValue.FromTensor("y", Filled(TensorType.Fp32, inputs, _ => 1f))]
                : throw new ModelRunException("one row at a time", inputAtFault: true),
        };

        Assert.Equal("made-up rows fail (one row at a time).", RowProbe.Run(instance, [], Longest, CancellationToken.None).Reason);
    }

    [Fact]
    public void Run_ModelThatNeverEnds_IsStopped()
    {
        using var model = new LoadedModel(TestModels.Slow(long.MaxValue));

        Assert.Equal("trying it did not end within 0.02 seconds.", RowProbe.Run(model.Instance, [], TimeSpan.FromMilliseconds(20), CancellationToken.None).Reason);
    }

    [Fact]
    public void Run_Cancelled_IsCancelled()
    {
        using var model = new LoadedModel(TestModels.Slow(long.MaxValue));
        using var caller = new CancellationTokenSource(TimeSpan.FromMilliseconds(20));

        Assert.ThrowsAny<OperationCanceledException>(() => RowProbe.Run(model.Instance, [], Longest, caller.Token).Reason);
    }

    [Fact]
    public void Run_RowsOfGigabytes_AreNotMade()
    {
        using var instance = new FakeInstance { Signature = new ModelSignature([new TensorSpec("x", TensorType.Fp32, [-1, 1 << 25])], []) };
        using Tensor row = TensorFiller.Fill(TensorType.Fp32, [1, 1 << 25], WarmupFill.Zero);

        Assert.Equal("its rows are too large to be tried.", RowProbe.Run(instance, [], Longest, CancellationToken.None).Reason);
        Assert.Equal("its rows are too large to be tried.", RowProbe.Run(instance, [new NamedTensor("x", row)], Longest, CancellationToken.None).Reason);
    }

    [Fact]
    public async Task Load_MarkedModels_KnowWhetherTheirRowsAreAnsweredAlone()
    {
        using var serving = new ServingHarness();
        serving.Add("mlp", 1, TestModels.Mlp());
        serving.Add("unmarked", 1, TestModels.Mlp());
        serving.Add("softmax", 1, Floats().Node("Softmax", ["x"], ["y"], OnnxAttr.Int("axis", 0)).Build());
        serving.Add("random", 1, TestModels.Random());
        foreach (string name in new[] { "mlp", "softmax", "random" })
        {
            serving.Folder.AddConfig(name, "rows_independent: true");
        }

        await serving.ScanAndSettleAsync();

        Assert.Equal(
            [true, false, false, false],
            new[] { "mlp", "unmarked", "softmax", "random" }.Select(name => serving.Version(name, 1).Servable!.AnswersRowsAlone));
        Assert.Equal(
            $"Warning: softmax/1 is marked rows_independent, but its rows are not kept one by one: {Dependent}",
            Assert.Single(serving.Log.All, line => line.Contains("rows_independent", StringComparison.Ordinal)));
    }

    private static string? Probe(byte[] model, string config = "")
    {
        using var loaded = new LoadedModel(model, config);
        IReadOnlyList<NamedTensor> example = Warmup.Run(loaded.Instance, ModelConfigReader.Read(config).Config!, Longest, _ => { }, CancellationToken.None);
        return RowProbe.Run(loaded.Instance, example, Longest, CancellationToken.None).Reason;
    }

    // A model whose answer is a function of the number of rows.
    private static string? Probe(TensorType type, Func<int, double> answer)
    {
        using var instance = new FakeInstance { Signature = Signature(type), OnRun = (inputs, _) => [OutputValue.FromTensor("y", Answer(inputs))] };
        return RowProbe.Run(instance, [], Longest, CancellationToken.None).Reason;

        Tensor Answer(IReadOnlyList<NamedTensor> inputs) => type switch
        {
            TensorType.Fp16 => Filled(type, inputs, rows => (Half)answer(rows)),
            TensorType.Bf16 => Filled(type, inputs, rows => BFloat16Bits.FromDouble(answer(rows))),
            TensorType.Fp32 => Filled(type, inputs, rows => (float)answer(rows)),
            _ => Filled(type, inputs, answer),
        };
    }

    private static Tensor Filled<T>(TensorType type, IReadOnlyList<NamedTensor> inputs, Func<int, T> answer)
        where T : unmanaged
    {
        int rows = (int)inputs[0].Tensor.Shape[0];
        return Tensor.Create<T>(type, [rows, 2], [.. Enumerable.Repeat(answer(rows), rows * 2)]);
    }

    private static ModelSignature Signature(TensorType output) =>
        new([new TensorSpec("x", TensorType.Fp32, [-1, 2])], [new OutputSpec(OutputKind.Tensor, new TensorSpec("y", output, [-1, 2]))]);

    private static OnnxGraphBuilder Floats() =>
        new OnnxGraphBuilder().Input("x", OnnxElementType.Float, "batch", 4).Output("y", OnnxElementType.Float, "batch", 4);

    private static OnnxGraphBuilder Ids(OnnxGraphBuilder rest) => rest.Input("ids", OnnxElementType.Int64, "batch", "length");

    private static OnnxGraphBuilder Embed(string output = "y") =>
        new OnnxGraphBuilder().Output("y", OnnxElementType.Float, "batch", Unknown, 2).Initializer("table", OnnxTensor.From([3, 2], 1f, 2f, 3f, 5f, 7f, 11f))
            .Node("Gather", ["table", "ids"], [output]);

    private static byte[] BatchNormalisation() =>
        Floats()
            .Initializer("ones", OnnxTensor.From([4], 1f, 1f, 1f, 1f))
            .Initializer("zeros", OnnxTensor.From([4], 0f, 0f, 0f, 0f))
            .Node("BatchNormalization", ["x", "ones", "zeros", "zeros", "ones"], ["y", "mean", "variance"], OnnxAttr.Int("training_mode", 1))
            .Build();
}
