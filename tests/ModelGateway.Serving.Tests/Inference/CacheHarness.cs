using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Tensors;
using ModelGateway.Serving.Tests.Lifecycle;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Caching;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Inference;

/// <summary>One gateway's data plane with a cache, over a model that answers each number x with 10 x and counts its runs.</summary>
internal sealed class CacheHarness : IDisposable
{
    private readonly ConcurrentQueue<float[]> _runs = new();

    private CacheHarness(CacheOptions? options, MemoryPredictionStore? store, TimeProvider? storeTime)
    {
        var signature = new ModelSignature([new TensorSpec("x", TensorType.Fp32, [-1])], [new OutputSpec(OutputKind.Tensor, new TensorSpec("y", TensorType.Fp32, [-1]))]);
        Serving = new ServingHarness(
            new FakeRuntime { OnLoad = (_, _) => new FakeInstance { Signature = signature, OnRun = Run } }, cache: options ?? new CacheOptions(), sharedStore: store, storeTime: storeTime);
    }

    public ServingHarness Serving { get; }

    public PredictionCache Cache => Serving.Cache!;

    /// <summary>What the model was run with, run by run.</summary>
    public IReadOnlyList<float[]> Runs => [.. _runs];

    /// <summary>What each run takes by the harness's clock.</summary>
    public TimeSpan RunCost { get; set; }

    /// <summary>Called in each run, before it answers.</summary>
    public Action<CancellationToken> OnRun { get; set; } = static _ => { };

    /// <summary>What a run answers.</summary>
    public Func<Tensor, OutputValue> Answer { get; set; } = static x =>
        OutputValue.FromTensor("y", Tensor.Create<float>(TensorType.Fp32, x.Shape, [.. x.AsSpan<float>().ToArray().Select(value => value * 10)]));

    /// <summary>With a store, it is there when this returns; its calls are timed by <paramref name="storeTime"/>, or by the machine's clock.</summary>
    public static async Task<CacheHarness> StartAsync(
        string config = "{warmup: off}", CacheOptions? options = null, MemoryPredictionStore? store = null, TimeProvider? storeTime = null)
    {
        // A store is asked for models only whose run costs more than the trip.
        var harness = new CacheHarness(options, store, storeTime) { RunCost = store is null ? TimeSpan.Zero : TimeSpan.FromMilliseconds(50) };
        await harness.LoadAsync(config);
        if (store is not null)
        {
            await harness.UntilSharedAsync();
        }

        return harness;
    }

    /// <summary>Requests are views of the body that they were read from; what of it goes back to the pool with its caller is overwritten.</summary>
    public bool HasViews { get; set; }

    /// <summary>Loads version 1, or loads it anew with another configuration.</summary>
    public async Task LoadAsync(string config, byte marker = 0)
    {
        Serving.Add("model", 1, [.. TestModels.AddConstant(1), .. new byte[marker]]);
        await File.WriteAllTextAsync(Path.Combine(Serving.Folder.Root, "model", "model.yaml"), config);
        await Serving.ScanAndSettleAsync();
        Assert.Equal(ServableState.Ready, Serving.State("model", 1));
    }

    /// <summary>Waits until the epochs of the shared store are known: before, it is not asked.</summary>
    public async Task UntilSharedAsync()
    {
        using ServableHandle handle = Serving.Acquire("model");
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!handle.Servable.Cache!.Scope.IsShared)
        {
            patience.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    public Task<PredictResult> PredictAsync(float value, CacheDirectives? wish = null, TimeSpan? timeout = null, CancellationToken cancellationToken = default) =>
        PredictAsync([value], wish, timeout, cancellationToken);

    /// <summary>Sends a request; the answer is checked, and given back.</summary>
    public async Task<PredictResult> PredictAsync(float[] values, CacheDirectives? wish = null, TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        using ServableHandle handle = Serving.Acquire("model");
        using ScribblingScope? scribbling = HasViews ? new ScribblingScope() : null;
        using var request = new PredictRequest { Cache = wish ?? CacheDirectives.None, Timeout = timeout };
        Add(values, request);
        PredictResult result = await Serving.Predictor.PredictAsync(handle.Servable, request, cancellationToken);
        if (result.IsSuccess)
        {
            using PredictResponse response = result.Response;
            Assert.Equal(values.Select(value => value * 10), Assert.Single(response.Outputs).Values.AsSpan<float>().ToArray());
        }

        return result;
    }

    public void Dispose() => Serving.Dispose();

    private void Add(float[] values, PredictRequest request)
    {
        if (!HasViews)
        {
            request.Add("x", Tensor.Create<float>(TensorType.Fp32, [values.Length], values));
            return;
        }

        TensorBuffer body = TensorBuffer.Rent(ScribblingScope.Length);
        Assert.True(MemoryMarshal.TryGetArray(body.Memory, out ArraySegment<byte> part));
        MemoryMarshal.AsBytes(values.AsSpan()).CopyTo(body.Span[8..]);
        request.Add("x", new Tensor(TensorType.Fp32, [values.Length], TensorBuffer.View(part.Array!, 8, values.Length * sizeof(float))));
        request.TakeOver(body);
    }

    // The pool lends a thread what it gave back last.
    private sealed class ScribblingScope : IDisposable
    {
        public const int Length = 2_000_000;

        public void Dispose()
        {
            using TensorBuffer next = TensorBuffer.Rent(Length);
            next.Span.Fill(0xFF);
        }
    }

    private OutputValue[] Run(IReadOnlyList<NamedTensor> inputs, CancellationToken cancellationToken)
    {
        _runs.Enqueue(inputs[0].Tensor.AsSpan<float>().ToArray());
        OnRun(cancellationToken);
        Serving.Time.Advance(RunCost);
        cancellationToken.ThrowIfCancellationRequested();
        return [Answer(inputs[0].Tensor)];
    }
}
