using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Runtime.Onnx;
using ModelGateway.Serving.Tensors;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Onnx;
using Prometheus;
using Xunit;

namespace ModelGateway.Storage.MLflow.Tests;

/// <summary>The registry under the real watcher, manager and runtime: what a move of an alias does to those who predict.</summary>
public sealed class AliasSwapTests : IAsyncLifetime, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly ServingOptions _options = new() { ArtifactFolder = Path.Combine(Path.GetTempPath(), $"artifacts-{Guid.NewGuid():n}") };
    private readonly ServingMetrics _metrics = new(Metrics.NewCustomRegistry());
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    private Predictor _predictor = null!;
    private Registry _registry = null!;
    private ArtifactCache _artifacts = null!;
    private ServableManager _manager = null!;
    private RepositoryWatcher _watcher = null!;

    private MlflowServer Server => _registry.Server;

    public async Task InitializeAsync()
    {
        _registry = await Registry.StartAsync();
        AddVersion(1, 1);
        Server.SetAlias("adder", "champion", 1);
        _predictor = new Predictor(_options, TimeProvider.System, NullLogger<Predictor>.Instance);
        _artifacts = new ArtifactCache(_options.ArtifactFolder);
        _manager = new ServableManager(
            _artifacts, new OnnxModelRuntime(new OnnxOptions(), NullLogger<OnnxModelRuntime>.Instance), _metrics, _options, _time, NullLogger<ServableManager>.Instance);
        _watcher = new RepositoryWatcher(
            [new WatchedRepository(new ModelRepository(_registry.Open("?alias=champion"), _options.SettleTime, _time), TimeSpan.FromSeconds(30))], _manager, _metrics, _options, _time, NullLogger<RepositoryWatcher>.Instance);
        await ScanUntilAsync(() => Answers() is [1]);
    }

    public async Task DisposeAsync() => await _registry.DisposeAsync();

    public void Dispose()
    {
        _watcher.Dispose();
        _manager.Dispose();
        _artifacts.Dispose();
        Directory.Delete(_options.ArtifactFolder, recursive: true);
    }

    [Fact]
    public async Task Scan_AliasMovesForthAndBack_SwapsWithoutAGap()
    {
        AddVersion(2, 2);
        using var stop = new CancellationTokenSource();
        Task<List<float>>[] callers = [CallAsync(null, stop.Token), CallAsync("champion", stop.Token)];

        Server.SetAlias("adder", "champion", 2);
        await ScanUntilAsync(() => Answers() is [2]);
        Server.SetAlias("adder", "champion", 1);
        await ScanUntilAsync(() => Answers() is [1]);
        await stop.CancelAsync();

        foreach (List<float> answers in await Task.WhenAll(callers))
        {
            Assert.NotEmpty(answers);
            Assert.All(answers, answer => Assert.InRange(answer, 1, 2));
            Assert.InRange(answers.Zip(answers.Skip(1)).Count(pair => pair.First != pair.Second), 0, 2);
        }
    }

    [Fact]
    public async Task Scan_AliasMovesToABrokenModel_TheOldAnswersOn()
    {
        Server.AddVersion("adder", MlflowServer.MLmodel(), ("model.onnx", TestModels.Broken()));
        Server.SetAlias("adder", "champion", 2);

        await ScanUntilAsync(() => _manager.Find("adder")?.Find(2)?.State == ServableState.Failed);
        await _watcher.ScanAsync(null, CancellationToken.None);

        Assert.Equal((1f, 1f), (await PredictAsync(null), await PredictAsync("champion")));
        AddVersion(3, 3);
        Server.SetAlias("adder", "champion", 3);
        await ScanUntilAsync(() => Answers() is [3]);
        Assert.Equal(3, await PredictAsync("champion"));
    }

    [Fact]
    public async Task Scan_TagChanges_ReloadsNothing()
    {
        Servable before = _manager.Find("adder")!.Default!.Servable!;

        Server.SetVersionTag("adder", 1, "quality", "good");
        await _watcher.ScanAsync(null, CancellationToken.None);

        ModelView now = _manager.Find("adder")!;
        Assert.Equal("good", now.Config.VersionMetadata[1]["tag.quality"]);
        Assert.Same(before, now.Default!.Servable);
        Assert.False(now.IsBusy);
    }

    [Fact]
    public async Task Scan_AliasRemoved_TheModelGoes()
    {
        Server.RemoveAlias("adder", "champion");

        await ScanUntilAsync(() => _manager.Find("adder") is null);
    }

    [Fact]
    public async Task Load_SignatureWithColumns_NamesTheColumns()
    {
        Server.AddVersion("flowers", MlflowServer.MLmodel("model.onnx", "a", "b", "c", "d"), ("model.onnx", TestModels.Mlp()));
        Server.SetAlias("flowers", "champion", 1);

        await ScanUntilAsync(() => _manager.Find("flowers")?.Default is not null);

        Assert.Equal(["a", "b", "c", "d"], _manager.Find("flowers")!.Default!.Servable!.Signature.Inputs[0].Columns!.Names);
    }

    private void AddVersion(int version, float answer) =>
        Assert.Equal(version, Server.AddVersion("adder", MlflowServer.MLmodel(), ("model.onnx", TestModels.AddConstant(answer))));

    // The versions that answer now, and nothing is being loaded or drained.
    private long[] Answers() => _manager.Find("adder") is { IsBusy: false } model && model.Versions.All(version => version.State != ServableState.Draining)
        ? [.. model.Versions.Where(version => version.Servable is not null).Select(version => version.Id.Version)]
        : [];

    private async Task ScanUntilAsync(Func<bool> condition)
    {
        await _watcher.ScanAsync(null, CancellationToken.None);
        Assert.Null(_watcher.Problem);
        while (true)
        {
            Task changed = _manager.NextChange();
            if (condition())
            {
                return;
            }

            await changed.WaitAsync(Patience);
        }
    }

    private Task<List<float>> CallAsync(string? version, CancellationToken stop) => Task.Run(async () =>
    {
        var answers = new List<float>();
        do
        {
            answers.Add(await PredictAsync(version));
        }
        while (!stop.IsCancellationRequested);
        return answers;
    });

    private async Task<float> PredictAsync(string? version)
    {
        Assert.True(_manager.TryAcquire(ModelSpec.Parse("adder", version), null, out ServableHandle? handle, out PredictError? error), error?.Message);
        using (handle)
        {
            using var request = new PredictRequest();
            request.Add("x", Tensor.Create<float>(TensorType.Fp32, [1, 1], [0f]));
            PredictResult result = await _predictor.PredictAsync(handle.Servable, request, CancellationToken.None);
            using PredictResponse? response = result.Response;
            Assert.True(result.IsSuccess, result.Error?.Message);
            return result.Response.Outputs[0].Values.AsSpan<float>()[0];
        }
    }
}
