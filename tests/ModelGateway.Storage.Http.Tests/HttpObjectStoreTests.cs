using ModelGateway.Serving.Repository;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Storage.Http.Tests;

/// <summary>One nginx for all tests of the class, each with a folder of its own below its root.</summary>
public sealed class NginxFixture : IAsyncLifetime
{
    public NginxServer Server { get; private set; } = null!;

    public async Task InitializeAsync() => Server = await NginxServer.StartAsync("gzip on; gzip_min_length 0; gzip_types *;");

    public async Task DisposeAsync() => await Server.DisposeAsync();
}

/// <summary>The contract against nginx, whose ETags know the second of a change and not more.</summary>
public sealed class HttpObjectStoreTests : KeyedObjectStoreContract, IClassFixture<NginxFixture>, IDisposable
{
    // An index as old as this is believed to be the same as long as its ETag is.
    private static readonly TimeSpan Ripe = TimeSpan.FromHours(1);
    private readonly IndexedFolder _folder;
    private readonly StoreHarness _harness = new();
    private readonly string _location;

    public HttpObjectStoreTests(NginxFixture nginx)
    {
        _folder = new IndexedFolder(nginx.Server.Root);
        _folder.WriteIndex();
        _location = nginx.Server.AddressOf(_folder.IndexFile).AbsoluteUri;
        Store = Open();
        Unreachable = _harness.Open(new HttpObjectStoreProvider(), $"http://127.0.0.1:{NginxServer.FreePort()}/index.json");
    }

    protected override IObjectStore Store { get; }

    protected override StoreHarness Harness => _harness;

    protected override IObjectStore Unreachable { get; }

    // An index with such a name is refused whole, see IndexPollingTests.
    protected override bool HoldsAnyName => false;

    protected override bool TellsChangedParts => false;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task ListAsync_IdleRepository_IsOneUnchangedRequestAPoll()
    {
        _folder.Write("iris/1/model.onnx", Content(10));
        _folder.SetIndexAge(Ripe);
        string? marker = (await Store.ListAsync(null, CancellationToken.None))!.Marker;

        for (int i = 0; i < 10; i++)
        {
            Assert.Null(await Store.ListAsync(marker, CancellationToken.None));
        }

        Assert.Equal(new Dictionary<string, int> { ["list success"] = 1, ["list unchanged"] = 10 }, await _harness.RequestsAsync());
    }

    [Fact]
    public async Task ListAsync_MarkerOfAnEarlierProcess_TellsThatNothingChanged()
    {
        _folder.Write("iris/1/model.onnx", Content(10));
        _folder.SetIndexAge(Ripe);
        string? marker = (await Open().ListAsync(null, CancellationToken.None))!.Marker;

        Assert.Null(await Store.ListAsync(marker, CancellationToken.None));

        Assert.Equal(new Dictionary<string, int> { ["list success"] = 1, ["list unchanged"] = 1 }, await _harness.RequestsAsync());
    }

    [Fact]
    public async Task ListAsync_NoMarkerAgain_IsTheKnownListingWithoutATransfer()
    {
        _folder.Write("iris/1/model.onnx", Content(10));
        _folder.SetIndexAge(Ripe);

        Assert.Same(await Store.ListAsync(null, CancellationToken.None), await Store.ListAsync(null, CancellationToken.None));

        Assert.Equal(new Dictionary<string, int> { ["list success"] = 1, ["list unchanged"] = 1 }, await _harness.RequestsAsync());
    }

    [Fact]
    public async Task ListAsync_IndexWrittenAnewInTheSameSecondWithTheSameSize_IsNotMissed()
    {
        _folder.Write("iris/1/model.onnx", Content(10));

        // Just now, however slow the machine is.
        var second = new DateTime(2126, 11, 26, 15, 0, 0, DateTimeKind.Utc);
        File.SetLastWriteTimeUtc(_folder.IndexFile, second);
        ObjectListing first = (await Store.ListAsync(null, CancellationToken.None))!;

        _folder.Write("iris/1/model.onnx", Content(10, seed: 2));
        File.SetLastWriteTimeUtc(_folder.IndexFile, second);
        ObjectListing again = (await Store.ListAsync(first.Marker, CancellationToken.None))!;

        Assert.NotEqual(first.Objects[0].Tag, again.Objects[0].Tag);
    }

    [Fact]
    public async Task ListAsync_FreshIndexUnchanged_IsUnchangedWithoutAnETagToo()
    {
        _folder.Write("iris/1/model.onnx", Content(10));
        _folder.SetIndexAge(-Ripe);
        string? marker = (await Store.ListAsync(null, CancellationToken.None))!.Marker;

        Assert.Null(await Store.ListAsync(marker, CancellationToken.None));
        Assert.Null(await Open().ListAsync(marker, CancellationToken.None));

        // Once it has lain there for a while, it need not be sent any more, although its marker stays what it was.
        _folder.SetIndexAge(Ripe);
        Assert.Null(await Store.ListAsync(marker, CancellationToken.None));
        Assert.Null(await Store.ListAsync(marker, CancellationToken.None));
        Assert.Equal(new Dictionary<string, int> { ["list success"] = 4, ["list unchanged"] = 1 }, await _harness.RequestsAsync());
    }

    [Fact]
    public async Task CopyRangeAsync_PartsAndWhole_AreOneRequestEach()
    {
        _folder.Write("iris/1/model.onnx", Content(1000));
        StoredObject listed = Assert.Single(await ListAsync());

        await Store.CopyRangeAsync(listed, 0, 500, Stream.Null, CancellationToken.None);
        await Store.CopyRangeAsync(listed, 500, 500, Stream.Null, CancellationToken.None);
        await Store.CopyToAsync(listed, Stream.Null, CancellationToken.None);

        Assert.True(Store.SupportsRanges);
        Assert.Equal(new Dictionary<string, int> { ["get success"] = 3, ["list success"] = 1 }, await _harness.RequestsAsync());
    }

    [Fact]
    public async Task CopyToAsync_ObjectThatTheIndexDoesNotKnowYet_IsObjectChangedAndTellsWhy()
    {
        _folder.Write("iris/1/model.onnx", Content(10));
        StoredObject listed = Assert.Single(await ListAsync());
        _folder.WriteWithoutIndex("iris/1/model.onnx", Content(10, seed: 2));

        ObjectChangedException exception = await Assert.ThrowsAsync<ObjectChangedException>(() => CopyAsync(listed));

        Assert.Contains("the index was not written anew", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListAsync_IndexGone_IsAnIOExceptionThatNamesIt()
    {
        File.Delete(_folder.IndexFile);

        IOException exception = await Assert.ThrowsAsync<IOException>(() => Store.ListAsync(null, CancellationToken.None));

        Assert.Contains(_location, exception.Message, StringComparison.Ordinal);
        Assert.Contains("404", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListAsync_IndexOfAnotherName_DoesNotListItself()
    {
        _folder.Write("models.json", Content(3));
        _folder.Write("iris/1/model.onnx", Content(10));
        File.Move(_folder.IndexFile, _folder.PathOf("models.json"), overwrite: true);
        IObjectStore store = _harness.Open(new HttpObjectStoreProvider(), _location.Replace("/index.json", "/models.json", StringComparison.Ordinal));

        Assert.Equal(["iris/1/model.onnx"], (await store.ListAsync(null, CancellationToken.None))!.Objects.Select(item => item.Key));
    }

    [Fact]
    public async Task ListAsync_TwoHundredModels_CostsOneRequestAPoll()
    {
        for (int model = 0; model < 200; model++)
        {
            for (int version = 1; version <= 3; version++)
            {
                _folder.WriteWithoutIndex($"model-{model}/{version}/model.onnx", Content(10, (byte)version));
            }
        }

        _folder.WriteIndex();
        _folder.SetIndexAge(Ripe);
        ObjectListing listing = (await Store.ListAsync(null, CancellationToken.None))!;
        Assert.Equal(600, listing.Objects.Count);

        // An hour at one poll a minute.
        for (int i = 0; i < 60; i++)
        {
            Assert.Null(await Store.ListAsync(listing.Marker, CancellationToken.None));
        }

        Assert.Equal(new Dictionary<string, int> { ["list success"] = 1, ["list unchanged"] = 60 }, await _harness.RequestsAsync());
    }

    protected override Task WriteAsync(string key, byte[] content)
    {
        _folder.Write(key, content);
        return Task.CompletedTask;
    }

    protected override Task DeleteAsync(string key)
    {
        _folder.Delete(key);
        return Task.CompletedTask;
    }

    private IObjectStore Open() => _harness.Open(new HttpObjectStoreProvider(), _location);
}
