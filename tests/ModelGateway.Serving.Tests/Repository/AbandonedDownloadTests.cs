using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository;

/// <summary>Downloads that are called off because a listing no longer has their object: nothing of them stays on the disk.</summary>
public sealed class AbandonedDownloadTests : IDisposable
{
    private readonly string _root = Path.Combine(Path.GetTempPath(), $"cache-{Guid.NewGuid():n}");
    private readonly MemoryObjectStore _objects = new("s3://models", hasMarker: true);
    private readonly HookedObjectStore _store;
    private readonly ArtifactCache _cache;
    private readonly ModelRepository _repository;
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _load = new();

    public AbandonedDownloadTests()
    {
        _store = new HookedObjectStore(_objects);
        _cache = new ArtifactCache(_root);
        _repository = new ModelRepository(_store, TimeSpan.Zero, TimeProvider.System) { Artifacts = _cache };
        _store.OnCopy = async (_, token) =>
        {
            _begun.TrySetResult();
            await Task.Delay(Timeout.Infinite, token);
        };
    }

    public void Dispose()
    {
        _load.Dispose();
        _cache.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FetchAsync_CalledOffAfterItsVersionWent_LeavesNothing(bool isReplaced)
    {
        Task fetch = await BeginAsync();
        _objects.Remove("m/1/model.onnx");
        if (isReplaced)
        {
            _objects.Put("m/1/model.onnx", [3, 4, 5]);
        }

        // The scan that sees it comes before the manager calls the load off.
        await ScanAsync();
        Assert.NotEmpty(Partials());
        await CallOffAsync(fetch);
        await ScanAsync();

        Assert.True(_repository.WasUnchanged);
        Assert.Empty(Partials());
    }

    [Fact]
    public async Task FetchAsync_CalledOffBeforeTheScanThatSeesIt_LeavesNothing()
    {
        Task fetch = await BeginAsync();
        _objects.Remove("m/1/model.onnx");

        await CallOffAsync(fetch);
        await ScanAsync();

        Assert.Empty(Partials());
    }

    [Fact]
    public async Task FetchAsync_CalledOffWhileItsVersionIsThere_IsKeptToBeGoneOnWith()
    {
        Task fetch = await BeginAsync();
        _objects.Put("other/1/model.onnx", [1]);

        await ScanAsync();
        await CallOffAsync(fetch);
        await ScanAsync();

        Assert.NotEmpty(Partials());
    }

    [Fact]
    public async Task FetchAsync_CalledOffAfterItsVersionWentFromAnotherStore_IsKept()
    {
        Task fetch = await BeginAsync();
        var other = new ModelRepository(new MemoryObjectStore("s3://others", hasMarker: true), TimeSpan.Zero, TimeProvider.System) { Artifacts = _cache };

        await other.ScanAsync(null, CancellationToken.None);
        await CallOffAsync(fetch);

        Assert.NotEmpty(Partials());
    }

    private async Task<Task> BeginAsync()
    {
        _objects.Put("m/1/model.onnx", [1, 2, 3]);
        RepositoryListing listing = await ScanAsync();
        Task fetch = _cache.FetchAsync(Assert.Single(listing.Models["m"].Versions), _load.Token);
        await _begun.Task;
        return fetch;
    }

    private async Task CallOffAsync(Task fetch)
    {
        await _load.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => fetch);
    }

    private Task<RepositoryListing> ScanAsync() => _repository.ScanAsync(null, CancellationToken.None);

    private string[] Partials() => Directory.GetFiles(Path.Combine(_root, "partial"));
}
