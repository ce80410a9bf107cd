using ModelGateway.Serving.Runtime.Onnx;
using ModelGateway.Serving.Tensors;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Runtime.Onnx;

public sealed class NondeterministicNodesTests
{
    // Enough for two runs to agree by chance never: a bit each is 2^-64.
    private const int Width = 64;
    private static readonly OnnxTensor False = OnnxTensor.From([], false);
    private static readonly OnnxTensor True = OnnxTensor.From([], true);
    private static readonly OnnxAttr Seed = OnnxAttr.Float("seed", 7);

    /// <summary>Models of <c>x</c> FP32 [1, 64] that do not answer alike, with the node that is to blame.</summary>
    public static TheoryData<string, byte[]> Random => new()
    {
        { "RandomNormal 'RandomNormal_0'", Graph().Node("RandomNormal", [], ["y"], OnnxAttr.Ints("shape", 1, Width)).Build() },
        { "RandomUniform 'RandomUniform_0'", Graph().Node("ai.onnx.RandomUniform", [], ["y"], OnnxAttr.Ints("shape", 1, Width), Seed).Build() },
        { "RandomNormalLike 'RandomNormalLike_0'", Graph().Node("RandomNormalLike", ["x"], ["y"], Seed).Build() },
        { "RandomUniformLike 'RandomUniformLike_1'", Graph().Node("Relu", ["x"], ["a"]).Node("RandomUniformLike", ["a"], ["b"]).Node("Add", ["a", "b"], ["y"]).Build() },
        { "Multinomial 'Multinomial_0'", Graph(OnnxElementType.Int32).Node("Multinomial", ["x"], ["y"], OnnxAttr.Int("sample_size", Width), Seed).Build() },
        { "Bernoulli 'Bernoulli_0'", Graph().Node("Bernoulli", ["x"], ["y"], Seed).Build() },
        { "Dropout 'Dropout_0'", Dropout("mode").Initializer("mode", True).Build() },
        { "Dropout 'Dropout_0'", Dropout("mode").Initializer("mode", True).Opset(12).Build() },
        { "Dropout 'Dropout_1'", Graph().Node("Constant", [], ["mode"], OnnxAttr.Tensor("value", True)).Node("Dropout", ["x", "", "mode"], ["y"], OnnxAttr.Int("seed", 7)).Build() },
        { "Dropout 'Dropout_0'", Dropout("mode").Initializer("mode", OnnxTensor.PackedBool(true)).Build() },
        { "Dropout 'Dropout_1'", Graph().Initializer("no", False).Node("Not", ["no"], ["mode"]).Node("Dropout", ["x", "", "mode"], ["y"]).Build() },
        { "RandomNormalLike 'RandomNormalLike_0' in then_branch of If 'If_2'", If(Branch("RandomNormalLike")).Build() },
        { "RandomUniformLike 'RandomUniformLike_1' in body of Loop 'Loop_0'", Loop(Body().Node("RandomUniformLike", ["before"], ["after"])).Build() },
        {
            "RandomNormalLike 'RandomNormalLike_0' in then_branch of If 'If_1' in body of Loop 'Loop_0'",
            Loop(Body().Initializer("yes", True)
                .Node("If", ["yes"], ["after"], OnnxAttr.Graph("then_branch", Branch("RandomNormalLike")), OnnxAttr.Graph("else_branch", Branch("Identity")))).Build()
        },
        { "Dropout 'Dropout_1' in body of Loop 'Loop_0'", Loop(Body().Node("Dropout", ["before", "", "mode"], ["after"])).Initializer("mode", True).Build() },
        {
            "RandomNormalLike 'RandomNormalLike_0' in the function local.Noise",
            Graph().Opset(1, "local").Node("local.Noise", ["x"], ["y"])
                .Function("local.Noise", ["in"], ["out"], new OnnxGraphBuilder().Node("RandomNormalLike", ["in"], ["out"])).Build()
        },
        {
            "Dropout 'Dropout_0' in the function local.Noise",
            Graph().Opset(1, "local").Initializer("mode", True).Node("local.Noise", ["x", "mode"], ["y"])
                .Function("local.Noise", ["in", "mode"], ["out"], new OnnxGraphBuilder().Node("Dropout", ["in", "", "mode"], ["out"])).Build()
        },
    };

    /// <summary>Models of <c>x</c> FP32 [1, 64] that answer alike, though a hasty look might think otherwise.</summary>
    public static TheoryData<string, byte[]> Deterministic => new()
    {
        { "plain", Graph().Node("Relu", ["x"], ["y"]).Build() },
        { "names", new OnnxGraphBuilder("RandomNormal").Description("RandomNormal").Input("x", OnnxElementType.Float, 1, Width).Output("RandomNormal", OnnxElementType.Float, 1, Width).Node("Relu", ["x"], ["RandomNormal"]).Build() },
        { "no mode", Graph().Node("Dropout", ["x"], ["y"]).Build() },
        { "no mode but a ratio", Graph().Initializer("ratio", OnnxTensor.From([], 0.3f)).Node("Dropout", ["x", "ratio"], ["y"]).Build() },
        { "empty mode", Dropout("").Build() },
        { "false", Dropout("mode").Initializer("mode", False).Build() },
        { "packed false", Dropout("mode").Initializer("mode", OnnxTensor.PackedBool(false)).Build() },
        { "false node", Graph().Node("Constant", [], ["mode"], OnnxAttr.Tensor("value", False)).Node("Dropout", ["x", "", "mode"], ["y"]).Build() },
        { "old dropout", Graph().IrVersion(4).Opset(7).Node("Dropout", ["x"], ["y"], OnnxAttr.Float("ratio", 0.5f)).Build() },
        { "dropout of set 10", Graph().IrVersion(5).Opset(10).Node("Dropout", ["x"], ["y"]).Build() },
        { "false around a body", Loop(Body().Node("Dropout", ["before", "", "mode"], ["after"])).Initializer("mode", False).Build() },
        { "false in a body", Loop(Body().Node("Constant", [], ["mode"], OnnxAttr.Tensor("value", False)).Node("Dropout", ["before", "", "mode"], ["after"])).Build() },
        {
            "a function with that name",
            Graph().Opset(1, "local").Node("local.RandomNormal", ["x"], ["y"])
                .Function("local.RandomNormal", ["in"], ["out"], new OnnxGraphBuilder().Node("Relu", ["in"], ["out"])).Build()
        },
    };

    [Theory]
    [MemberData(nameof(Random))]
    public void Find_ModelThatDoesNotAnswerAlike_NamesTheNode(string node, byte[] model)
    {
        Assert.Equal(node, Find(model));
        (byte[] one, byte[] other) = RunTwice(model);
        Assert.NotEqual(one, other);
    }

    [Theory]
    [MemberData(nameof(Deterministic))]
    public void Find_ModelThatAnswersAlike_IsNothing(string what, byte[] model)
    {
        Assert.Null(Find(model));
        (byte[] one, byte[] other) = RunTwice(model);
        Assert.True(one.AsSpan().SequenceEqual(other), what);
    }

    [Fact]
    public void Find_TrainingModeThatARequestMaySend_NamesTheNode()
    {
        Assert.Equal("Dropout 'Dropout_0'", Find(Dropout("mode").Input("mode", OnnxElementType.Bool).Build()));
        byte[] overridable = Dropout("mode").OverridableInput("mode", False).Build();
        Assert.Equal("Dropout 'Dropout_0'", Find(overridable));
        (byte[] one, byte[] other) = RunTwice(overridable, training: true);
        Assert.NotEqual(one, other);
    }

    [Fact]
    public void Find_ConstantHiddenByANameInside_NamesTheNode()
    {
        OnnxGraphBuilder made = Body().Node("Not", ["go_on"], ["mode"]).Node("Dropout", ["before", "", "mode"], ["after"]);
        OnnxGraphBuilder given = Body().Node("Dropout", ["before", "", "go_on"], ["after"]);

        Assert.Equal("Dropout 'Dropout_2' in body of Loop 'Loop_0'", Find(Loop(made).Initializer("mode", False).Build()));
        Assert.Equal("Dropout 'Dropout_1' in body of Loop 'Loop_0'", Find(Loop(given).Initializer("go_on", False).Build()));
    }

    // ONNX Runtime has these for graphics cards only, or they need a whole language model.
    [Theory]
    [InlineData("Sampling", 1, true)]
    [InlineData("BitmaskDropout", 2, false)]
    [InlineData("BitmaskDropout", 3, true)]
    [InlineData("BiasDropout", 4, false)]
    [InlineData("BiasDropout", 5, true)]
    [InlineData("BitmaskBiasDropout", 4, false)]
    [InlineData("BitmaskBiasDropout", 5, true)]
    [InlineData("BiasGelu", 2, false)]
    public void Find_ContribOperator_IsKnownByItsDomain(string operation, int inputs, bool isRandom)
    {
        string[] names = [.. Enumerable.Repeat("x", inputs)];
        Assert.Equal(isRandom ? $"{operation} '{operation}_0'" : null, Find(Graph().Node($"com.microsoft.{operation}", names, ["y"]).Build()));
        Assert.Null(Find(Graph().Node($"com.example.{operation}", names, ["y"]).Build()));
    }

    [Fact]
    public void Find_NamesOfTheFile_AreMadeFitForALog()
    {
        byte[] model = Graph().Opset(1, "l").Function($"l.a\n{new string('f', 500)}", [], [], new OnnxGraphBuilder().Node("RandomNormal", [], ["y"])).Build();

        string node = Find(model)!;

        Assert.StartsWith("RandomNormal 'RandomNormal_0' in the function l.afff", node, StringComparison.Ordinal);
        Assert.InRange(node.Length, 1, 200);
    }

    [Fact]
    public void Find_GraphsNestedTooDeeply_IsInvalidData()
    {
        OnnxGraphBuilder graph = Body();
        for (int i = 0; i < 102; i++)
        {
            graph = new OnnxGraphBuilder().Node("Loop", ["x"], ["y"], OnnxAttr.Graph("body", graph));
        }

        Assert.Throws<InvalidDataException>(() => Find(graph.Build()));
    }

    [Fact]
    public void Load_ModelWithSuchANode_ShowsItInTheMetadata()
    {
        using var random = new LoadedModel(TestModels.Random());
        using var plain = new LoadedModel(TestModels.Mlp());

        Assert.Equal("RandomUniform 'RandomUniform_0'", random.Instance.Metadata.NondeterministicNode);
        Assert.Null(plain.Instance.Metadata.NondeterministicNode);
    }

    private static OnnxGraphBuilder Graph(OnnxElementType output = OnnxElementType.Float) =>
        new OnnxGraphBuilder().Input("x", OnnxElementType.Float, 1, Width).Output("y", output, 1, Width);

    private static OnnxGraphBuilder Dropout(string mode) => Graph().Node("Dropout", ["x", "", mode], ["y"]);

    private static OnnxGraphBuilder Loop(OnnxGraphBuilder body) =>
        Graph().Initializer("turns", OnnxTensor.From([], 1L)).Initializer("always", True).Node("Loop", ["turns", "always", "x"], ["y"], OnnxAttr.Graph("body", body));

    private static OnnxGraphBuilder Body() =>
        new OnnxGraphBuilder("body")
            .Input("turn", OnnxElementType.Int64)
            .Input("go_on", OnnxElementType.Bool)
            .Input("before", OnnxElementType.Float, 1, Width)
            .Output("go_on_out", OnnxElementType.Bool)
            .Output("after", OnnxElementType.Float, 1, Width)
            .Node("Identity", ["go_on"], ["go_on_out"]);

    // A constant condition would be folded away with the branch that is not taken.
    private static OnnxGraphBuilder If(OnnxGraphBuilder then) =>
        Graph().Initializer("low", OnnxTensor.From([], -1f)).Initializer("axes", OnnxTensor.From([2], 0L, 1L))
            .Node("ReduceSum", ["x", "axes"], ["sum"], OnnxAttr.Int("keepdims", 0))
            .Node("Greater", ["sum", "low"], ["condition"])
            .Node("If", ["condition"], ["y"], OnnxAttr.Graph("then_branch", then), OnnxAttr.Graph("else_branch", Branch("Identity")));

    private static OnnxGraphBuilder Branch(string operation) =>
        new OnnxGraphBuilder("branch").Output("inner", OnnxElementType.Float, 1, Width).Node(operation, ["x"], ["inner"]);

    private static string? Find(byte[] model)
    {
        using var stream = new MemoryStream(model);
        return OnnxFileHeader.Read(stream).NondeterministicNode;
    }

    private static (byte[] One, byte[] Other) RunTwice(byte[] model, bool training = false)
    {
        using var loaded = new LoadedModel(model);
        return (Run(), Run());

        byte[] Run()
        {
            if (loaded.Signature.IndexOfInput("x") >= 0)
            {
                loaded.Input("x", TensorType.Fp32, [1, Width], [.. Enumerable.Repeat(0.5f, Width)]);
            }

            if (training)
            {
                loaded.Input("mode", TensorType.Bool, [], true);
            }

            return Assert.Single(loaded.Run()).Values.Data.ToArray();
        }
    }
}
