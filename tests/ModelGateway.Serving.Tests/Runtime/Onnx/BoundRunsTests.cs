using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Runtime.Onnx;
using ModelGateway.Serving.Tensors;
using ModelGateway.TestKit.Onnx;
using Prometheus;
using Xunit;
using static ModelGateway.TestKit.Onnx.OnnxDimension;

namespace ModelGateway.Serving.Tests.Runtime.Onnx;

/// <summary>The same request again and again: what is bound for it must not show.</summary>
public sealed class BoundRunsTests
{
    private const int Rounds = 12;

    [Fact]
    public void Run_SameShapesAndOtherValues_AnswersEachByItsOwn()
    {
        using var model = new RepeatedModel(TestModels.AddConstant(1));
        for (int round = 0; round < Rounds; round++)
        {
            Assert.Equal([round + 1f, round + 3f], model.Run([1, 2], round, round + 2f));
        }
    }

    [Fact]
    public void Run_ShapesThatTakeTurns_AreAnsweredInTheirOwn()
    {
        using var model = new RepeatedModel(TestModels.AddConstant(1));
        for (int round = 0; round < 10 * Rounds; round++)
        {
            // Each for some rounds, more kinds than are bound.
            int columns = (round / 5 % 7) + 1;
            float[] values = [.. Enumerable.Range(round, columns).Select(value => (float)value)];
            Assert.Equal(values.Select(value => value + 1), model.Run([1, columns], values));
        }
    }

    [Fact]
    public void Run_OutputsThatAreAskedForChange_GivesThoseInThatOrder()
    {
        byte[] graph = new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, 1, Unknown)
            .Output("sum", OnnxElementType.Float, 1, Unknown)
            .Output("product", OnnxElementType.Float, 1, Unknown)
            .Initializer("three", OnnxTensor.From([1], 3f))
            .Node("Add", ["x", "three"], ["sum"])
            .Node("Mul", ["x", "three"], ["product"])
            .Build();
        using var model = new LoadedModel(graph);
        string[]?[] wanted = [["product"], null, ["product", "sum"], ["sum", "product"], ["sum"]];
        for (int round = 0; round < 6 * Rounds; round++)
        {
            // Each for some rounds, so that it is bound.
            string[]? names = wanted[round / 4 % wanted.Length];
            using Tensor x = Tensor.Create<float>(TensorType.Fp32, [1, 2], [round, -round]);
            IReadOnlyList<OutputValue> outputs = model.Instance.Run([new NamedTensor("x", x)], names, CancellationToken.None);
            Assert.Equal(names ?? ["sum", "product"], outputs.Select(output => output.Name));
            foreach (OutputValue output in outputs)
            {
                Assert.Equal(output.Name == "sum" ? [round + 3f, 3f - round] : [3f * round, -3f * round], output.Values.AsSpan<float>().ToArray());
                output.Dispose();
            }
        }
    }

    [Fact]
    public void Run_OutputIsAnInputOrAConstant_IsNotWhatWasBound()
    {
        byte[] graph = new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, 1, Unknown)
            .Output("x", OnnxElementType.Float, 1, Unknown)
            .Output("c", OnnxElementType.Float, 2)
            .Initializer("c", OnnxTensor.From([2], 7f, 8f))
            .Build();
        using var model = new RepeatedModel(graph);
        for (int round = 0; round < Rounds; round++)
        {
            (float[] handed, float[] constant) = model.RunTwo([1, 3], round, 2f, 3f);
            Assert.Equal([round, 2f, 3f], handed);
            Assert.Equal([7f, 8f], constant);
        }
    }

    [Fact]
    public void Run_ShapeOfTheOutputDependsOnValues_IsRight()
    {
        byte[] graph = new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, Unknown)
            .Output("y", OnnxElementType.Int64, 1, Unknown)
            .Node("NonZero", ["x"], ["y"])
            .Build();
        using var model = new RepeatedModel(graph);
        for (int round = 0; round < Rounds; round++)
        {
            // Three times the same count, so that it is bound, then another one.
            float[] values = [1f, round % 4 == 3 ? 1f : 0f, 1f, 0f];
            Assert.Equal(round % 4 == 3 ? [0L, 1, 2] : [0L, 2], model.Run<long>([4], values));
        }
    }

    [Fact]
    public void Run_RefusedInputsBetween_AreRefusedAndTheOthersAnswered()
    {
        byte[] graph = new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Int64, Unknown)
            .Output("y", OnnxElementType.Float, Unknown)
            .Initializer("table", OnnxTensor.From([3], 10f, 20f, 30f))
            .Node("Gather", ["table", "x"], ["y"])
            .Build();
        using var model = new LoadedModel(graph);
        for (int round = 0; round < Rounds; round++)
        {
            bool isBad = round % 5 == 4;
            using Tensor x = Tensor.Create<long>(TensorType.Int64, [2], [isBad ? 9 : 1, round % 3]);
            NamedTensor[] inputs = [new NamedTensor("x", x)];
            if (isBad)
            {
                Assert.True(Assert.Throws<ModelRunException>(() => model.Instance.Run(inputs, null, CancellationToken.None)).InputAtFault);
                continue;
            }

            IReadOnlyList<OutputValue> outputs = model.Instance.Run(inputs, null, CancellationToken.None);
            Assert.Equal([20f, 10f * ((round % 3) + 1)], outputs[0].Values.AsSpan<float>().ToArray());
            outputs[0].Dispose();
        }
    }

    [Fact]
    public async Task Run_FromManyThreads_EachGetsItsOwn()
    {
        using var model = new LoadedModel(TestModels.AddConstant(1));
        await Task.WhenAll(Enumerable.Range(0, 4).Select(thread => Task.Run(() =>
        {
            for (int round = 0; round < 2_000; round++)
            {
                float value = (thread * 10_000) + round;
                using Tensor x = Tensor.Create<float>(TensorType.Fp32, [1, 2], [value, -value]);
                IReadOnlyList<OutputValue> outputs = model.Instance.Run([new NamedTensor("x", x)], null, CancellationToken.None);
                Assert.Equal([value + 1, 1 - value], outputs[0].Values.AsSpan<float>().ToArray());
                outputs[0].Dispose();
            }
        })));
    }

    /// <summary>Only bound runs ask for further sessions. Many clients always name the outputs, also where they want all.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Run_OverlappingOfATinyModel_GetsFurtherSessionsThatAnswerAlike(bool namesOutputs)
    {
        using var model = new RepeatedModel(TestModels.Mlp()) { Wanted = namesOutputs ? ["probabilities"] : null };
        float[] expected = model.Run([1, 4], 1, 2, 3, 4);
        Overlap(model, () => Assert.Equal(expected, model.Run([1, 4], 1, 2, 3, 4)), () => model.Sessions > 1);

        Assert.InRange(model.Sessions, 2, 4);
        Overlap(model, () => Assert.Equal(expected, model.Run([1, 4], 1, 2, 3, 4)), static () => true);
    }

    [Fact]
    public void Run_FurtherSessionsCannotBeMade_GoesOnWithOneAndIsCounted()
    {
        var metrics = new ServingMetrics(Metrics.NewCustomRegistry());
        using var model = new RepeatedModel(TestModels.Mlp(), metrics);
        float[] expected = model.Run([1, 4], 1, 2, 3, 4);
        model.RemoveFile();

        Overlap(model, () => Assert.Equal(expected, model.Run([1, 4], 1, 2, 3, 4)), () => metrics.FurtherSessionsFailed.Value > 0);

        Assert.Equal(1, metrics.FurtherSessionsFailed.Value);
        Assert.Equal(1, model.Sessions);
    }

    [Fact]
    public void Run_OverlappingOfALargerModel_KeepsItsSession()
    {
        using var model = new RepeatedModel(TestModels.LargeWeights(1 << 18));
        Overlap(model, () => model.Run([1, TestModels.LargeWeightsInputSize], new float[TestModels.LargeWeightsInputSize]), static () => true);

        Assert.Equal(1, model.Sessions);
    }

    [Fact]
    public void Dispose_WhileFurtherSessionsAreMade_LeavesNothingBehind()
    {
        for (int round = 0; round < Rounds; round++)
        {
            var model = new RepeatedModel(TestModels.Mlp());
            float[] expected = model.Run([1, 4], 1, 2, 3, 4);
            Overlap(model, () => Assert.Equal(expected, model.Run([1, 4], 1, 2, 3, 4)), static () => true);
            model.Dispose();
        }
    }

    // From four threads, a hundred times each, and on until it is enough.
    private static void Overlap(RepeatedModel model, Action run, Func<bool> isEnough)
    {
        Assert.True(model.Sessions >= 1);
        DateTime end = DateTime.UtcNow + TimeSpan.FromSeconds(30);
        Parallel.For(0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4 }, _ =>
        {
            for (int i = 0; i < 100 || (!isEnough() && DateTime.UtcNow < end); i++)
            {
                run();
            }
        });
    }

    private sealed class RepeatedModel(byte[] onnx, ServingMetrics? metrics = null) : IDisposable
    {
        private readonly LoadedModel _model = new(onnx, metrics: metrics);

        public string[]? Wanted { get; init; }

        public int Sessions => ((OnnxModelInstance)_model.Instance).Sessions.FirstCount;

        public void RemoveFile() => File.Delete(Path.Combine(_model.Folder, ModelArtifact.ModelFileName));

        public float[] Run(long[] shape, params float[] values) => Run<float>(shape, values);

        public T[] Run<T>(long[] shape, params float[] values)
            where T : unmanaged =>
            Outputs(shape, values, static outputs => outputs[0].Values.AsSpan<T>().ToArray());

        public (float[] First, float[] Second) RunTwo(long[] shape, params float[] values) =>
            Outputs(shape, values, static outputs => (outputs[0].Values.AsSpan<float>().ToArray(), outputs[1].Values.AsSpan<float>().ToArray()));

        public void Dispose() => _model.Dispose();

        private TResult Outputs<TResult>(long[] shape, float[] values, Func<IReadOnlyList<OutputValue>, TResult> read)
        {
            using Tensor x = Tensor.Create<float>(TensorType.Fp32, shape, values);
            IReadOnlyList<OutputValue> outputs = _model.Instance.Run([new NamedTensor("x", x)], Wanted, CancellationToken.None);
            TResult result = read(outputs);
            foreach (OutputValue output in outputs)
            {
                output.Dispose();
            }

            return result;
        }
    }
}
