using Microsoft.ML.OnnxRuntime;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.TestKit;

/// <summary>The ready-made models that are meant to fail, to be slow, or to need a second file.</summary>
public sealed class TestModelsFailureTests
{
    public static TheoryData<string, byte[]> NotLoadable => new()
    {
        { "InvalidProtobuf", TestModels.Broken() },
        { "InvalidProtobuf", TestModels.Truncated() },
        { "NoSuchOperator", TestModels.UnknownOperator() },
    };

    [Theory]
    [MemberData(nameof(NotLoadable))]
    public void NotLoadable_Load_SaysWhy(string reason, byte[] model)
    {
        var exception = Assert.Throws<OnnxRuntimeException>(() => new OrtRun(model));

        Assert.Contains(reason, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FailsAtRun_IndexOutOfRange_FailsOnlyThatRun()
    {
        using OrtRun good = new OrtRun(TestModels.FailsAtRun()).Input("data", [2], 5f, 6f).Input("index", [2], 1L, -2L);
        using OrtRun bad = new OrtRun(TestModels.FailsAtRun()).Input("data", [2], 5f, 6f).Input("index", [1], 2L);

        Assert.Equal([6f, 5f], good.Output<float>());
        Assert.Contains("out of data bounds", Assert.Throws<OnnxRuntimeException>(() => bad.Output()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FailsAtReshape_WrongProduct_FailsOnlyThatRun()
    {
        using OrtRun good = new OrtRun(TestModels.FailsAtReshape()).Input("data", [4], 1f, 2f, 3f, 4f).Input("shape", [3], 2L, 1L, 2L);
        using OrtRun bad = new OrtRun(TestModels.FailsAtReshape()).Input("data", [4], 1f, 2f, 3f, 4f).Input("shape", [1], 3L);

        Assert.Equal([2, 1, 2], good.Shape());
        Assert.Throws<OnnxRuntimeException>(() => bad.Output());
    }

    [Fact]
    public void Slow_IterationsFromTheModelOrTheRequest_CountsThem()
    {
        using OrtRun byDefault = new OrtRun(TestModels.Slow(3)).Input("x", [1, 1], 1f);
        using OrtRun asSent = new OrtRun(TestModels.Slow(3)).Input("x", [1, 1], 1f).Input("iterations", [], 1000L);

        Assert.Equal([4f], byDefault.Output<float>());
        Assert.Equal([1001f], asSent.Output<float>());
    }

    [Fact]
    public void Slow_Terminated_Stops()
    {
        using var run = new OrtRun(TestModels.Slow(long.MaxValue));
        using var options = new RunOptions();
        using OrtValue x = OrtValue.CreateTensorValueFromMemory([1f], [1, 1]);
        using var timer = new Timer(_ => options.Terminate = true, null, TimeSpan.FromMilliseconds(20), Timeout.InfiniteTimeSpan);

        var exception = Assert.Throws<OnnxRuntimeException>(() => run.Session.Run(options, ["x"], [x], ["y"]));

        Assert.Contains("terminate", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Float8Output_Load_FailsInTheMetadata()
    {
        // The native session is made; the managed one fails while it reads the type of the output.
        var exception = Assert.Throws<OnnxRuntimeException>(() => new OrtRun(TestModels.Float8Output()));

        Assert.Contains("Unregistered TensorElementType", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WithExternalData_FileBesideTheModel_IsUsed()
    {
        using var repository = new RepositoryFolder();
        string folder = repository.AddVersion("external", 1, TestModels.WithExternalData("weights.bin", 10f, 20f));
        using OrtRun run = new OrtRun(Path.Combine(folder, "model.onnx")).Input("x", [1, 2], 1f, 2f);

        Assert.Equal([11f, 22f], run.Output<float>());
    }

    [Fact]
    public void WithExternalData_FileOutsideTheFolder_IsRefused()
    {
        using var repository = new RepositoryFolder();
        string folder = repository.AddVersion("external", 1, TestModels.WithExternalData("../weights.bin", 10f, 20f).Model);
        File.WriteAllBytes(Path.Combine(folder, "..", "weights.bin"), TestModels.WithExternalData("../weights.bin", 10f, 20f).Data);

        Assert.Throws<OnnxRuntimeException>(() => new OrtRun(Path.Combine(folder, "model.onnx")));
    }
}
