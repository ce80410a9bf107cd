using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.TestKit;

/// <summary>
/// What every object store must do, whatever lies behind it; each backend's tests inherit these. They write files of versions only, which a registry
/// holds too; what else holds where anybody may write any object is in <see cref="KeyedObjectStoreContract"/>.
/// </summary>
public abstract partial class ObjectStoreContract
{
    /// <summary>The store under test; empty when a test begins.</summary>
    protected abstract IObjectStore Store { get; }

    /// <summary>A store whose root is not there or cannot be reached.</summary>
    protected abstract IObjectStore Unreachable { get; }

    /// <summary>Adds or replaces an object behind the store's back, as those who publish models do: <c>MODEL/VERSION/FILE</c>.</summary>
    protected abstract Task WriteAsync(string key, byte[] content);

    /// <summary>Removes an object behind the store's back.</summary>
    protected abstract Task DeleteAsync(string key);

    /// <summary>
    /// Whether a part of an object alone shows that it is another than the listed one. Where the tag is a digest that the store does not
    /// know, only the whole does.
    /// </summary>
    protected virtual bool TellsChangedParts => true;

    /// <summary>Whether a listed object is the test's to judge; a store may show more than was written, a configuration made from a registry's facts for one.</summary>
    protected virtual bool IsWritten(string key) => true;

    /// <summary>Whether a copy that has begun may go on with the object it began with, whatever replaces that meanwhile.</summary>
    protected virtual bool CopiesAreSnapshots => true;

    /// <summary>What <see cref="Store"/> was opened with; null for a store that sends no requests, which has no traffic to count.</summary>
    protected virtual StoreHarness? Harness => null;

    [Fact]
    public async Task Location_OfAnyStore_IsNotEmpty()
    {
        await Task.Yield();
        Assert.NotEmpty(Store.Location);
        Assert.NotEmpty(Unreachable.Location);
    }

    [Fact]
    public async Task ListAsync_EmptyStore_IsEmpty()
    {
        Assert.Empty(await ListAsync());
    }

    [Fact]
    public async Task ListAsync_FilesOfVersions_AreListedByKeyAndSize()
    {
        await WriteAsync("iris/1/model.onnx", Content(10));
        await WriteAsync("iris/1/golden/one.json", Content(3));
        await WriteAsync("iris/2/model.onnx", Content(5));
        await WriteAsync("wine/1/model.onnx", Content(1));

        Assert.Equal(
            [("iris/1/golden/one.json", 3), ("iris/1/model.onnx", 10), ("iris/2/model.onnx", 5), ("wine/1/model.onnx", 1)],
            (await ListAsync()).Select(item => (item.Key, item.Size)));
    }

    [Fact]
    public async Task ListAsync_FilesThatStartWithADot_AreLeftOut()
    {
        await WriteAsync("iris/1/model.onnx", Content(1));
        await WriteAsync("iris/1/.model.onnx.part", Content(1));
        await WriteAsync("iris/1/.trash/data.bin", Content(1));

        Assert.Equal(["iris/1/model.onnx"], (await ListAsync()).Select(item => item.Key));
    }

    [Fact]
    public async Task ListAsync_Objects_WereChangedJustNow()
    {
        await WriteAsync("iris/1/model.onnx", Content(10));

        StoredObject listed = Assert.Single(await ListAsync());

        Assert.InRange(listed.LastModified, DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddMinutes(5));
    }

    [Fact]
    public async Task ListAsync_NothingChanged_GivesTheSameTags()
    {
        await WriteAsync("iris/1/model.onnx", Content(10));
        await WriteAsync("iris/1/empty", []);

        Assert.Equal((await ListAsync()).Select(item => item.Tag), (await ListAsync()).Select(item => item.Tag));
    }

    [Fact]
    public async Task ListAsync_OtherContentOfTheSameSize_ChangesTheTag()
    {
        await WriteAsync("iris/1/model.onnx", Content(10));
        StoredObject before = Assert.Single(await ListAsync());

        await WriteAsync("iris/1/model.onnx", Content(10, seed: 2));

        Assert.NotEqual(before.Tag, Assert.Single(await ListAsync()).Tag);
    }

    [Fact]
    public async Task ListAsync_ObjectGrewOrWent_ShowsIt()
    {
        await WriteAsync("iris/1/model.onnx", Content(10));
        await WriteAsync("wine/1/model.onnx", Content(10));
        StoredObject before = (await ListAsync())[0];

        await WriteAsync("iris/1/model.onnx", Content(11));
        await DeleteAsync("wine/1/model.onnx");

        StoredObject after = Assert.Single(await ListAsync());
        Assert.Equal(("iris/1/model.onnx", 11), (after.Key, after.Size));
        Assert.NotEqual(before.Tag, after.Tag);
    }

    [Fact]
    public async Task ListAsync_UnreachableRoot_IsAnIOException()
    {
        await Assert.ThrowsAnyAsync<IOException>(() => Unreachable.ListAsync(null, CancellationToken.None));
    }

    [Fact]
    public async Task ListAsync_Cancelled_Stops()
    {
        await WriteAsync("iris/1/model.onnx", Content(10));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Store.ListAsync(null, new CancellationToken(canceled: true)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3_000_001)]
    public async Task CopyToAsync_AnySize_CopiesEveryByte(int size)
    {
        byte[] content = Content(size);
        await WriteAsync("iris/1/model.onnx", content);

        Assert.Equal(content, await CopyAsync(Assert.Single(await ListAsync())));
    }

    [Theory]
    [InlineData("iris/1/with space.bin")]
    [InlineData("iris/1/ünï🙂.bin")]
    [InlineData("iris/1/100%+#?&=.bin")]
    [InlineData("iris/1/a'b\"c;d,e.bin")]
    public async Task CopyToAsync_UnusualName_IsListedAndCopied(string key)
    {
        await WriteAsync(key, Content(4));

        StoredObject listed = Assert.Single(await ListAsync());

        Assert.Equal(key, listed.Key);
        Assert.Equal(Content(4), await CopyAsync(listed));
    }

    [Fact]
    public async Task CopyToAsync_ChangedSinceListed_IsObjectChanged()
    {
        await WriteAsync("iris/1/model.onnx", Content(10));
        StoredObject listed = Assert.Single(await ListAsync());

        await WriteAsync("iris/1/model.onnx", Content(10, seed: 2));

        await Assert.ThrowsAsync<ObjectChangedException>(() => CopyAsync(listed));
    }

    [Fact]
    public async Task CopyToAsync_ChangedDuringTheCopy_IsObjectChangedOrTheListedBytes()
    {
        byte[] content = Content(3_000_000);
        await WriteAsync("iris/1/model.onnx", content);
        StoredObject listed = Assert.Single(await ListAsync());
        using var destination = new HookedStream(() => WriteAsync("iris/1/model.onnx", Content(3_000_000, seed: 2)).GetAwaiter().GetResult());

        Exception? thrown = await Record.ExceptionAsync(() => Store.CopyToAsync(listed, destination, CancellationToken.None));

        // A store whose objects are replaced whole goes on sending the one that it began with.
        Assert.True(CopiesAreSnapshots || thrown is not null, "The copy mixes two contents, and did not say so.");
        Assert.True(thrown is null ? content.AsSpan().SequenceEqual(destination.ToArray()) : thrown is ObjectChangedException, thrown?.ToString());
    }

    [Fact]
    public async Task CopyToAsync_Missing_IsObjectChanged()
    {
        await WriteAsync("iris/1/model.onnx", Content(10));
        StoredObject listed = Assert.Single(await ListAsync());

        await DeleteAsync("iris/1/model.onnx");

        await Assert.ThrowsAsync<ObjectChangedException>(() => CopyAsync(listed));
        await Assert.ThrowsAsync<ObjectChangedException>(() => CopyAsync(listed with { Key = "no/such/folder/file" }));
    }

    [Theory]
    [InlineData("../secret")]
    [InlineData("iris/../../secret")]
    [InlineData("/etc/passwd")]
    [InlineData("..")]
    [InlineData("")]
    public async Task CopyToAsync_KeyThatLeavesTheRoot_CopiesNothing(string key)
    {
        await WriteAsync("iris/1/model.onnx", Content(10));
        using var destination = new MemoryStream();

        // A bucket knows no parents: there such a key is simply not there.
        Exception? refused = await Record.ExceptionAsync(
            () => Store.CopyToAsync(new StoredObject(key, 1, "tag", DateTimeOffset.UnixEpoch), destination, CancellationToken.None));

        Assert.True(refused is ArgumentException or ObjectChangedException, $"'{key}': {refused}");
        Assert.Equal(0, destination.Length);
    }

    [Fact]
    public async Task CopyToAsync_Cancelled_Stops()
    {
        await WriteAsync("iris/1/model.onnx", Content(10));
        StoredObject listed = Assert.Single(await ListAsync());

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Store.CopyToAsync(listed, Stream.Null, new CancellationToken(canceled: true)));
    }

    [Fact]
    public async Task CopyToAsync_DestinationFails_FailsWithIt()
    {
        await WriteAsync("iris/1/model.onnx", Content(10));
        StoredObject listed = Assert.Single(await ListAsync());
        using var full = new HookedStream(() => throw new IOException("No space left"));

        IOException exception = await Assert.ThrowsAsync<IOException>(() => Store.CopyToAsync(listed, full, CancellationToken.None));

        Assert.Contains("No space left", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListAsync_NothingChanged_IsTheSameOrSaysSo()
    {
        await WriteAsync("iris/1/model.onnx", Content(10));
        ObjectListing first = (await Store.ListAsync(null, CancellationToken.None))!;

        ObjectListing? again = await Store.ListAsync(first.Marker, CancellationToken.None);

        Assert.True(again is null ? first.Marker is not null : first.Objects.SequenceEqual(again.Objects));
    }

    [Fact]
    public async Task ListAsync_SomethingChanged_IsTheNewListing()
    {
        await WriteAsync("iris/1/model.onnx", Content(10));
        ObjectListing first = (await Store.ListAsync(null, CancellationToken.None))!;
        await WriteAsync("iris/2/model.onnx", Content(10));

        ObjectListing? again = await Store.ListAsync(first.Marker, CancellationToken.None);

        Assert.Equal(["iris/1/model.onnx", "iris/2/model.onnx"], again!.Objects.Select(item => item.Key).Where(IsWritten).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task FindAsync_ListedObject_IsTheOneThatWasListed()
    {
        byte[] content = Content(10);
        await WriteAsync("iris/1/model.onnx", content);
        StoredObject listed = Assert.Single(await ListAsync());

        StoredObject found = (await Store.FindAsync("iris/1/model.onnx", CancellationToken.None))!.Value;

        Assert.Equal((listed.Key, listed.Size, listed.Tag), (found.Key, found.Size, found.Tag));
        if (found.Checksum is { } checksum)
        {
            using var calculator = new ChecksumCalculator(checksum.Algorithm);
            calculator.Append(content);
            Assert.Equal(calculator.GetChecksumAndReset(), checksum);
        }
    }

    [Theory]
    [InlineData("iris/1/other.onnx")]
    [InlineData("iris/1")]
    [InlineData("no/such/folder/file")]
    public async Task FindAsync_NoSuchObject_IsNull(string key)
    {
        await WriteAsync("iris/1/model.onnx", Content(10));

        Assert.Null(await Store.FindAsync(key, CancellationToken.None));
    }

    /// <summary>The listing in the order of its keys.</summary>
    protected async Task<IReadOnlyList<StoredObject>> ListAsync() =>
        [.. (await Store.ListAsync(null, CancellationToken.None))!.Objects.Where(item => IsWritten(item.Key)).OrderBy(item => item.Key, StringComparer.Ordinal)];

    /// <summary>The bytes of an object.</summary>
    protected async Task<byte[]> CopyAsync(StoredObject source)
    {
        using var destination = new MemoryStream();
        await Store.CopyToAsync(source, destination, CancellationToken.None);
        return destination.ToArray();
    }

    /// <summary>Bytes that differ with the seed.</summary>
    protected static byte[] Content(int size, byte seed = 1)
    {
        byte[] content = new byte[size];
        new Random(seed).NextBytes(content);
        return content;
    }

    /// <summary>Does something at its first write and takes every byte.</summary>
    private sealed class HookedStream(Action atFirstWrite) : MemoryStream
    {
        private bool _written;

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Write(buffer.Span);
            return ValueTask.CompletedTask;
        }

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
        {
            Write(buffer.AsSpan(offset, count));
            return Task.CompletedTask;
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (!_written)
            {
                _written = true;
                atFirstWrite();
            }

            // The overload for spans would come back here.
            base.Write(buffer.ToArray(), 0, buffer.Length);
        }
    }
}
