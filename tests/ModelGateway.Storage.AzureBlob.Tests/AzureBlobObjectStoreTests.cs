using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Storage.AzureBlob.Tests;

[Collection(AzuriteCollection.Name)]
public sealed class AzureBlobObjectStoreTests : KeyedObjectStoreContract, IAsyncLifetime
{
    private readonly TestContainer _container;
    private readonly StoreHarness _harness;

    public AzureBlobObjectStoreTests(AzuriteServer azurite)
    {
        _container = new TestContainer(azurite);
        _harness = new StoreHarness(("Endpoint", azurite.Endpoint), ("AccountKey", AzuriteServer.AccountKey));
        Store = _harness.Open(new AzureBlobObjectStoreProvider(), _container.Location);
        Unreachable = _harness.Open(new AzureBlobObjectStoreProvider(), $"azblob://{AzuriteServer.Account}/no-such-container");
    }

    protected override IObjectStore Store { get; }

    protected override StoreHarness Harness => _harness;

    protected override IObjectStore Unreachable { get; }

    public Task InitializeAsync() => _container.CreateAsync();

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public void Location_OfAContainer_IsTheUriWithoutASlash()
    {
        Assert.Equal(_container.Location, Store.Location);
        Assert.Equal($"azblob://{AzuriteServer.Account}/no-such-container", Unreachable.Location);
    }

    [Fact]
    public async Task ListAsync_OtherPrefixes_AreNotSeen()
    {
        await _container.WriteAsync("models/iris/1/model.onnx", Content(1));
        await _container.WriteAsync("models-old/iris/1/model.onnx", Content(1));
        await _container.WriteAsync("models", Content(1));
        await _container.WriteAsync("other/models/iris/1/model.onnx", Content(1));

        Assert.Equal(["iris/1/model.onnx"], (await ListAsync()).Select(item => item.Key));
        Assert.Null(await Store.FindAsync("../models-old/iris/1/model.onnx", CancellationToken.None));
    }

    [Fact]
    public async Task ListAsync_WithoutPrefix_IsTheWholeContainer()
    {
        await _container.WriteAsync("iris/1/model.onnx", Content(3));
        IObjectStore whole = _harness.Open(new AzureBlobObjectStoreProvider(), $"azblob://{AzuriteServer.Account}/{_container.Name}/");

        StoredObject listed = Assert.Single((await whole.ListAsync(null, CancellationToken.None))!.Objects);

        Assert.Equal("iris/1/model.onnx", listed.Key);
        using var copy = new MemoryStream();
        await whole.CopyToAsync(listed, copy, CancellationToken.None);
        Assert.Equal(Content(3), copy.ToArray());
    }

    [Fact]
    public async Task ListAsync_SnapshotsAndPlaceholdersOfFolders_AreLeftOut()
    {
        await _container.WriteAsync("models/iris/1/model.onnx", Content(1));
        await _container.Client.GetBlobClient("models/iris/1/model.onnx").CreateSnapshotAsync();
        await _container.Client.GetBlobClient("models/iris/1").UploadAsync(
            BinaryData.FromBytes([]), new BlobUploadOptions { Metadata = new Dictionary<string, string> { ["hdi_isfolder"] = "true" } });

        Assert.Equal(["iris/1/model.onnx"], (await ListAsync()).Select(item => item.Key));
        Assert.Null(await Store.FindAsync("iris/1", CancellationToken.None));
    }

    [Fact]
    public async Task ListAsync_BlobWithMd5_HasItAsChecksum()
    {
        byte[] content = Content(10);
        await _container.WriteAsync("models/iris/1/model.onnx", content);
        var blocks = _container.Client.GetBlockBlobClient("models/iris/1/blocks.bin");
        await blocks.StageBlockAsync("AAAA", new MemoryStream(content));
        await blocks.CommitBlockListAsync(["AAAA"]);

        IReadOnlyList<StoredObject> listed = await ListAsync();

        using var calculator = new ChecksumCalculator(ChecksumAlgorithm.Md5);
        calculator.Append(content);
        Assert.Equal([null, calculator.GetChecksumAndReset()], listed.Select(item => item.Checksum));
    }

    [Fact]
    public async Task ListAsync_MoreThanAPage_IsAllOfThemInARequestAPage()
    {
        foreach (int i in Enumerable.Range(0, 7))
        {
            await _container.WriteAsync($"models/m{i}/1/model.onnx", Content(1));
        }

        IObjectStore store = _harness.Open(new AzureBlobObjectStoreProvider { PageSize = 3 }, _container.Location);
        ObjectListing listing = (await store.ListAsync(null, CancellationToken.None))!;

        Assert.Equal(Enumerable.Range(0, 7).Select(i => $"m{i}/1/model.onnx"), listing.Objects.Select(item => item.Key));
        Assert.Null(listing.Marker);
        Assert.Equal(new Dictionary<string, int> { ["list success"] = 3 }, await _harness.RequestsAsync());
    }

    [Fact]
    public async Task Requests_OfEveryKind_AreCountedOnceEach()
    {
        await _container.WriteAsync("models/iris/1/model.onnx", Content(3_000_000));

        StoredObject listed = Assert.Single(await ListAsync());
        await Store.FindAsync("iris/1/model.onnx", CancellationToken.None);
        await Store.FindAsync("iris/2/model.onnx", CancellationToken.None);
        await Store.CopyRangeAsync(listed, 10, 20, Stream.Null, CancellationToken.None);
        await Store.CopyToAsync(listed, Stream.Null, CancellationToken.None);
        await Assert.ThrowsAsync<ObjectChangedException>(() => Store.CopyToAsync(listed with { Tag = "0x1" }, Stream.Null, CancellationToken.None));

        Assert.Equal(
            new Dictionary<string, int> { ["list success"] = 1, ["head success"] = 1, ["head not_found"] = 1, ["get success"] = 2, ["get changed"] = 1 },
            await _harness.RequestsAsync());
    }

    [Fact]
    public async Task CopyRangeAsync_WithoutTagOfAShorterBlob_IsObjectChanged()
    {
        await _container.WriteAsync("models/iris/1/model.onnx", Content(100));
        StoredObject listed = Assert.Single(await ListAsync());
        await _container.WriteAsync("models/iris/1/model.onnx", Content(50));

        await Assert.ThrowsAsync<ObjectChangedException>(() => Store.CopyRangeAsync(listed with { Tag = "" }, 10, 20, Stream.Null, CancellationToken.None));
        await Assert.ThrowsAsync<ObjectChangedException>(() => Store.CopyRangeAsync(listed with { Tag = "" }, 60, 20, Stream.Null, CancellationToken.None));
        await Assert.ThrowsAsync<ObjectChangedException>(() => Store.CopyToAsync(listed with { Tag = "" }, Stream.Null, CancellationToken.None));
    }

    // Azure takes a backslash for a slash: there are no such names.
    protected override Task WriteAsync(string key, byte[] content) =>
        key.Contains('\\', StringComparison.Ordinal) ? Task.CompletedTask : _container.WriteAsync($"models/{key}", content);

    protected override Task DeleteAsync(string key) => _container.Client.GetBlobClient($"models/{key}").DeleteAsync();
}
