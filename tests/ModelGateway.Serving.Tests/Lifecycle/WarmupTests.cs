using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Tensors;
using ModelGateway.Serving.Tests.Runtime.Onnx;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Lifecycle;

public sealed class WarmupTests
{
    private static readonly TimeSpan LongestRun = TimeSpan.FromMinutes(1);
    private readonly List<string> _skipped = [];

    public static TheoryData<TensorType> AllTypes => [.. Enum.GetValues<TensorType>()];

    [Theory]
    [MemberData(nameof(AllTypes))]
    public void Run_AnyElementType_MakesUpZeros(TensorType type)
    {
        using var model = new LoadedModel(TestModels.Identity(type.ToOnnx(), "batch", OnnxDimension.Unknown, 3));

        NamedTensor input = Assert.Single(Run(model.Instance));

        Assert.Equal(("x", type), (input.Name, input.Tensor.Type));
        Assert.Equal([1, 1, 3], input.Tensor.Shape);
        Assert.All(input.Tensor.Data.ToArray(), value => Assert.Equal(0, value));
        Assert.Empty(_skipped);
    }

    [Fact]
    public void Run_InputWithoutDeclaredShape_IsNotMadeUp()
    {
        using var anyRank = new LoadedModel(TestModels.UnknownRank());

        Assert.Empty(Run(anyRank.Instance));
        Assert.Contains("declared shape", Assert.Single(_skipped), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_ScalarAndNoInputs_AreMadeUpToo()
    {
        using var scalar = new LoadedModel(TestModels.Scalar());
        using var none = new LoadedModel(TestModels.NoInputs());

        Assert.Equal([], Assert.Single(Run(scalar.Instance)).Tensor.Shape);
        Assert.Empty(Run(none.Instance));
        Assert.Empty(_skipped);
    }

    [Fact]
    public void Run_OptionalInput_IsLeftOut()
    {
        using var model = new LoadedModel(TestModels.OptionalInput());

        Assert.Equal(["x"], Run(model.Instance).Select(input => input.Name));
    }

    [Fact]
    public void Run_ModelThatRefusesShortInputs_IsTriedWithLongerOnes()
    {
        var lengths = new List<long>();
        using var instance = new FakeInstance
        {
            Signature = Signature(new TensorSpec("x", TensorType.Fp32, [-1, -1])),
            OnRun = (inputs, _) =>
            {
                lengths.Add(inputs[0].Tensor.Shape[1]);
                return lengths[^1] < 8 ? throw new ModelRunException("too short", inputAtFault: true) : [];
            },
        };

        Assert.Equal([1, 8], Assert.Single(Run(instance)).Tensor.Shape);
        Assert.Equal([1, 2, 8], lengths);
        Assert.Empty(_skipped);
    }

    [Fact]
    public void Run_NoMadeUpInputRuns_IsSkippedWithTheReason()
    {
        using var model = new LoadedModel(TestModels.FailsAtReshape());
        using var fixedShape = new FakeInstance
        {
            Signature = Signature(new TensorSpec("x", TensorType.Fp32, [1, 4])),
            OnRun = (_, _) => throw new ModelRunException("never", inputAtFault: true),
        };

        Assert.Empty(Run(fixedShape));
        Assert.Contains("never", Assert.Single(_skipped), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new long[] { 1L << 40 })]
    [InlineData(new long[] { 1L << 40, 1L << 40 })]
    public void Run_HugeInput_IsSkipped(long[] dimensions)
    {
        using var instance = new FakeInstance { Signature = Signature(new TensorSpec("x", TensorType.Fp32, dimensions)) };

        Assert.Empty(Run(instance));
        Assert.Contains("too large", Assert.Single(_skipped), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_Off_RunsNothing()
    {
        using var instance = new FakeInstance { OnRun = (_, _) => throw new InvalidOperationException() };

        Assert.Empty(Run(instance, "warmup: off"));
    }

    [Fact]
    public void Run_ConfiguredRequests_AllRunAndTheFirstIsTheExample()
    {
        var seen = new List<float>();
        using var instance = new FakeInstance
        {
            Signature = Signature(new TensorSpec("x", TensorType.Fp32, [-1, 2])),
            OnRun = (inputs, _) =>
            {
                seen.Add(inputs[0].Tensor.AsSpan<float>()[1]);
                return [];
            },
        };

        IReadOnlyList<NamedTensor> example = Run(instance, "warmup: [{inputs: {x: [[1, 2]]}, count: 3}, {inputs: {x: {shape: [5, 2], fill: one}}}]");

        Assert.Equal([2, 2, 2, 1], seen);
        Assert.Equal([1f, 2f], Assert.Single(example).Tensor.AsSpan<float>());
    }

    [Theory]
    [InlineData("{y: [[1, 2]]}", "names an input 'y'")]
    [InlineData("{xx: [[1, 2]], x: [[1, 2]]}", "Did you mean 'x'?")]
    [InlineData("{}", "gives no input 'x'")]
    [InlineData("{x: [1, 2]}", "has the shape [2], the model expects [batch, 2]")]
    [InlineData("{x: [[1, 2, 3]]}", "has the shape [1, 3]")]
    [InlineData("{x: [[a, b]]}", "is not a FP32")]
    [InlineData("{x: {shape: [1, 3]}}", "has the shape [1, 3]")]
    public void Run_ConfiguredRequestThatDoesNotFit_FailsTheVersion(string inputs, string reason)
    {
        using var model = new LoadedModel(TestModels.OptionalInput());

        ModelLoadException exception = Assert.Throws<ModelLoadException>(() => Run(model.Instance, $"warmup: [{{inputs: {inputs}}}]"));

        Assert.Contains(reason, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_ConfiguredRequestThatFails_FailsTheVersionWithItsReason()
    {
        using var model = new LoadedModel(TestModels.FailsAtRun());

        ModelLoadException exception = Assert.Throws<ModelLoadException>(() => Run(model.Instance, "warmup: [{inputs: {data: [1, 2], index: [7]}}]"));

        Assert.Contains("out of data bounds", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_Cancelled_IsCancelled()
    {
        using var model = new LoadedModel(TestModels.Slow(long.MaxValue));
        using var caller = new CancellationTokenSource(TimeSpan.FromMilliseconds(20));

        Assert.ThrowsAny<OperationCanceledException>(() => Run(model.Instance, cancellationToken: caller.Token));
    }

    [Fact]
    public void Run_ModelThatNeverEnds_IsStopped()
    {
        using var model = new LoadedModel(TestModels.Slow(long.MaxValue));
        TimeSpan longest = TimeSpan.FromMilliseconds(20);

        Assert.Empty(Run(model.Instance, longest: longest));
        Assert.Contains("did not end within 0.02 seconds", Assert.Single(_skipped), StringComparison.Ordinal);
        ModelLoadException exception = Assert.Throws<ModelLoadException>(() => Run(model.Instance, "warmup: [{inputs: {x: [[1]]}}]", longest));
        Assert.Contains("did not end within", exception.Message, StringComparison.Ordinal);
    }

    private static ModelSignature Signature(params TensorSpec[] inputs) => new(inputs, []);

    private IReadOnlyList<NamedTensor> Run(
        IModelInstance instance, string config = "", TimeSpan? longest = null, CancellationToken cancellationToken = default)
    {
        ModelConfigResult read = ModelConfigReader.Read(config);
        Assert.True(read.IsValid, read.Reason);
        return Warmup.Run(instance, read.Config, longest ?? LongestRun, _skipped.Add, cancellationToken);
    }
}
