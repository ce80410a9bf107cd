using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Tensors;
using ModelGateway.Serving.Tests.Lifecycle;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Inference;

/// <summary>Batches by rows: each row of the answer is its row times ten, so any mix-up of rows shows.</summary>
public sealed class RowPredictorTests : IAsyncLifetime, IDisposable
{
    private static readonly ModelSignature Signature = new(
        [
            new TensorSpec("x", TensorType.Fp32, [-1, 2]),
            new TensorSpec("factor", TensorType.Fp32, [-1]) { Optional = true },
        ],
        [new OutputSpec(OutputKind.Tensor, new TensorSpec("y", TensorType.Fp32, [-1, 2]))]);

    private readonly List<int> _batches = [];
    private readonly ServingHarness _serving;
    private Func<Tensor, Tensor> _answer = TimesTen;

    public RowPredictorTests() => _serving = new ServingHarness(
        new FakeRuntime { OnLoad = (_, _) => new FakeInstance { Signature = Signature, OnRun = Run } }, cache: new CacheOptions());

    public async Task InitializeAsync()
    {
        _serving.Add("model", 1, TestModels.AddConstant(1));
        await File.WriteAllTextAsync(Path.Combine(_serving.Folder.Root, "model", "model.yaml"), "{rows_independent: true, warmup: off}");
        await _serving.ScanAndSettleAsync();
        using ServableHandle handle = _serving.Acquire("model");
        Assert.True(handle.Servable.AnswersRowsAlone);
        _batches.Clear();
    }

    public Task DisposeAsync() => Task.CompletedTask;

    public void Dispose() => _serving.Dispose();

    [Fact]
    public async Task PredictAsync_SomeRowsKnown_RunsTheOthersAndAnswersInOrder()
    {
        await PredictAsync(1, 2, 3);

        CacheReport report = await PredictAsync(9, 3, 8, 1);

        Assert.Equal([3, 2], _batches);
        Assert.Equal((CacheUse.Partial, 2, true), (report.Use, report.RowsRun, report.Stored));
    }

    [Fact]
    public async Task PredictAsync_AllRowsKnown_RunsNothing()
    {
        await PredictAsync(1, 2, 3);

        CacheReport report = await PredictAsync(3, 1);

        Assert.Equal([3], _batches);
        Assert.Equal((CacheUse.Hit, "rows"), (report.Use, report.Detail));
    }

    [Fact]
    public async Task PredictAsync_OneRow_SharesItsEntryWithTheRowsOfBatches()
    {
        await PredictAsync(1, 2);

        Assert.Equal(CacheUse.Hit, (await PredictAsync(2)).Use);
        await PredictAsync(7);
        Assert.Equal(CacheUse.Hit, (await PredictAsync(7, 1)).Use);
    }

    [Fact]
    public async Task PredictAsync_EqualRowsInABatch_RunOnce()
    {
        await PredictAsync(5, 6, 5, 5, 6);

        Assert.Equal([2], _batches);
    }

    [Fact]
    public async Task PredictAsync_OptionalInputGiven_IsNotCutIntoRows()
    {
        // Whether the rows of an optional input belong to those of the others, nobody has tried.
        using ServableHandle handle = _serving.Acquire("model");
        using var request = new PredictRequest();
        request.Add("x", Rows(1, 2));
        request.Add("factor", Tensor.Create<float>(TensorType.Fp32, [2], [1, 2]));
        PredictResult first = await _serving.Predictor.PredictAsync(handle.Servable, request, CancellationToken.None);
        first.Response!.Dispose();

        Assert.Equal(1, _serving.Cache!.Count);
        Assert.Equal(CacheUse.Miss, (await PredictAsync(1, 2)).Use);
    }

    [Fact]
    public async Task PredictAsync_AnswerHasOtherRows_IsGivenWholeAndNotRemembered()
    {
        // What the probe did not show: the answer is that of the model, and right.
        _answer = static _ => Tensor.Create<float>(TensorType.Fp32, [1, 2], [42, 42]);
        using ServableHandle handle = _serving.Acquire("model");
        using var request = new PredictRequest();
        request.Add("x", Rows(1, 2, 3));

        using PredictResponse response = (await _serving.Predictor.PredictAsync(handle.Servable, request, CancellationToken.None)).Response!;

        Assert.Equal([42f, 42f], response.Outputs[0].Values.AsSpan<float>().ToArray());
        Assert.Equal(0, _serving.Cache!.Count);
    }

    [Fact]
    public async Task PredictAsync_ManyRowsAllEqual_TakesNoTimeToSpeakOf()
    {
        CacheReport report = await PredictAsync([.. Enumerable.Range(0, 4096).Select(row => (float)(row % 2048))]);

        Assert.Equal([2048], _batches);
        Assert.Equal(CacheUse.Miss, report.Use);
    }

    private async Task<CacheReport> PredictAsync(params float[] rows)
    {
        using ServableHandle handle = _serving.Acquire("model");
        using var request = new PredictRequest();
        request.Add("x", Rows(rows));
        PredictResult result = await _serving.Predictor.PredictAsync(handle.Servable, request, CancellationToken.None);
        using PredictResponse? response = result.Response;
        Assert.True(result.IsSuccess, result.Error?.Message);
        Tensor answer = Assert.Single(response!.Outputs).Values;
        Assert.Equal([rows.Length, 2], answer.Shape);
        Assert.Equal(rows.SelectMany(row => new[] { row * 10, (row + 0.5f) * 10 }), answer.AsSpan<float>().ToArray());
        return result.Cache;
    }

    private static Tensor Rows(params float[] rows) => Tensor.Create<float>(TensorType.Fp32, [rows.Length, 2], [.. rows.SelectMany(row => new[] { row, row + 0.5f })]);

    private static Tensor TimesTen(Tensor x) => Tensor.Create<float>(TensorType.Fp32, x.Shape, [.. x.AsSpan<float>().ToArray().Select(value => value * 10)]);

    private OutputValue[] Run(IReadOnlyList<NamedTensor> inputs, CancellationToken cancellationToken)
    {
        Tensor x = inputs.Single(input => input.Name == "x").Tensor;
        _batches.Add((int)x.Shape[0]);
        return [OutputValue.FromTensor("y", _answer(x))];
    }
}
