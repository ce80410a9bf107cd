using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Tensors;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Lifecycle;

/// <summary>Real models: which may be run together, and that it changes no answer.</summary>
public sealed class BatchProbeTests : IDisposable
{
    private readonly ServingHarness _serving = new(change: options => options with { QueueLength = 10_000 });

    public void Dispose() => _serving.Dispose();

    [Theory]
    [InlineData("", true)]
    [InlineData("batching: auto", true)]
    [InlineData("batching: {max_batch_size: 2}", true)]
    [InlineData("batching: on", true)]
    [InlineData("{batching: on, warmup: off}", true)]
    [InlineData("batching: off", false)]
    [InlineData("batching: {max_batch_size: 1}", false)]
    [InlineData("limits: {max_batch_size: 1}", false)]
    [InlineData("warmup: off", false)]
    public async Task Load_ModelWithIndependentRows_IsBatchedAsConfigured(string config, bool batches)
    {
        _serving.Folder.AddConfig("m", config);
        _serving.Add("m", 1, TestModels.WideMlp());

        await _serving.ScanAndSettleAsync();

        Assert.Equal(batches, _serving.Version("m", 1).Servable!.Scheduler.Batches);
        Assert.DoesNotContain(_serving.Log.All, line => line.Contains("run together", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("batching: on", 1)]
    public async Task Load_RowsThatDependOnEachOther_IsNotBatchedAndSaysSoIfAsked(string config, int warnings)
    {
        _serving.Folder.AddConfig("m", config);
        _serving.Add("m", 1, new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, "batch", 4)
            .Output("y", OnnxElementType.Float, "batch", 4)
            .Node("Softmax", ["x"], ["y"], OnnxAttr.Int("axis", 0))
            .Build());

        await _serving.ScanAndSettleAsync();

        Assert.False(_serving.Version("m", 1).Servable!.Scheduler.Batches);
        Assert.Equal(warnings, _serving.Log.All.Count(line => line.Contains("Requests for m/1 are not run together: its output 'y' of a row depends on the other rows", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Load_FixedFirstDimension_IsNotBatched()
    {
        _serving.Add("m", 1, TestModels.Identity(OnnxElementType.Float, 1, 4));

        await _serving.ScanAndSettleAsync();

        Assert.False(_serving.Version("m", 1).Servable!.Scheduler.Batches);
    }

    [Fact]
    public async Task PredictAsync_ManyAtOnce_AnswerAsAlone()
    {
        _serving.Folder.AddConfig("m", "{batching: on, instances: 1}");
        _serving.Add("m", 1, TestModels.WideMlp());
        await _serving.ScanAndSettleAsync();
        using ServableHandle handle = _serving.Acquire("m");
        var random = new Random(20261126);
        float[][] inputs = [.. Enumerable.Range(0, 64).Select(_ => Enumerable.Range(0, 784).Select(_ => random.NextSingle()).ToArray())];
        float[][] alone = new float[inputs.Length][];
        for (int i = 0; i < inputs.Length; i++)
        {
            alone[i] = await PredictAsync(handle, inputs[i]);
        }

        float[][] together = await Task.WhenAll(Enumerable.Range(0, inputs.Length).Select(i => Task.Run(() => PredictAsync(handle, inputs[i]))));

        for (int i = 0; i < inputs.Length; i++)
        {
            Assert.All(together[i].Zip(alone[i]), pair => Assert.Equal(pair.Second, pair.First, 1e-3f));
        }

        Assert.Equal(128, handle.Servable.Statistics.Batches.Sum(batch => batch.Rows * batch.Infer.Count));
    }

    private async Task<float[]> PredictAsync(ServableHandle handle, float[] values)
    {
        using var request = new PredictRequest();
        request.Add("x", Tensor.Create<float>(TensorType.Fp32, [1, values.Length], values));
        PredictResult result = await _serving.Predictor.PredictAsync(handle.Servable, request, CancellationToken.None);
        using PredictResponse? response = result.Response;
        Assert.True(result.IsSuccess, result.Error?.Message);
        OutputValue output = Assert.Single(result.Response.Outputs);
        Assert.Equal([1L, 10L], output.Values.Shape);
        return output.Values.AsSpan<float>().ToArray();
    }
}
