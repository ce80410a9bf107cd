using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository;

/// <summary>Texts that were damaged on the way from a store that gives no checksum: read again, and what is wrong in the store not for ever.</summary>
public sealed class DamagedTextTests
{
    private static readonly byte[] Model = [1, 2, 3];
    private readonly MemoryObjectStore _objects = new("s3://models", hasMarker: true);
    private readonly BreakingObjectStore _store;
    private readonly ModelRepository _repository;

    public DamagedTextTests()
    {
        _store = new BreakingObjectStore(_objects);
        _repository = new ModelRepository(_store, TimeSpan.Zero, TimeProvider.System);
    }

    [Theory]
    [InlineData("{", "is not a manifest")]
    [InlineData("\"size\": ", "Waiting for 'model.onnx' with")]
    [InlineData("model.onn", "does not name model.onnx")]
    public async Task ScanAsync_ManifestDamagedOnce_IsReadAgainThoughNothingChanged(string damagedAt, string reason)
    {
        Put(Manifest(Model));
        DamageOnce(damagedAt);

        RepositoryListing first = await ScanAsync();
        RepositoryListing second = await ScanAsync();

        Assert.Contains(reason, first.Models["m"].Versions[0].WaitReason, StringComparison.Ordinal);
        Assert.True(first.HasUnreadTexts);
        Assert.Null(second.Models["m"].Versions[0].WaitReason);
        Assert.False(second.HasUnreadTexts);
        await AssertIdleAsync(copies: 2);
    }

    [Theory]
    [InlineData("no manifest at all")]
    [InlineData("""{"files":[{"name":"model.onnx","size":99,"sha256":"0000000000000000000000000000000000000000000000000000000000000000"}]}""")]
    public async Task ScanAsync_ManifestWrongInTheStore_IsReadTwiceAndNoMore(string manifest)
    {
        Put(Encoding.UTF8.GetBytes(manifest));

        string? first = (await ScanAsync()).Models["m"].Versions[0].WaitReason;
        RepositoryListing second = await ScanAsync();

        Assert.NotNull(first);
        Assert.Equal(first, second.Models["m"].Versions[0].WaitReason);
        Assert.False(second.HasUnreadTexts);
        await AssertIdleAsync(copies: 2);
    }

    [Fact]
    public async Task ScanAsync_ManifestDamagedAnewEachTime_IsReadUntilItComesTwiceTheSame()
    {
        Put(Encoding.UTF8.GetBytes("no manifest at all"));
        _store.IsDamaged = static copy => copy is 2 or 4;

        for (int i = 0; i < 5; i++)
        {
            Assert.True((await ScanAsync()).HasUnreadTexts);
        }

        Assert.False((await ScanAsync()).HasUnreadTexts);
        await AssertIdleAsync(copies: 6);
    }

    [Fact]
    public async Task ScanAsync_WrongManifestOfAStoreWithChecksums_IsReadOnce()
    {
        byte[] manifest = Encoding.UTF8.GetBytes("no manifest at all");
        Put(manifest);
        _store.Checksum = new ObjectChecksum(ChecksumAlgorithm.Sha256, Convert.ToHexStringLower(SHA256.HashData(manifest)));

        Assert.False((await ScanAsync()).HasUnreadTexts);

        await AssertIdleAsync(copies: 1);
    }

    [Fact]
    public async Task ScanAsync_ConfigDamagedOnce_IsReadAgainThoughNothingChanged()
    {
        _objects.Put("m/1/model.onnx", Model);
        _objects.Put("m/model.yaml", "description: iris"u8.ToArray());
        _store.IsDamaged = static copy => copy == 1;

        Assert.True((await ScanAsync()).HasUnreadTexts);

        Assert.Equal("description: iris", (await ScanAsync()).Models["m"].ConfigText);
        await AssertIdleAsync(copies: 2);
    }

    [Fact]
    public async Task ScanAsync_FaultyConfigInTheStore_IsReadTwiceAndNoMore()
    {
        _objects.Put("m/1/model.onnx", Model);
        _objects.Put("m/model.yaml", "instances: many"u8.ToArray());

        await ScanAsync();

        Assert.Equal("instances: many", (await ScanAsync()).Models["m"].ConfigText);
        await AssertIdleAsync(copies: 2);
    }

    [Fact]
    public async Task ReadManifestAgainAsync_DamagedManifest_IsThatOfTheNextScanAndOfTheJournal()
    {
        string folder = Directory.CreateTempSubdirectory("journal-").FullName;
        try
        {
            var journal = new ListingJournal(folder, NullLogger<ListingJournal>.Instance);
            var repository = new ModelRepository(_store, TimeSpan.Zero, TimeProvider.System) { Journal = journal };
            byte[] manifest = Manifest(Model);
            Put(manifest);
            _store.DamagedByte = IndexOf(manifest, Convert.ToHexStringLower(SHA256.HashData(Model)));
            _store.IsDamaged = static copy => copy == 1;
            VersionListing first = (await repository.ScanAsync(null, CancellationToken.None)).Models["m"].Versions[0];
            Assert.Null(first.WaitReason);

            VersionListing? other = await first.ReadManifestAgainAsync!(CancellationToken.None);
            Assert.Null(await other!.ReadManifestAgainAsync!(CancellationToken.None));
            VersionListing next = (await repository.ScanAsync(null, CancellationToken.None)).Models["m"].Versions[0];

            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(Model)), next.Checksums!["model.onnx"]);
            Assert.Equal((other.Digest, first.Fingerprint), (next.Digest, next.Fingerprint));
            Assert.NotEqual(first.Digest, next.Digest);
            Assert.Equal(manifest, new ListingJournal(folder, NullLogger<ListingJournal>.Instance).Load(_store.Location)!.Texts["m/1/manifest.json"].Content);

            // The one that was right, and was read twice, is asked for no more.
            Assert.Null(await next.ReadManifestAgainAsync!(CancellationToken.None));
            Assert.Equal(3, _store.Copies);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task ScanAsync_ReadingIsCalledOff_TheNextOneReadsWhatWasListed()
    {
        Put(Manifest(Model));
        await ScanAsync();
        _objects.Put("m/2/model.onnx", Model);
        _objects.Put("m/2/manifest.json", Manifest(Model));
        using var cancellation = new CancellationTokenSource();
        _store.OnCopy = () => cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _repository.ScanAsync(null, cancellation.Token));
        _store.OnCopy = static () => Task.CompletedTask;

        RepositoryListing listing = await ScanAsync();

        Assert.True(_repository.WasUnchanged);
        Assert.Equal([1, 2], listing.Models["m"].Versions.Select(version => version.Version).Order());
    }

    private static byte[] Manifest(byte[] model) =>
        VersionManifest.Format(null, null, [new ManifestFile("model.onnx", model.Length, Convert.ToHexStringLower(SHA256.HashData(model)))]);

    private static int IndexOf(byte[] text, string part) => Encoding.UTF8.GetString(text).IndexOf(part, StringComparison.Ordinal);

    private void Put(byte[] manifest)
    {
        _objects.Put("m/1/model.onnx", Model);
        _objects.Put("m/1/manifest.json", manifest);
    }

    // A brace that is none, a digit that is another, a name that ends otherwise.
    private void DamageOnce(string at)
    {
        int reads = 0;
        _objects.OnTheWay = (_, content) =>
        {
            if (Interlocked.Increment(ref reads) > 1)
            {
                return content;
            }

            byte[] damaged = [.. content];
            damaged[IndexOf(content, at) + at.Length - (at == "\"size\": " ? 0 : 1)] ^= 1;
            return damaged;
        };
    }

    private async Task AssertIdleAsync(int copies)
    {
        for (int i = 0; i < 3; i++)
        {
            await ScanAsync();
        }

        Assert.Equal(copies, _store.Copies);
    }

    private Task<RepositoryListing> ScanAsync() => _repository.ScanAsync(null, CancellationToken.None);
}
