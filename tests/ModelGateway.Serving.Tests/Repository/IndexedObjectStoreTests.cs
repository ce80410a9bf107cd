using ModelGateway.Serving.Repository;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository;

/// <summary>The contract over a folder with an index, and what the index saves; the folder's requests stand for those of a bucket.</summary>
public sealed class IndexedObjectStoreTests : KeyedObjectStoreContract, IDisposable
{
    private readonly IndexedFolder _folder = new();
    private readonly StoreHarness _harness = new();

    public IndexedObjectStoreTests() => Store = Open();

    protected override IObjectStore Store { get; }

    protected override IObjectStore Unreachable => new IndexedObjectStore(new FileObjectStore(Path.Combine(_folder.Root, "no such folder")));

    // An index with such a name is refused whole, see RepositoryIndexTests.
    protected override bool HoldsAnyName => false;

    protected override bool TellsChangedParts => false;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task ListAsync_IndexUnchanged_IsOneFindAPoll()
    {
        _folder.Write("iris/1/model.onnx", Content(10));
        string? marker = (await Store.ListAsync(null, CancellationToken.None))!.Marker;
        Assert.Equal([("get success", 1), ("head success", 1)], await RequestsAsync());

        for (int i = 0; i < 5; i++)
        {
            Assert.Null(await Store.ListAsync(marker, CancellationToken.None));
        }

        Assert.Equal([("get success", 1), ("head success", 6)], await RequestsAsync());
    }

    [Fact]
    public async Task ListAsync_IndexChanged_IsOneCopyMore()
    {
        _folder.Write("iris/1/model.onnx", Content(10));
        ObjectListing first = (await Store.ListAsync(null, CancellationToken.None))!;

        _folder.Write("iris/2/model.onnx", Content(10));
        ObjectListing second = (await Store.ListAsync(first.Marker, CancellationToken.None))!;

        Assert.Equal(2, second.Objects.Count);
        Assert.NotEqual(first.Marker, second.Marker);
        Assert.Equal([("get success", 2), ("head success", 2)], await RequestsAsync());
    }

    [Fact]
    public async Task ListAsync_MarkerOfAnEarlierProcess_TellsThatNothingChanged()
    {
        _folder.Write("iris/1/model.onnx", Content(10));
        string? marker = (await Store.ListAsync(null, CancellationToken.None))!.Marker;

        Assert.Null(await Open().ListAsync(marker, CancellationToken.None));

        Assert.Equal([("get success", 1), ("head success", 2)], await RequestsAsync());
    }

    [Fact]
    public async Task ListAsync_NoMarkerAgain_IsTheKnownListingWithoutACopy()
    {
        _folder.Write("iris/1/model.onnx", Content(10));

        Assert.Same(await Store.ListAsync(null, CancellationToken.None), await Store.ListAsync(null, CancellationToken.None));

        Assert.Equal([("get success", 1), ("head success", 2)], await RequestsAsync());
    }

    [Fact]
    public async Task ListAsync_NoIndex_LooksForItOnlyOnce()
    {
        _folder.WriteWithoutIndex("iris/1/model.onnx", Content(10));

        for (int i = 0; i < 5; i++)
        {
            Assert.Equal(["iris/1/model.onnx"], (await ListAsync()).Select(item => item.Key));
        }

        Assert.Equal([("head success", 1), ("list success", 5)], await RequestsAsync());
    }

    [Fact]
    public async Task ListAsync_IndexAppears_IsTheListingFromThenOn()
    {
        _folder.WriteWithoutIndex("iris/1/model.onnx", Content(10));
        string? marker = (await Store.ListAsync(null, CancellationToken.None))!.Marker;
        _folder.WriteIndex();
        _folder.WriteWithoutIndex("iris/2/model.onnx", Content(10));

        ObjectListing indexed = (await Store.ListAsync(marker, CancellationToken.None))!;

        Assert.Equal(["iris/1/model.onnx"], indexed.Objects.Select(item => item.Key));
        Assert.Null(await Store.ListAsync(indexed.Marker, CancellationToken.None));
        Assert.Equal([("get success", 1), ("head success", 3), ("list success", 2)], await RequestsAsync());
    }

    [Fact]
    public async Task ListAsync_IndexGoes_IsWhatIsThere()
    {
        _folder.Write("iris/1/model.onnx", Content(10));
        string? marker = (await Store.ListAsync(null, CancellationToken.None))!.Marker;
        _folder.WriteWithoutIndex("iris/2/model.onnx", Content(10));
        File.Delete(_folder.IndexFile);

        ObjectListing plain = (await Store.ListAsync(marker, CancellationToken.None))!;

        Assert.Equal(["iris/1/model.onnx", "iris/2/model.onnx"], plain.Objects.Select(item => item.Key).Order(StringComparer.Ordinal));
        Assert.NotNull(await Store.ListAsync(plain.Marker, CancellationToken.None));
        Assert.Equal([("get success", 1), ("head success", 2), ("list success", 2)], await RequestsAsync());
        Assert.Equal(10, (await Store.FindAsync("iris/2/model.onnx", CancellationToken.None))?.Size);
    }

    [Theory]
    [InlineData("")]
    [InlineData("""{"objects":[{"key":"iris/1/mod""")]
    [InlineData("""{"objects":[{"key":"../secret","size":1,"sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}]}""")]
    public async Task ListAsync_DamagedIndex_IsAnIOExceptionUntilItIsMended(string damaged)
    {
        _folder.Write("iris/1/model.onnx", Content(10));
        string? marker = (await Store.ListAsync(null, CancellationToken.None))!.Marker;
        _folder.WriteWithoutIndex(RepositoryIndex.FileName, System.Text.Encoding.UTF8.GetBytes(damaged));

        IOException exception = await Assert.ThrowsAsync<IOException>(() => Store.ListAsync(marker, CancellationToken.None));
        await Assert.ThrowsAsync<IOException>(() => Open().ListAsync(null, CancellationToken.None));

        Assert.Contains(Store.Location, exception.Message, StringComparison.Ordinal);
        Assert.Contains("index.json", exception.Message, StringComparison.Ordinal);
        _folder.Write("iris/2/model.onnx", Content(10));
        Assert.Equal(2, (await Store.ListAsync(marker, CancellationToken.None))!.Objects.Count);
    }

    [Fact]
    public async Task ListAsync_DamagedIndexAppears_IsNotPassedOver()
    {
        _folder.WriteWithoutIndex("iris/1/model.onnx", Content(10));
        await ListAsync();
        _folder.WriteWithoutIndex(RepositoryIndex.FileName, "{"u8.ToArray());

        await Assert.ThrowsAsync<IOException>(() => Store.ListAsync(null, CancellationToken.None));
        await Assert.ThrowsAsync<IOException>(() => Store.ListAsync(null, CancellationToken.None));

        Assert.Equal([("get success", 2), ("head success", 3), ("list success", 2)], await RequestsAsync());
    }

    [Fact]
    public async Task ListAsync_IndexDamagedOnTheWay_IsAnIOExceptionAndReadAgain()
    {
        _folder.Write("iris/1/model.onnx", Content(10));
        byte[] index = await File.ReadAllBytesAsync(_folder.IndexFile);
        using var checksum = new ChecksumCalculator(ChecksumAlgorithm.Md5);
        checksum.Append(index);
        var breaking = new BreakingObjectStore(new FileObjectStore(_folder.Root)) { Checksum = checksum.GetChecksumAndReset(), DamagedByte = index.AsSpan().IndexOf("sha256"u8) + 10, IsDamaged = copy => copy == 1 };
        var store = new IndexedObjectStore(breaking);

        await Assert.ThrowsAsync<IOException>(() => store.ListAsync(null, CancellationToken.None));

        Assert.Single((await store.ListAsync(null, CancellationToken.None))!.Objects);
    }

    [Fact]
    public async Task ListAsync_IndexTooLarge_IsRefusedUnread()
    {
        using (FileStream large = File.Create(_folder.IndexFile))
        {
            large.SetLength(RepositoryIndex.LargestSize + 1L);
        }

        IOException exception = await Assert.ThrowsAsync<IOException>(() => Store.ListAsync(null, CancellationToken.None));

        Assert.Contains($"{RepositoryIndex.LargestSize}", exception.Message, StringComparison.Ordinal);
        Assert.Equal([("head success", 1)], await RequestsAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ListAsync_StoreDoesNotSayWhatIsNotThere_IsAsItsListingShows(bool isIndexed)
    {
        _folder.WriteWithoutIndex("iris/1/model.onnx", Content(10));
        if (isIndexed)
        {
            _folder.WriteIndex();
        }

        var hooked = new HookedObjectStore(new FileObjectStore(_folder.Root)) { OnFind = (_, _) => throw new IOException("403") };
        var store = new IndexedObjectStore(hooked);

        ObjectListing listing = (await store.ListAsync(null, CancellationToken.None))!;

        Assert.Equal("iris/1/model.onnx", Assert.Single(listing.Objects).Key);
        Assert.Equal(isIndexed, listing.Marker is not null);
    }

    [Fact]
    public async Task ListAsync_StoreAwayAfterTheIndexWasRead_IsAnIOExceptionAndNothingElseIsAsked()
    {
        _folder.Write("iris/1/model.onnx", Content(10));
        var hooked = new HookedObjectStore(new FileObjectStore(_folder.Root));
        var store = new IndexedObjectStore(hooked);
        string? marker = (await store.ListAsync(null, CancellationToken.None))!.Marker;
        hooked.OnFind = (_, _) => throw new IOException("away");
        hooked.OnList = _ => throw new InvalidOperationException("listed");

        await Assert.ThrowsAsync<IOException>(() => store.ListAsync(marker, CancellationToken.None));
        await Assert.ThrowsAsync<IOException>(() => store.ListAsync(null, CancellationToken.None));

        hooked.OnFind = (_, _) => Task.CompletedTask;
        Assert.Null(await store.ListAsync(marker, CancellationToken.None));
    }

    [Fact]
    public async Task FindAsync_Indexed_IsTheEntryWithoutARequest()
    {
        _folder.Write("iris/1/model.onnx", Content(10));
        StoredObject listed = Assert.Single(await ListAsync());
        IReadOnlyList<(string, int)> before = await RequestsAsync();

        Assert.Equal(listed, await Store.FindAsync("iris/1/model.onnx", CancellationToken.None));
        Assert.Null(await Store.FindAsync(RepositoryIndex.FileName, CancellationToken.None));

        Assert.Equal(before, await RequestsAsync());
    }

    [Fact]
    public async Task FindAsync_NotListedYet_ReadsTheIndex()
    {
        _folder.Write("iris/1/model.onnx", Content(10));

        Assert.Equal(ChecksumAlgorithm.Sha256, (await Store.FindAsync("iris/1/model.onnx", CancellationToken.None))?.Checksum?.Algorithm);
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
    public async Task CopyToAsync_ObjectOfAnotherProcessesListing_IsCheckedToo()
    {
        _folder.Write("iris/1/model.onnx", Content(10));
        StoredObject listed = Assert.Single(await ListAsync());
        IObjectStore restarted = Open();

        using var destination = new MemoryStream();
        await restarted.CopyToAsync(listed, destination, CancellationToken.None);

        Assert.Equal(Content(10), destination.ToArray());
        _folder.WriteWithoutIndex("iris/1/model.onnx", Content(10, seed: 2));
        await Assert.ThrowsAsync<ObjectChangedException>(() => restarted.CopyToAsync(listed, Stream.Null, CancellationToken.None));
    }

    [Fact]
    public async Task ListAsync_ManyThreadsWhileTheIndexChanges_EachSeesAWholeIndex()
    {
        _folder.Write("iris/1/model.onnx", Content(10));
        using var stop = new CancellationTokenSource();
        Task[] readers =
        [
            .. Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
            {
                string? marker = null;
                while (!stop.IsCancellationRequested)
                {
                    try
                    {
                        ObjectListing? listing = await Store.ListAsync(marker, CancellationToken.None);
                        marker = listing?.Marker ?? marker;
                        Assert.NotEqual(0, listing?.Objects.Count);
                        await Store.FindAsync("iris/1/model.onnx", CancellationToken.None);
                    }
                    catch (ObjectChangedException)
                    {
                        // The index changed between the two requests; the next poll sees the new one.
                    }
                }
            })),
        ];

        for (int version = 2; version < 100; version++)
        {
            _folder.Write($"iris/{version}/model.onnx", Content(10));
        }

        await stop.CancelAsync();
        await Task.WhenAll(readers);
        Assert.Equal(99, (await ListAsync()).Count);
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

    private IndexedObjectStore Open() => new(new FileObjectStore(_folder.Root, _harness.Context.Traffic));

    private async Task<IReadOnlyList<(string Request, int Count)>> RequestsAsync() =>
        [.. (await _harness.RequestsAsync()).OrderBy(request => request.Key, StringComparer.Ordinal).Select(request => (request.Key, request.Value))];
}
