using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Storage.MLflow.Tests;

/// <summary>Files in a bucket are fetched as those of any bucket, in pieces that are gone on with; those behind the proxy never.</summary>
public sealed class ArtifactRangesTests : IAsyncLifetime, IDisposable
{
    private const int Size = 10_000;
    private readonly RepositoryFolder _bucket = new();
    private readonly string _artifacts = Directory.CreateTempSubdirectory("artifacts-").FullName;
    private Registry _registry = null!;
    private BreakingObjectStore _other = null!;

    private MlflowServer Server => _registry.Server;

    public async Task InitializeAsync()
    {
        _registry = await Registry.StartAsync();
        await File.WriteAllBytesAsync(Path.Combine(_bucket.Root, "MLmodel"), MlflowServer.MLmodel().Content);
        await File.WriteAllBytesAsync(Path.Combine(_bucket.Root, "model.onnx"), Content());
        _other = new BreakingObjectStore(new FileObjectStore(_bucket.Root));
        _registry.Harness.OpenOther = _ => _other;
        Server.AddVersion("iris", "s3://bucket/model");
    }

    public async Task DisposeAsync() => await _registry.DisposeAsync();

    public void Dispose()
    {
        _bucket.Dispose();
        Directory.Delete(_artifacts, recursive: true);
    }

    [Fact]
    public async Task SupportsRanges_AnyFileBehindTheProxy_No()
    {
        IObjectStore store = _registry.Open();
        Assert.False(store.SupportsRanges);
        await store.KeysAsync();
        Assert.True(store.SupportsRanges);

        Server.AddVersion("wine", MlflowServer.MLmodel(columns: "a"), ("model.onnx", Content()));
        await store.KeysAsync();
        Assert.False(store.SupportsRanges);
        Assert.Equal(Content(), await store.ReadAsync("wine/1/model.onnx"));

        Server.RemoveModel("wine");
        await store.KeysAsync();
        Assert.True(store.SupportsRanges);
        _other.SupportsRanges = false;
        Assert.False((await OpenListedAsync()).SupportsRanges);
    }

    [Fact]
    public async Task FetchAsync_FileInABucketAndEveryPieceBreaksOff_IsGoneOnWith()
    {
        IObjectStore store = await OpenListedAsync();
        (int copies, long bytes) = (_other.Copies, _other.Bytes);
        _other.BreakAfter = copy => copy % 2 == copies % 2 ? null : 400;

        Assert.Equal(Content(), await FetchAsync(store));

        // Ten pieces in two halves each, and no byte twice.
        Assert.Equal((20, Size), (_other.Copies - copies, _other.Bytes - bytes));
    }

    [Fact]
    public async Task FetchAsync_AnotherModelBehindTheProxy_ComesWholeAllTheSame()
    {
        Server.AddVersion("wine", MlflowServer.MLmodel(), ("model.onnx", Content()));
        IObjectStore store = await OpenListedAsync();
        (int copies, long bytes) = (_other.Copies, _other.Bytes);
        _other.BreakAfter = copy => copy == copies + 1 ? 400 : null;

        Assert.Equal(Content(), await FetchAsync(store));

        Assert.Equal((2, Size + 400), (_other.Copies - copies, _other.Bytes - bytes));
    }

    private async Task<IObjectStore> OpenListedAsync()
    {
        IObjectStore store = _registry.Open();
        await store.KeysAsync();
        return store;
    }

    private async Task<byte[]> FetchAsync(IObjectStore store)
    {
        RepositoryListing listing = await new ModelRepository(store, TimeSpan.Zero, TimeProvider.System).ScanAsync(null, CancellationToken.None);
        using var cache = new ArtifactCache(_artifacts, new ArtifactCacheOptions { PieceBytes = Size / 10, Parallelism = 1, RetryPause = TimeSpan.FromMilliseconds(1) });
        using ModelArtifact artifact = await cache.FetchAsync(Assert.Single(listing.Models["iris"].Versions), CancellationToken.None);
        return await File.ReadAllBytesAsync(artifact.ModelFile);
    }

    private static byte[] Content()
    {
        byte[] content = new byte[Size];
        new Random(1).NextBytes(content);
        return content;
    }
}
