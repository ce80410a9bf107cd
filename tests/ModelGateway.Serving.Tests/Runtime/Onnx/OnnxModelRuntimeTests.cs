using System.Text;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Runtime.Onnx;
using ModelGateway.Serving.Scheduling;
using ModelGateway.Serving.Tensors;
using ModelGateway.Serving.Tests.Lifecycle;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Runtime.Onnx;

/// <summary>Loading: what a model says of itself, what cannot be served and why, and the settings of a session.</summary>
public sealed class OnnxModelRuntimeTests
{
    public static TheoryData<string, byte[], string> NotServable => new()
    {
        { "broken", TestModels.Broken(), "The file is not an ONNX model" },
        { "truncated", TestModels.Truncated(), "The file is not an ONNX model" },
        { "empty", [], "The file is empty" },
        { "text", Encoding.UTF8.GetBytes("<html>404 Not Found</html>"), "The file is not an ONNX model" },
        { "git lfs pointer", Encoding.UTF8.GetBytes("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"), "The file is not an ONNX model" },
        { "no graph", [8, 8], "No graph was found" },
        { "unknown operator", TestModels.UnknownOperator(), "NoSuchOperator" },
        { "unknown domain", Node("com.acme.Magic"), "com.acme:Magic" },
        { "future opset", new OnnxGraphBuilder().Opset(99).Input("x", OnnxElementType.Float, "n").Output("y", OnnxElementType.Float, "n").Node("Relu", ["x"], ["y"]).Build(), "opset" },
        { "future format", new OnnxGraphBuilder().IrVersion(99).Input("x", OnnxElementType.Float, "n").Output("y", OnnxElementType.Float, "n").Node("Relu", ["x"], ["y"]).Build(), "Unsupported model IR version: 99" },
        { "value from nowhere", new OnnxGraphBuilder().Input("x", OnnxElementType.Float, "n").Output("y", OnnxElementType.Float, "n").Node("Add", ["x", "z"], ["y"]).Build(), "'z'" },
        { "float8 output", TestModels.Float8Output(), "'y' has elements of type FLOAT8E4M3FN" },
        { "float8 input", Cast(OnnxElementType.Float8E5M2), "'x' has elements of type FLOAT8E5M2" },
        { "complex", TestModels.Identity(OnnxElementType.Complex64, "n"), "complex64" },
        { "sequence input", TestModels.SequenceInput(), "Input 'parts' is a sequence; only tensors can be sent." },
        { "map input", TestModels.MapInput(), "Input 'features' is a map; only tensors can be sent." },
        { "optional input", TestModels.OptionalTypeInput(), "Input 'x' is an optional; only tensors can be sent." },
        { "optional output", TestModels.OptionalTypeOutput(), "Output 'y' is an optional" },
        { "external data missing", TestModels.WithExternalData("weights.bin", 1).Model, "\"weights.bin\"" },
        { "external data outside", TestModels.WithExternalData("../weights.bin", 1).Model, "escapes model directory" },
        { "external data elsewhere", TestModels.WithExternalData("/etc/passwd", 1).Model, "Absolute path not allowed" },
    };

    [Theory]
    [MemberData(nameof(NotServable))]
    public void Load_ModelThatCannotBeServed_SaysWhyInCleanWords(string what, byte[] model, string reason)
    {
        string message = LoadedModel.LoadFailure(model);

        Assert.True(message.Contains(reason, StringComparison.Ordinal), $"{what}: {message}");
        Assert.DoesNotContain("onnxruntime_src", message, StringComparison.Ordinal);
        Assert.DoesNotContain("ErrorCode", message, StringComparison.Ordinal);
        Assert.DoesNotContain("[ONNXRuntimeError]", message, StringComparison.Ordinal);
        Assert.DoesNotContain(Path.GetTempPath(), message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void Load_Signature_IsTheGraphs()
    {
        using var mlp = new LoadedModel(TestModels.Mlp());
        using var mixed = new LoadedModel(TestModels.MixedTypes());
        using var anyRank = new LoadedModel(TestModels.UnknownRank());
        using var scalar = new LoadedModel(TestModels.Scalar());
        using var optional = new LoadedModel(TestModels.OptionalInput());
        using var partly = new LoadedModel(TestModels.Identity(OnnxElementType.Float, "batch", OnnxDimension.Unknown, 3, 0));

        Assert.Equal("x FP32 [batch, 4]", Inputs(mlp));
        Assert.Equal("probabilities Tensor FP32 [batch, 3]", Outputs(mlp));
        Assert.Equal("ids INT64 [batch]; text BYTES [batch]; flags BOOL [batch]; pixels UINT8 [batch, 2]", Inputs(mixed));
        Assert.Equal("x FP32 any shape", Inputs(anyRank));
        Assert.Equal("y Tensor FP32 any shape", Outputs(anyRank));
        Assert.Equal("x FP32 []", Inputs(scalar));
        Assert.Equal("x FP32 [batch, 2]; bias FP32 [2] optional", Inputs(optional));
        Assert.Equal("x FP32 [batch, ?, 3, 0]", Inputs(partly));
        Assert.Equal(["batch", "", "", ""], partly.Signature.Inputs[0].DimensionNames);
        Assert.Equal([-1, -1, 3, 0], partly.Signature.Inputs[0].Dimensions!);
    }

    [Fact]
    public void Load_OldFormatListsConstantsAsInputs_TheyAreNoInputs()
    {
        byte[] onnx = new OnnxGraphBuilder().IrVersion(3)
            .Input("x", OnnxElementType.Float, "n").OverridableInput("w", OnnxTensor.From([1], 1f))
            .Output("y", OnnxElementType.Float, "n").Node("Add", ["x", "w"], ["y"]).Build();
        using var model = new LoadedModel(onnx);

        Assert.Equal("x FP32 [n]", Inputs(model));
        Assert.Equal([3f], model.Input("x", TensorType.Fp32, [1], 2f).Run()[0].Values.AsSpan<float>());
    }

    [Fact]
    public void Load_Metadata_IsTheFiles()
    {
        byte[] onnx = new OnnxGraphBuilder("graph").Producer("exporter", "2.1").Description("what it does")
            .Metadata("labels", "a\nb").Metadata("ключ", "🙂").Opset(15).Opset(2, "ai.onnx.ml")
            .Output("y", OnnxElementType.Int64, 1).Node("Constant", [], ["y"], OnnxAttr.Ints("value_ints", 7)).Build();
        using var model = new LoadedModel(onnx);

        ModelMetadata metadata = model.Instance.Metadata;

        Assert.Equal(("exporter 2.1", "what it does"), (metadata.Producer, metadata.Description));
        Assert.Equal(("a\nb", "🙂"), (metadata.Properties["labels"], metadata.Properties["ключ"]));
        Assert.Equal([("ai.onnx", 15), ("ai.onnx.ml", 2)], metadata.Opsets.Select(opset => (opset.Key, opset.Value)).Order());
    }

    [Fact]
    public void Load_LargeModel_IsEstimatedLarger()
    {
        using var small = new LoadedModel(TestModels.Mlp());
        using var large = new LoadedModel(TestModels.LargeWeights(4 << 20));

        Assert.InRange(large.Instance.MemoryEstimate - small.Instance.MemoryEstimate, 4 << 20, 16 << 20);
    }

    [Theory]
    [InlineData("threads: 1")]
    [InlineData("threads: 2")]
    [InlineData("memory_arena: true")]
    [InlineData("memory_arena: false")]
    [InlineData("graph_optimization: off")]
    [InlineData("graph_optimization: basic")]
    [InlineData("graph_optimization: extended")]
    [InlineData("{threads: 2, memory_arena: true, graph_optimization: off, execution_provider: cpu}")]
    public void Load_AnySettings_AnswersTheSame(string config)
    {
        using var plain = new LoadedModel(TestModels.VaryingShapes());
        using var model = new LoadedModel(TestModels.VaryingShapes(), config);
        foreach (int size in new[] { 4, 30, 7 })
        {
            (float[] Features, float[] Attended) expected = Answer(plain, size);
            (float[] Features, float[] Attended) actual = Answer(model, size);

            Assert.All(expected.Features.Zip(actual.Features), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
            Assert.All(expected.Attended.Zip(actual.Attended), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
        }
    }

    [Fact]
    public void Load_ArenaForTheWholeGateway_AnswersTheSame()
    {
        using var model = new LoadedModel(TestModels.AddConstant(1), "", new OnnxOptions { MemoryArena = true });

        Assert.Equal([2f], model.Input("x", TensorType.Fp32, [1, 1], 1f).Run()[0].Values.AsSpan<float>());
    }

    [Theory]
    [InlineData("banana")]
    [InlineData("cuda")]
    [InlineData("tensorrt")]
    [InlineData("openvino")]
    [InlineData("xnnpack")]
    public void Load_ExecutionProviderThatIsNotThere_SaysWhichAre(string provider)
    {
        string own = LoadedModel.LoadFailure(TestModels.Mlp(), $"execution_provider: {provider}");
        string gateways = LoadedModel.LoadFailure(TestModels.Mlp(), "", new OnnxOptions { ExecutionProvider = provider });

        Assert.Equal(own, gateways);
        Assert.Contains($"'{provider}'", own, StringComparison.Ordinal);
        Assert.Contains("CPUExecutionProvider", own, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_ModelNamesAProviderOfItsOwn_TheGatewaysDoesNotMatter()
    {
        using var model = new LoadedModel(TestModels.NoInputs(), "execution_provider: cpu", new OnnxOptions { ExecutionProvider = "banana" });

        Assert.Single(model.Run());
    }

    [Fact]
    public void Load_Cancelled_IsCancelledNotFailed()
    {
        string folder = Directory.CreateTempSubdirectory("model-").FullName;
        using var artifact = new ModelArtifact(folder, "", 0);
        File.WriteAllBytes(artifact.ModelFile, TestModels.LargeWeights(1 << 20));

        Assert.ThrowsAny<OperationCanceledException>(
            () => LoadedModel.Runtime().Load(artifact, ModelConfig.Default, new CancellationToken(canceled: true)));
    }

    [Fact]
    public void Load_ExternalData_IsReadFromTheFolder()
    {
        ExternalDataModel external = TestModels.WithExternalData("weights.bin", 10f, 20f);
        using var model = new LoadedModel(external.Model, "", null, null, (external.FileName, external.Data));

        Assert.Equal([11f, 22f], model.Input("x", TensorType.Fp32, [1, 2], 1f, 2f).Run()[0].Values.AsSpan<float>());
    }

    [Fact]
    public void Load_ExternalDataCutShort_SaysSo()
    {
        ExternalDataModel external = TestModels.WithExternalData("weights.bin", 10f, 20f);

        Assert.Contains("out of bounds", LoadedModel.LoadFailure(external.Model, "", null, (external.FileName, external.Data[..^1])), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_ExternalDataOverwrittenInTheRepository_TheSessionDoesNotNotice()
    {
        float[] weights = [.. Enumerable.Range(0, 100_000).Select(value => (float)value)];
        using var serving = new ServingHarness();
        string folder = serving.Folder.AddVersion("external", 1, TestModels.WithExternalData("weights.bin", weights));
        await serving.ScanAndSettleAsync();
        using ServableHandle handle = serving.Acquire("external");
        using Tensor x = Tensor.Create<float>(TensorType.Fp32, [1, weights.Length], weights);

        await File.WriteAllBytesAsync(Path.Combine(folder, "weights.bin"), new byte[64]);

        Assert.Equal(weights.Select(value => 2 * value), Run(handle.Servable, x));
        await File.WriteAllBytesAsync(Path.Combine(folder, "weights.bin"), []);
        Assert.Equal(weights.Select(value => 2 * value), Run(handle.Servable, x));
    }

    private static float[] Run(Servable servable, Tensor x)
    {
        Assert.True(servable.Pool.TryRent(out InstanceLease? lease));
        using InstanceLease held = lease;
        using OutputValue output = held.Instance.Run([new NamedTensor("x", x)], null, CancellationToken.None)[0];
        return output.Values.AsSpan<float>().ToArray();
    }

    private static (float[] Features, float[] Attended) Answer(LoadedModel model, int size)
    {
        float[] image = [.. Enumerable.Range(0, 3 * size * size).Select(value => value % 7 / 7f)];
        float[] tokens = [.. Enumerable.Range(0, size * 16).Select(value => value % 5 / 5f)];
        IReadOnlyList<OutputValue> outputs = model
            .Input("image", TensorType.Fp32, [1, 3, size, size], image)
            .Input("tokens", TensorType.Fp32, [1, size, 16], tokens)
            .Run();
        return (outputs[0].Values.AsSpan<float>().ToArray(), outputs[1].Values.AsSpan<float>().ToArray());
    }

    private static string Inputs(LoadedModel model) => string.Join(
        "; ", model.Signature.Inputs.Select(input => $"{input.Name} {input.Type.Name()} {input.FormatDimensions()}{(input.Optional ? " optional" : "")}"));

    private static string Outputs(LoadedModel model) => string.Join(
        "; ", model.Signature.Outputs.Select(output => $"{output.Name} {output.Kind} {output.Values.Type.Name()} {output.Values.FormatDimensions()}"));

    private static byte[] Node(string operation) =>
        new OnnxGraphBuilder().Opset(1, "com.acme").Input("x", OnnxElementType.Float, "n").Output("y", OnnxElementType.Float, "n").Node(operation, ["x"], ["y"]).Build();

    private static byte[] Cast(OnnxElementType from) =>
        new OnnxGraphBuilder().IrVersion(9).Opset(19)
            .Input("x", from, "n").Output("y", OnnxElementType.Float, "n").Node("Cast", ["x"], ["y"], OnnxAttr.Int("to", (long)OnnxElementType.Float)).Build();
}
