using ModelGateway.Serving.Models;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Lifecycle;

/// <summary>Starts while a store is away, after others while it was there.</summary>
public sealed class JournalStartTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("journal-").FullName;
    private readonly MemoryObjectStore _store = new("s3://models");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Start_StoreAway_KnowsWhatWasThereAndIsReady()
    {
        _store.Put("m/1/model.onnx", [1]);
        _store.Put("m/model.yaml", "description: kept"u8.ToArray());
        _store.Put("n/1/model.onnx", [1]);
        _store.Put("n/1/manifest.json", RepositoryFolder.Manifest(("model.onnx", [1])));
        await RunAsync(watch => Task.CompletedTask);
        int copies = _store.Copies;
        _store.OnList = _ => throw new IOException("the store is away");

        await RunAsync(watch =>
        {
            Assert.Equal("the store is away", watch.Watcher.Problem);
            Assert.True(watch.Manager.IsInitialized);
            Assert.Equal(("s3://models/m/1", "kept"), (watch.Answering("m"), watch.Manager.Find("m")!.Config.Description));
            Assert.Equal("s3://models/n/1", watch.Answering("n"));
            Assert.Contains(watch.Log.All, line => line.StartsWith("Warning: The repository s3://models could not be read at the start: its 2 models", StringComparison.Ordinal));
            Assert.Equal(PredictErrorKind.UnknownModel, watch.Manager.Check(new ModelSpec("unknown"), null)!.Kind);
            return Task.CompletedTask;
        });

        // Nothing was fetched again: files and texts were kept.
        Assert.Equal(copies, _store.Copies);
    }

    [Fact]
    public async Task Start_StoreComesBack_TakesItsPlace()
    {
        _store.Put("m/1/model.onnx", [1]);
        await RunAsync(_ => Task.CompletedTask);
        _store.OnList = _ => throw new IOException("the store is away");

        await RunAsync(async watch =>
        {
            _store.OnList = _ => Task.CompletedTask;
            _store.Remove("m/1/model.onnx");
            _store.Put("m/2/model.onnx", [2]);
            await watch.ScanAndSettleAsync();

            Assert.Null(watch.Watcher.Problem);
            Assert.Equal("s3://models/m/2", watch.Answering("m"));
        });
    }

    [Fact]
    public async Task Start_VersionThatHadSettled_NeedNotSettleAgain()
    {
        await RunAsync(async watch =>
        {
            _store.Put("m/1/model.onnx", [1], watch.Time.GetUtcNow() + TimeSpan.FromHours(1));
            _store.Put("late/1/model.onnx", [1], watch.Time.GetUtcNow() + TimeSpan.FromHours(1));
            await watch.ScanAsync();
            watch.Time.Advance(watch.Options.SettleTime);
            _store.Put("late/1/model.onnx", [2], watch.Time.GetUtcNow() + TimeSpan.FromHours(1));
            await watch.ScanAsync();
        });
        _store.OnList = _ => throw new IOException("the store is away");

        await RunAsync(watch =>
        {
            Assert.Equal("s3://models/m/1", watch.Answering("m"));
            Assert.Null(watch.Answering("late"));
            return Task.CompletedTask;
        });
    }

    [Fact]
    public async Task Start_StoreAwayAndNothingKept_IsNotReady()
    {
        _store.Failure = new IOException("the store is away");

        await RunAsync(watch =>
        {
            Assert.False(watch.Manager.IsInitialized);
            Assert.Equal(PredictErrorKind.NotReady, watch.Manager.Check(new ModelSpec("m"), null)!.Kind);
            return Task.CompletedTask;
        });
    }

    [Fact]
    public async Task Start_AnotherRepository_KnowsNothingOfThisOne()
    {
        _store.Put("m/1/model.onnx", [1]);
        await RunAsync(_ => Task.CompletedTask);
        var other = new MemoryObjectStore("s3://others") { Failure = new IOException("the store is away") };
        using var watch = new WatchHarness(new WatchSetup { Folder = _folder }, other);

        await watch.ScanAndSettleAsync();

        Assert.False(watch.Manager.IsInitialized);
        Assert.Null(watch.Manager.Find("m"));
    }

    private async Task RunAsync(Func<WatchHarness, Task> test)
    {
        using var watch = new WatchHarness(new WatchSetup { Folder = _folder }, _store);
        await watch.ScanAndSettleAsync();
        await test(watch);
    }
}
