using System.Diagnostics;
using Microsoft.Extensions.Time.Testing;
using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Scheduling;
using ModelGateway.Serving.Tensors;
using ModelGateway.TestKit.Caching;
using Xunit;

namespace ModelGateway.Serving.Tests.Inference;

/// <summary>Batches by rows over a store that gateways share: asked where it pays, and whatever it gives back no request fails for it.</summary>
public sealed class SharedRowsTests : IAsyncDisposable
{
    private const string ByRows = "{rows_independent: true, warmup: off, instances: 1}";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly MemoryPredictionStore _store = new() { Name = "store" };
    private readonly FakeTimeProvider _storeTime = new();

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Fact]
    public async Task PredictAsync_RowsCheaperThanTheTrip_SeldomAskTheStore()
    {
        using CacheHarness gateway = await StartAsync(_store);
        EachAskTakes(gateway, _store, TimeSpan.FromSeconds(2));

        await PredictNewBatchesAsync(gateway, 128);

        // Until the trip is known, and one in 32 after that.
        Assert.InRange(_store.Calls("get_many"), 8, 8 + (128 / CacheEconomy.SampledEvery));
        Assert.InRange(_store.Calls("set"), 0, 2 * 16);
    }

    [Fact]
    public async Task PredictAsync_RowsNeverInTheStore_SoonAskItOneTimeInThirtyTwo()
    {
        using CacheHarness gateway = await StartAsync(_store);
        EachRunTakes(gateway, TimeSpan.FromMicroseconds(50));
        EachAskTakes(gateway, _store, TimeSpan.FromMicroseconds(1));
        await PredictNewBatchesAsync(gateway, 256);
        int before = _store.Calls("get_many");

        await PredictNewBatchesAsync(gateway, 64, from: 10_000);

        Assert.Equal((256, 2), (before, _store.Calls("get_many") - before));
    }

    [Fact]
    public async Task PredictAsync_RowsMostlyInTheStore_AlwaysAskIt()
    {
        MemoryPredictionStore connection = _store.Connect();
        using CacheHarness first = await StartAsync(_store);
        using CacheHarness second = await StartAsync(connection);
        EachRunTakes(first, TimeSpan.FromMicroseconds(50));
        EachAskTakes(second, connection, TimeSpan.FromMicroseconds(1));
        await PredictNewBatchesAsync(first, 320);
        await UntilAsync(() => _store.Count == 640);
        int runs = second.Runs.Count;

        await PredictNewBatchesAsync(second, 320);

        Assert.Equal((320, runs), (connection.Calls("get_many"), second.Runs.Count));
    }

    [Fact]
    public async Task PredictAsync_BatchesOfThousandsAreWritten_LeaveRoomForOthers()
    {
        MemoryPredictionStore connection = _store.Connect();
        connection.Name = "store";
        using CacheHarness first = await StartAsync(_store);
        using CacheHarness second = await StartAsync(connection);
        EachRunTakes(first, TimeSpan.FromMilliseconds(10));
        var written = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _store.OnCall = async (call, _) => await (call == "set" ? written.Task : Task.CompletedTask);

        await first.PredictAsync(Batch(0, 4096));
        await first.PredictAsync(Batch(4096, 4096));
        await first.PredictAsync(100_000);
        written.SetResult();
        await UntilAsync(() => _store.Count > 2000 && _store.Count == _store.Calls("set"));

        CacheReport other = (await second.PredictAsync(100_000)).Cache;
        Assert.Equal((CacheUse.Hit, "store"), (other.Use, other.Detail));
    }

    [Fact]
    public async Task PredictAsync_ManyRowsInTheStore_AreAskedForInPieces()
    {
        MemoryPredictionStore connection = _store.Connect();
        using CacheHarness first = await StartAsync(_store);
        using CacheHarness second = await StartAsync(connection);
        await first.PredictAsync(Batch(0, 1000));
        await UntilAsync(() => _store.Count == 1000);
        int runs = second.Runs.Count;

        PredictResult hit = await second.PredictAsync(Batch(0, 1000));

        Assert.Equal((CacheUse.Hit, 4, runs), (hit.Cache.Use, connection.Calls("get_many"), second.Runs.Count));
    }

    [Fact]
    public async Task PredictAsync_AllButTheFirstPieceFail_RunsWhatDidNotCome()
    {
        MemoryPredictionStore connection = _store.Connect();
        using CacheHarness first = await StartAsync(_store);
        using CacheHarness second = await StartAsync(connection);
        await first.PredictAsync(Batch(0, 1000));
        await UntilAsync(() => _store.Count == 1000);
        connection.OnCall = (call, _) => call == "get_many" && connection.Calls(call) > 1 ? throw new IOException("away") : default;

        PredictResult partial = await second.PredictAsync(Batch(0, 1000));

        Assert.Equal((2, 1000 - 256), (connection.Calls("get_many"), partial.Cache.RowsRun));
    }

    [Fact]
    public async Task PredictAsync_FirstCallerHasLessTimeThanTheQueueTakes_OthersAreNotRefused()
    {
        using CacheHarness gateway = await StartAsync(_store);
        using ServableHandle handle = gateway.Serving.Acquire("model");
        await WaitTenSecondsForAPlaceAsync(gateway, handle.Servable);
        using InstanceLease held = Hold(handle.Servable);
        _store.Hold();

        Task<PredictResult> first = gateway.PredictAsync([1, 2], timeout: TimeSpan.FromSeconds(5));
        Task<PredictResult>[] others = [gateway.PredictAsync([1, 2]), gateway.PredictAsync([1, 2])];
        _store.Release();
        await UntilAsync(() => handle.Servable.Scheduler.Waiting > 0 || others.All(other => other.IsCompleted));
        held.Dispose();

        Assert.All(await Task.WhenAll(others).WaitAsync(Patience), result => Assert.True(result.IsSuccess, result.Error?.Message));
        await first;
    }

    [Fact]
    public async Task PredictAsync_FirstCallerLeftBeforeTheRun_ItsTimeDoesNotHoldForTheOther()
    {
        using CacheHarness gateway = await StartAsync(_store);
        using ServableHandle handle = gateway.Serving.Acquire("model");
        await WaitTenSecondsForAPlaceAsync(gateway, handle.Servable);
        using InstanceLease held = Hold(handle.Servable);
        using var leaving = new CancellationTokenSource();
        _store.Hold();

        Task<PredictResult> first = gateway.PredictAsync([1, 2], timeout: TimeSpan.FromSeconds(5), cancellationToken: leaving.Token);
        Task<PredictResult> other = gateway.PredictAsync([1, 2]);
        await leaving.CancelAsync();
        await first.WaitAsync(Patience);
        _store.Release();
        await UntilAsync(() => handle.Servable.Scheduler.Waiting > 0 || other.IsCompleted);
        held.Dispose();

        PredictResult result = await other.WaitAsync(Patience);
        Assert.True(result.IsSuccess, result.Error?.Message);
    }

    [Fact]
    public async Task PredictAsync_RowsOfAGatewayWhoseClockIsAhead_AreFreshNoLonger()
    {
        using CacheHarness ahead = await StartAsync(_store);
        using CacheHarness second = await StartAsync(_store.Connect());
        ahead.Serving.Time.Advance(TimeSpan.FromHours(5));
        await ahead.PredictAsync([1, 2]);
        await UntilAsync(() => _store.Count == 2);
        Assert.Equal(CacheUse.Hit, (await second.PredictAsync([1, 2])).Cache.Use);
        _store.Clear();

        second.Serving.Time.Advance(TimeSpan.FromHours(2));

        Assert.Equal(CacheUse.Miss, (await second.PredictAsync([1, 2])).Cache.Use);
    }

    [Fact]
    public async Task PredictAsync_CallerOfOnlyIfCachedLeaves_IsTold()
    {
        using CacheHarness gateway = await StartAsync(_store);
        using var leaving = new CancellationTokenSource();
        _store.Hold();

        Task<PredictResult> asked = gateway.PredictAsync([1, 2], CacheDirectives.None with { OnlyIfCached = true }, cancellationToken: leaving.Token);
        await leaving.CancelAsync();

        Assert.Equal(PredictErrorKind.Cancelled, (await asked.WaitAsync(Patience)).Error!.Kind);
        _store.Release();
    }

    [Theory]
    [InlineData("fewer outputs")]
    [InlineData("more outputs")]
    [InlineData("other name")]
    [InlineData("other type")]
    [InlineData("other kind")]
    [InlineData("two rows")]
    [InlineData("other shape")]
    public async Task PredictAsync_StoredRowIsNotWhatWasAskedFor_IsACountedMissAndWrittenAnew(string forgery)
    {
        using CacheHarness first = await StartAsync(_store);
        using CacheHarness second = await StartAsync(_store.Connect());
        await first.PredictAsync([1, 2, 3]);
        await UntilAsync(() => _store.Count == 3);
        PredictionKey key = _store.Keys[0];
        byte[] forged = Forge(key, forgery);
        _store.Put(key, forged);

        PredictResult result = await second.PredictAsync([1, 2, 3]);

        Assert.True(result.IsSuccess, result.Error?.Message);
        Assert.Single(await second.Serving.MetricsAsync("modelgateway_cache_store_values_total{outcome=\"damaged\"} 1"));
        await UntilAsync(() => !_store.Peek(key)!.SequenceEqual(forged));
        Assert.Equal(CacheUse.Hit, (await second.PredictAsync([3, 2, 1])).Cache.Use);
    }

    [Theory]
    [InlineData("fewer outputs")]
    [InlineData("more outputs")]
    [InlineData("other name")]
    [InlineData("other type")]
    [InlineData("other kind")]
    public async Task PredictAsync_StoredAnswerIsNotWhatWasAskedFor_IsACountedMiss(string forgery)
    {
        using CacheHarness first = await CacheHarness.StartAsync(store: _store);
        using CacheHarness second = await CacheHarness.StartAsync(store: _store.Connect());
        await first.PredictAsync(1);
        await UntilAsync(() => _store.Count == 1);
        _store.Put(_store.Keys[0], Forge(_store.Keys[0], forgery));

        PredictResult result = await second.PredictAsync(1);

        Assert.Equal((CacheUse.Miss, true), (result.Cache.Use, result.IsSuccess));
        Assert.Single(await second.Serving.MetricsAsync("modelgateway_cache_store_values_total{outcome=\"damaged\"} 1"));
    }

    private Task<CacheHarness> StartAsync(MemoryPredictionStore store) => CacheHarness.StartAsync(ByRows, store: store, storeTime: _storeTime);

    // By the clock that runs are measured with, which no test moves.
    private static void EachRunTakes(CacheHarness gateway, TimeSpan cost) => gateway.OnRun = _ =>
    {
        long started = Stopwatch.GetTimestamp();
        SpinWait.SpinUntil(() => Stopwatch.GetElapsedTime(started) >= cost);
    };

    private static void EachAskTakes(CacheHarness gateway, MemoryPredictionStore store, TimeSpan trip) => store.OnCall = (call, _) =>
    {
        gateway.Serving.Time.Advance(call == "get_many" ? trip : TimeSpan.Zero);
        return default;
    };

    private static async Task PredictNewBatchesAsync(CacheHarness gateway, int batches, int from = 0)
    {
        for (int i = 0; i < batches; i++)
        {
            await gateway.PredictAsync(Batch(from + (2 * i), 2));
        }
    }

    private static float[] Batch(int from, int rows) => [.. Enumerable.Range(from, rows).Select(row => (float)row)];

    // As one who can write to the store, and knows how gateways do.
    private static byte[] Forge(PredictionKey key, string forgery)
    {
        OutputValue answer = Answer("y", 1);
        OutputValue[] outputs = forgery switch
        {
            "fewer outputs" => [],
            "more outputs" => [answer, Answer("z", 1)],
            "other name" => [Answer("z", 1)],
            "other type" => [OutputValue.FromTensor("y", Tensor.Create<long>(TensorType.Int64, [1], [1]))],
            "other kind" => [OutputValue.FromSequence("y", [])],
            "two rows" => [Answer("y", 2)],
            _ => [Answer("y", 1, 2)],
        };
        byte[] payload = PredictionCodec.Encode(outputs, TimeSpan.FromMilliseconds(1), 1000)!;
        byte[] value = new byte[StoredPrediction.LongestLength(payload.Length, null)];
        return value[..StoredPrediction.Seal(key, payload, DateTimeOffset.UtcNow, TimeSpan.FromHours(1), null, null, value)];
    }

    private static OutputValue Answer(string name, params long[] shape) =>
        OutputValue.FromTensor(name, Tensor.Create<float>(TensorType.Fp32, shape, new float[shape.Aggregate(1L, (count, dimension) => count * dimension)]));

    // Until a place in the queue is known to take about ten seconds.
    private static async Task WaitTenSecondsForAPlaceAsync(CacheHarness gateway, Servable servable)
    {
        gateway.RunCost = TimeSpan.Zero;
        Task<PredictResult>[] waiting;
        using (Hold(servable))
        {
            waiting = [.. Enumerable.Range(1000, 8).Select(value => gateway.PredictAsync(value))];
            await UntilAsync(() => servable.Scheduler.Waiting == waiting.Length);
            gateway.Serving.Time.Advance(TimeSpan.FromSeconds(80));
        }

        await Task.WhenAll(waiting).WaitAsync(Patience);
    }

    private static InstanceLease Hold(Servable servable)
    {
        InstanceLease? lease = null;
        Assert.True(SpinWait.SpinUntil(() => servable.Pool.TryRent(out lease), Patience));
        return lease!;
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!condition())
        {
            patience.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }
}
