using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using ModelGateway.Serving.Caching;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Inference;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Runtime.Onnx;
using ModelGateway.Serving.Tensors;
using ModelGateway.TestKit.Caching;
using ModelGateway.TestKit.Repository;
using Prometheus;
using Xunit;

namespace ModelGateway.Serving.Tests.Lifecycle;

/// <summary>
/// The core as the host puts it together, on a repository of its own. Scans run when the test says so, and settling takes no time;
/// waiting means waiting for <see cref="ServableManager.NextChange"/>.
/// </summary>
internal sealed class ServingHarness : IDisposable
{
    public static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(2);

    // Long enough for a busy machine: who waits this long waits for ever.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly CollectorRegistry _registry = Metrics.NewCustomRegistry();
    private readonly ArtifactCache _artifacts;
    private readonly string _artifactFolder;
    private long _writes;

    public ServingHarness(
        IModelRuntime? runtime = null, Func<ServingOptions, ServingOptions>? change = null, TimeSpan? settleTime = null, CacheOptions? cache = null, MemoryPredictionStore? sharedStore = null,
        TimeProvider? storeTime = null, string? artifactFolder = null)
    {
        _artifactFolder = artifactFolder ?? Path.Combine(Path.GetTempPath(), $"artifacts-{Guid.NewGuid():n}");
        var defaults = new ServingOptions { ArtifactFolder = _artifactFolder, SettleTime = settleTime ?? TimeSpan.Zero, LoadParallelism = 2 };
        Options = change?.Invoke(defaults) ?? defaults;
        Store = new HookedObjectStore(new FileObjectStore(Folder.Root));
        ServingMetrics = new ServingMetrics(_registry);
        Cache = cache is null ? null : new PredictionCache(
            cache,
            sharedStore is null ? null : new SharedPredictions(sharedStore, new SharedPredictionOptions(), new CacheMetrics(_registry), storeTime ?? TimeProvider.System, NullLogger<SharedPredictions>.Instance),
            ServingMetrics,
            Time);
        _artifacts = new ArtifactCache(_artifactFolder, new ArtifactCacheOptions { Attempts = 2, RetryPause = TimeSpan.Zero }, ServingMetrics);
        Manager = new ServableManager(
            _artifacts, runtime ?? new OnnxModelRuntime(new OnnxOptions { Encryption = Options.Encryption }, NullLogger<OnnxModelRuntime>.Instance), ServingMetrics, Options, Time, Log, Cache);
        Watcher = new RepositoryWatcher(
            [new WatchedRepository(new ModelRepository(Store, Options.SettleTime, Time), PollInterval)], Manager, ServingMetrics, Options, Time, NullLogger<RepositoryWatcher>.Instance);
        Predictor = new Predictor(Options, Cache is null ? TimeProvider.System : Time, NullLogger<Predictor>.Instance, Cache);
    }

    public RepositoryFolder Folder { get; } = new();

    public HookedObjectStore Store { get; }

    public FakeTimeProvider Time { get; } = new(DateTimeOffset.UtcNow);

    public ServingOptions Options { get; }

    public ServingMetrics ServingMetrics { get; }

    /// <summary>What the manager and its loaders say.</summary>
    public LogLines<ServableManager> Log { get; } = new();

    public ServableManager Manager { get; }

    public RepositoryWatcher Watcher { get; }

    public Predictor Predictor { get; }

    public PredictionCache? Cache { get; }

    /// <summary>Adds or replaces a version, with a modification time that was not there before.</summary>
    public void Add(string model, long version, byte[] onnx, params (string Name, byte[] Content)[] files)
    {
        string folder = Folder.AddVersion(model, version, onnx, files);

        // Two writes within one tick of the file system's clock could not be told apart.
        File.SetLastWriteTimeUtc(Path.Combine(folder, ModelArtifact.ModelFileName), DateTime.UtcNow.AddTicks(Interlocked.Increment(ref _writes) * TimeSpan.TicksPerSecond));
    }

    public Task ScanAsync() => Watcher.ScanAsync(null, CancellationToken.None);

    /// <summary>Scans, and waits until nothing is being loaded and nothing drains.</summary>
    public async Task ScanAndSettleAsync()
    {
        await ScanAsync();
        await SettleAsync();
    }

    public Task SettleAsync() => UntilAsync(() => Manager.Snapshot().Models.Values.All(model =>
        !model.IsBusy && model.Versions.All(version => version.State != ServableState.Draining)));

    /// <summary>Waits until the condition holds after some change.</summary>
    public async Task UntilAsync(Func<bool> condition)
    {
        while (true)
        {
            Task changed = Manager.NextChange();
            if (condition())
            {
                return;
            }

            await changed.WaitAsync(Patience);
        }
    }

    public VersionView Version(string model, long version) =>
        Manager.Find(model)?.Find(version) ?? throw new Xunit.Sdk.XunitException($"There is no {model}/{version}.");

    public ServableState State(string model, long version) => Version(model, version).State;

    public ServableHandle Acquire(string model, string? version = null)
    {
        Assert.True(Manager.TryAcquire(ModelSpec.Parse(model, version), null, out ServableHandle? handle, out PredictError? error), error?.Message);
        return handle;
    }

    public PredictError Refusal(string model, string? version = null, Func<string, bool>? mayName = null)
    {
        Assert.False(Manager.TryAcquire(ModelSpec.Parse(model, version), mayName, out _, out PredictError? error));
        Assert.Equal(error, Manager.Check(ModelSpec.Parse(model, version), mayName));
        return error;
    }

    /// <summary>What a model of one FP32 [batch, n] input answers to a single 0.</summary>
    public async Task<float> PredictAsync(string model, string? version = null)
    {
        using ServableHandle handle = Acquire(model, version);
        return await PredictAsync(handle);
    }

    public async Task<float> PredictAsync(ServableHandle handle)
    {
        using var request = new PredictRequest();
        request.Add("x", Tensor.Create<float>(TensorType.Fp32, [1, 1], [0f]));
        PredictResult result = await Predictor.PredictAsync(handle.Servable, request, CancellationToken.None);
        using PredictResponse? response = result.Response;
        Assert.True(result.IsSuccess, result.Error?.Message);
        return result.Response.Outputs[0].Values.AsSpan<float>()[0];
    }

    /// <summary>The lines of the metrics page that hold <paramref name="part"/>, without comments.</summary>
    public async Task<IReadOnlyList<string>> MetricsAsync(string part)
    {
        using var page = new MemoryStream();
        await _registry.CollectAndExportAsTextAsync(page);
        return [.. Encoding.UTF8.GetString(page.ToArray()).Split('\n').Where(line => !line.StartsWith('#') && line.Contains(part, StringComparison.Ordinal))];
    }

    /// <summary>Folders of loaded versions.</summary>
    public IEnumerable<string> Artifacts() => Directory.GetDirectories(_artifactFolder, "artifacts-*").SelectMany(Directory.GetDirectories);

    public void Dispose()
    {
        Watcher.Dispose();
        Manager.Dispose();
        Cache?.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _artifacts.Dispose();
        Directory.Delete(_artifactFolder, recursive: true);
        Folder.Dispose();
    }
}
