using System.Security.Cryptography;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Repository;
using Prometheus;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository;

/// <summary>Downloads in pieces that break off, are damaged, and are gone on with; files that are kept and let go.</summary>
public sealed class ArtifactDownloadTests : IDisposable
{
    private const int PieceBytes = 1000;
    private readonly RepositoryFolder _folder = new();
    private readonly BreakingObjectStore _store;
    private readonly string _root = Path.Combine(Path.GetTempPath(), $"cache-{Guid.NewGuid():n}");
    private readonly List<ArtifactCache> _caches = [];

    public ArtifactDownloadTests() => _store = new BreakingObjectStore(new FileObjectStore(_folder.Root));

    public void Dispose()
    {
        _caches.ForEach(cache => cache.Dispose());
        Directory.Delete(_root, recursive: true);
        _folder.Dispose();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(PieceBytes)]
    [InlineData(PieceBytes + 1)]
    [InlineData((10 * PieceBytes) - 1)]
    public async Task FetchAsync_AnySize_IsCopiedInPieces(int size)
    {
        byte[] content = Content(size);
        _folder.AddVersion("iris", 1, content);

        using ModelArtifact artifact = await FetchAsync(Cache());

        Assert.Equal(content, await File.ReadAllBytesAsync(artifact.ModelFile));
        Assert.Equal(Math.Max(1, (size + PieceBytes - 1) / PieceBytes), _store.Copies);
        Assert.Equal([Convert.ToHexStringLower(SHA256.HashData(content))], Blobs());
    }

    [Fact]
    public async Task FetchAsync_ManyPieces_AreBoundedOverAllFetches()
    {
        _folder.AddVersion("iris", 1, Content(20 * PieceBytes), ("weights.bin", Content(20 * PieceBytes, seed: 2)));
        var third = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int begun = 0;
        _store.OnCopy = () =>
        {
            if (Interlocked.Increment(ref begun) == 3)
            {
                third.SetResult();
            }

            return third.Task;
        };
        ArtifactCache cache = Cache(options => options with { Parallelism = 3 });

        using ModelArtifact artifact = await FetchAsync(cache);

        Assert.Equal(Content(20 * PieceBytes), await File.ReadAllBytesAsync(artifact.ModelFile));
        Assert.Equal(3, _store.MostUnderWay);
    }

    [Fact]
    public async Task FetchAsync_EveryPieceBreaksOffOnce_GoesOnWhereItBroke()
    {
        byte[] content = Content(10 * PieceBytes);
        _folder.AddVersion("iris", 1, content);
        _store.BreakAfter = copy => copy % 2 == 1 ? 400 : null;

        using ModelArtifact artifact = await FetchAsync(Cache(options => options with { Parallelism = 1 }));

        Assert.Equal(content, await File.ReadAllBytesAsync(artifact.ModelFile));
        Assert.Equal(content.Length, _store.Bytes);
    }

    [Fact]
    public async Task FetchAsync_StoreWithoutRanges_BeginsAnewAndEndsRight()
    {
        byte[] content = Content(10 * PieceBytes);
        _folder.AddVersion("iris", 1, content);
        _store.SupportsRanges = false;
        _store.BreakAfter = copy => copy < 3 ? 4000 : null;

        using ModelArtifact artifact = await FetchAsync(Cache());

        Assert.Equal(content, await File.ReadAllBytesAsync(artifact.ModelFile));
        Assert.Equal(content.Length + 8000, _store.Bytes);
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(2, 3)]
    public async Task FetchAsync_StoreWithoutRangesDamagesOneAttempt_JudgesWhatIsOnTheDisk(int damaged, int copies)
    {
        // The first attempt breaks off, and the second writes over what it brought: damage of the first is none, that of the second is.
        byte[] content = Content(10 * PieceBytes);
        _folder.AddVersion("iris", 1, content);
        _store.SupportsRanges = false;
        _store.Checksum = Checksum(content);
        _store.BreakAfter = copy => copy == 1 ? 4000 : null;
        _store.IsDamaged = copy => copy == damaged;

        using ModelArtifact artifact = await FetchAsync(Cache());

        Assert.Equal(content, await File.ReadAllBytesAsync(artifact.ModelFile));
        Assert.Equal(copies, _store.Copies);
    }

    [Fact]
    public async Task FetchAsync_StoreProvesToKnowNoRanges_IsReadWhole()
    {
        byte[] content = Content(10 * PieceBytes);
        _folder.AddVersion("iris", 1, content);
        _store.OnCopy = () =>
        {
            bool asked = _store.SupportsRanges;
            _store.SupportsRanges = false;
            return asked ? throw new IOException("The server does not send parts.") : Task.CompletedTask;
        };

        using ModelArtifact artifact = await FetchAsync(Cache());

        Assert.Equal(content, await File.ReadAllBytesAsync(artifact.ModelFile));
        Assert.Empty(Partials());
    }

    [Fact]
    public async Task FetchAsync_AfterTheProcessEndedInTheMiddle_FetchesOnlyWhatIsMissing()
    {
        byte[] content = Content(10 * PieceBytes);
        _folder.AddVersion("iris", 1, content);
        _store.BreakAfter = copy => copy > 6 ? 0 : null;
        ArtifactCache first = Cache(options => options with { Parallelism = 1 });
        await Assert.ThrowsAsync<IOException>(() => FetchAsync(first));
        Assert.NotEmpty(Partials());
        first.Dispose();
        _store.BreakAfter = static _ => null;

        using ModelArtifact artifact = await FetchAsync(Cache());

        Assert.Equal(content, await File.ReadAllBytesAsync(artifact.ModelFile));
        Assert.Equal(content.Length, _store.Bytes);
        Assert.Empty(Partials());
    }

    [Fact]
    public async Task FetchAsync_BytesOfABrokenDownloadWereLost_AreFetchedAnew()
    {
        byte[] content = Content(10 * PieceBytes);
        _folder.AddVersion("iris", 1, content);
        _store.BreakAfter = copy => copy > 6 ? 0 : null;
        await Assert.ThrowsAsync<IOException>(() => FetchAsync(Cache(options => options with { Parallelism = 1 })));
        await using (FileStream part = File.OpenWrite(Partials().Single(file => file.EndsWith(".part", StringComparison.Ordinal))))
        {
            // As after a power cut: the note of the piece reached the disk, its bytes did not.
            part.Position = (2 * PieceBytes) + 17;
            part.WriteByte((byte)~content[(2 * PieceBytes) + 17]);
        }

        _store.BreakAfter = static _ => null;
        using ModelArtifact artifact = await FetchAsync(Cache());

        Assert.Equal(content, await File.ReadAllBytesAsync(artifact.ModelFile));
        Assert.Equal(content.Length + PieceBytes, _store.Bytes);
    }

    [Fact]
    public async Task FetchAsync_OtherObjectThanTheOneThatBrokeOff_TakesNoneOfItsBytes()
    {
        _folder.AddVersion("iris", 1, Content(10 * PieceBytes));
        _store.BreakAfter = copy => copy > 6 ? 0 : null;
        ArtifactCache cache = Cache(options => options with { Parallelism = 1 });
        await Assert.ThrowsAsync<IOException>(() => FetchAsync(cache));
        byte[] other = Content(10 * PieceBytes, seed: 2);
        _folder.AddVersion("iris", 1, other);
        _store.BreakAfter = static _ => null;

        using ModelArtifact artifact = await FetchAsync(cache);

        Assert.Equal(other, await File.ReadAllBytesAsync(artifact.ModelFile));
        Assert.NotEmpty(Partials());
        cache.KeepPartials(_store.Location, (await _store.ListAsync(null, CancellationToken.None))!.Objects);
        Assert.Empty(Partials());
    }

    [Fact]
    public async Task KeepPartials_DownloadOfAnotherStoreOrOfAnObjectThatIsThere_Stays()
    {
        _folder.AddVersion("iris", 1, Content(10 * PieceBytes));
        _store.BreakAfter = static _ => 0;
        ArtifactCache cache = Cache();
        await Assert.ThrowsAsync<IOException>(() => FetchAsync(cache));

        cache.KeepPartials("s3://other", []);
        cache.KeepPartials(_store.Location, (await _store.ListAsync(null, CancellationToken.None))!.Objects);

        Assert.NotEmpty(Partials());
    }

    [Fact]
    public async Task KeepPartials_ObjectThatWasFetchedMeanwhile_NeedsNoRest()
    {
        _folder.AddVersion("iris", 1, Content(10 * PieceBytes));
        _store.BreakAfter = static _ => 0;
        ArtifactCache cache = Cache();
        await Assert.ThrowsAsync<IOException>(() => FetchAsync(cache));
        string left = Partials().Single(file => file.EndsWith(".part", StringComparison.Ordinal));
        _store.BreakAfter = static _ => null;
        using ModelArtifact artifact = await FetchAsync(cache);

        // Another process was at it at the same time, and died after this one had it.
        await File.WriteAllBytesAsync(left, Content(10 * PieceBytes));
        cache.KeepPartials(_store.Location, (await _store.ListAsync(null, CancellationToken.None))!.Objects);

        Assert.Empty(Partials());
    }

    [Fact]
    public async Task KeepPartials_DownloadThatAnotherProcessIsTakingIn_Stays()
    {
        _folder.AddVersion("iris", 1, Content(10 * PieceBytes));
        _store.BreakAfter = static _ => 0;
        ArtifactCache cache = Cache();
        await Assert.ThrowsAsync<IOException>(() => FetchAsync(cache));
        string part = Partials().Single(file => file.EndsWith(".part", StringComparison.Ordinal));
        string finished = Path.ChangeExtension(part, ".done");
        File.Move(part, finished);

        cache.KeepPartials(_store.Location, []);

        Assert.Equal([finished], Partials());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FetchAsync_DamagedOnTheWay_IsFetchedAnew(bool hasManifest)
    {
        byte[] content = Content(3 * PieceBytes);
        Add(content, hasManifest);
        _store.Checksum = hasManifest ? null : Checksum(content);
        _store.IsDamaged = copy => copy == 2;

        using ModelArtifact artifact = await FetchAsync(Cache(options => options with { Parallelism = 1 }));

        Assert.Equal(content, await File.ReadAllBytesAsync(artifact.ModelFile));
        Assert.Empty(Partials());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FetchAsync_AlwaysDamagedInAnotherPlace_IsAFaultThatMayPass(bool hasManifest)
    {
        byte[] content = Content(8 * PieceBytes);
        Add(content, hasManifest);
        _store.Checksum = hasManifest ? null : Checksum(content);

        // Eight pieces a time, after the manifest: every ninth copy lies in another piece each time.
        _store.IsDamaged = copy => copy % 9 == (hasManifest ? 2 : 1);

        IOException exception = await Assert.ThrowsAsync<IOException>(() => FetchAsync(Cache(options => options with { Parallelism = 1 })));

        Assert.Contains("damaged", exception.Message, StringComparison.Ordinal);
        Assert.Empty(Partials());
        Assert.DoesNotContain(Blobs(), blob => !IsManifest(blob));
    }

    [Fact]
    public async Task FetchAsync_StoreHasWhatTheManifestDoesNotSay_IsTheManifestsFault()
    {
        byte[] content = Content(PieceBytes);
        _folder.AddVersionWithManifest("iris", 1, Content(PieceBytes, seed: 2));
        _folder.WriteFile("iris", 1, "model.onnx", content);

        await Assert.ThrowsAsync<InvalidDataException>(() => FetchAsync(Cache()));

        Assert.Empty(Partials());
    }

    [Fact]
    public async Task FetchAsync_SecondTimeAndAfterARestart_AsksTheStoreForNothing()
    {
        _folder.AddVersion("iris", 1, Content(5 * PieceBytes), ("labels.txt", [1]));
        ArtifactCache first = Cache();
        string digest;
        using (ModelArtifact artifact = await FetchAsync(first))
        {
            digest = artifact.Digest;
        }

        int copies = _store.Copies;
        first.Dispose();
        _store.BreakAfter = static _ => throw new InvalidOperationException("Nothing is to be copied.");

        using ModelArtifact again = await FetchAsync(Cache());

        Assert.Equal(digest, again.Digest);
        Assert.Equal(copies, _store.Copies);
    }

    [Fact]
    public async Task FetchAsync_SameContentInAnotherVersion_IsKeptOnce()
    {
        byte[] weights = Content(5 * PieceBytes);
        _folder.AddVersionWithManifest("iris", 1, [1], ("weights.bin", weights));
        _folder.AddVersionWithManifest("other", 3, [2], ("weights.bin", weights));
        ArtifactCache cache = Cache();
        using ModelArtifact first = await FetchAsync(cache);
        long before = _store.Bytes;

        using ModelArtifact second = await FetchAsync(cache, "other");

        Assert.True(_store.Bytes - before < weights.Length);
        Assert.Equal(weights, await File.ReadAllBytesAsync(Path.Combine(second.Directory, "weights.bin")));
        Assert.Single(Blobs(), blob => blob == Convert.ToHexStringLower(SHA256.HashData(weights)));
    }

    [Fact]
    public async Task FetchAsync_FileOfTheCacheWasDamaged_IsFetchedAnew()
    {
        byte[] content = Content(5 * PieceBytes);
        _folder.AddVersion("iris", 1, content);
        ArtifactCache cache = Cache();
        (await FetchAsync(cache)).Dispose();
        string blob = Directory.GetFiles(Path.Combine(_root, "blobs")).Single();
        File.SetAttributes(blob, FileAttributes.Normal);
        await using (FileStream file = File.OpenWrite(blob))
        {
            file.Position = 100;
            file.WriteByte((byte)~content[100]);
        }

        using ModelArtifact artifact = await FetchAsync(cache);

        Assert.Equal(content, await File.ReadAllBytesAsync(artifact.ModelFile));
        Assert.Equal(2 * content.Length, _store.Bytes);
    }

    [Fact]
    public async Task FetchAsync_OverTheBound_RemovesWhatWasUsedLongestAgoAndNothingInUse()
    {
        var cache = Cache(options => options with { MaxBytes = 3500 });
        for (int i = 1; i <= 4; i++)
        {
            _folder.AddVersion($"m{i}", 1, Content(1000, seed: i));
        }

        using ModelArtifact inUse = await FetchAsync(cache, "m1");
        (await FetchAsync(cache, "m2")).Dispose();
        (await FetchAsync(cache, "m3")).Dispose();
        (await FetchAsync(cache, "m2")).Dispose();
        (await FetchAsync(cache, "m4")).Dispose();

        Assert.Equal(new[] { 1, 2, 4 }.Select(Digest).Order(StringComparer.Ordinal), Blobs().Order(StringComparer.Ordinal));
        Assert.Equal(Content(1000, seed: 1), await File.ReadAllBytesAsync(inUse.ModelFile));
    }

    [Fact]
    public async Task FetchAsync_AllInUseAndOverTheBound_GoesOnAndShrinksLater()
    {
        var cache = Cache(options => options with { MaxBytes = 1500 });
        _folder.AddVersion("m1", 1, Content(1000, seed: 1));
        _folder.AddVersion("m2", 1, Content(1000, seed: 2));
        using (ModelArtifact first = await FetchAsync(cache, "m1"))
        using (ModelArtifact second = await FetchAsync(cache, "m2"))
        {
            Assert.Equal(2, Blobs().Count());
        }

        Assert.Single(Blobs());
    }

    [Fact]
    public async Task FetchAsync_RemovedByAnotherProcessWhileInUse_StaysReadable()
    {
        _folder.AddVersion("iris", 1, Content(1000));
        using ModelArtifact artifact = await FetchAsync(Cache());

        using var other = new ArtifactCache(_root, new ArtifactCacheOptions { MaxBytes = 0 });

        Assert.Empty(Blobs());
        Assert.Equal(Content(1000), await File.ReadAllBytesAsync(artifact.ModelFile));
    }

    [Fact]
    public async Task FetchAsync_TwoAtOnceForTheSameObject_DownloadItOnce()
    {
        _folder.AddVersion("iris", 1, Content(5 * PieceBytes));
        _store.OnCopy = async () => await Task.Yield();
        ArtifactCache cache = Cache();

        Task<ModelArtifact>[] both = [FetchAsync(cache), FetchAsync(cache)];
        await Task.WhenAll(both);

        Assert.Equal(5 * PieceBytes, _store.Bytes);
        foreach (ModelArtifact artifact in await Task.WhenAll(both))
        {
            artifact.Dispose();
        }
    }

    [Fact]
    public async Task FetchAsync_OneFileFails_LetsTheOthersGo()
    {
        _folder.AddVersion("iris", 1, Content(1000), ("a", Content(1000, seed: 2)), ("b", Content(1000, seed: 3)));
        _store.BreakAfter = copy => copy == 2 ? throw new ObjectChangedException("iris/1/b") : null;
        ArtifactCache cache = Cache(options => options with { MaxBytes = 0 });

        await Assert.ThrowsAsync<ObjectChangedException>(() => FetchAsync(cache));

        // With no room at all, whatever is still there is pinned.
        Assert.Empty(Blobs());
    }

    [Fact]
    public async Task FetchAsync_AnyOutcome_IsCounted()
    {
        CollectorRegistry registry = Metrics.NewCustomRegistry();
        byte[] content = Content(PieceBytes);
        _folder.AddVersion("iris", 1, content);
        _store.Checksum = Checksum(content);
        _store.IsDamaged = copy => copy == 1;
        var cache = new ArtifactCache(_root, new ArtifactCacheOptions { RetryPause = TimeSpan.Zero }, new ServingMetrics(registry));
        _caches.Add(cache);
        (await FetchAsync(cache)).Dispose();
        (await FetchAsync(cache)).Dispose();

        using var page = new MemoryStream();
        await registry.CollectAndExportAsTextAsync(page);
        string text = System.Text.Encoding.UTF8.GetString(page.ToArray());

        Assert.Contains("modelgateway_artifact_cache_files_total{outcome=\"miss\"} 1\n", text, StringComparison.Ordinal);
        Assert.Contains("modelgateway_artifact_cache_files_total{outcome=\"hit\"} 1\n", text, StringComparison.Ordinal);
        Assert.Contains("modelgateway_artifact_cache_files_total{outcome=\"damaged\"} 1\n", text, StringComparison.Ordinal);
        Assert.Contains($"modelgateway_artifact_cache_bytes {PieceBytes}\n", text, StringComparison.Ordinal);
        Assert.Contains("modelgateway_model_fetch_seconds_count 2\n", text, StringComparison.Ordinal);
    }

    private static byte[] Content(int size, int seed = 1)
    {
        byte[] content = new byte[size];
        new Random(seed).NextBytes(content);
        return content;
    }

    private static string Digest(int seed) => Convert.ToHexStringLower(SHA256.HashData(Content(1000, seed)));

    private static ObjectChecksum Checksum(byte[] content)
    {
        using var calculator = new ChecksumCalculator(ChecksumAlgorithm.Crc32C);
        calculator.Append(content);
        return calculator.GetChecksumAndReset();
    }

    private void Add(byte[] content, bool hasManifest)
    {
        if (hasManifest)
        {
            _folder.AddVersionWithManifest("iris", 1, content);
        }
        else
        {
            _folder.AddVersion("iris", 1, content);
        }
    }

    private bool IsManifest(string blob) => File.ReadAllText(Path.Combine(_root, "blobs", blob)).StartsWith('{');

    private ArtifactCache Cache(Func<ArtifactCacheOptions, ArtifactCacheOptions>? change = null)
    {
        var options = new ArtifactCacheOptions { PieceBytes = PieceBytes, RetryPause = TimeSpan.Zero };
        var cache = new ArtifactCache(_root, change?.Invoke(options) ?? options);
        _caches.Add(cache);
        return cache;
    }

    private async Task<ModelArtifact> FetchAsync(ArtifactCache cache, string model = "iris")
    {
        // The scan reads texts from the folder itself, so that only the fetch is counted.
        var repository = new ModelRepository(new FileObjectStore(_folder.Root), TimeSpan.Zero, TimeProvider.System);
        RepositoryListing listing = await repository.ScanAsync(null, CancellationToken.None);
        return await cache.FetchAsync(Assert.Single(listing.Models[model].Versions) with { Store = _store }, CancellationToken.None);
    }

    private IEnumerable<string> Blobs() => Directory.GetFiles(Path.Combine(_root, "blobs")).Select(file => Path.GetFileName(file));

    private string[] Partials() => Directory.GetFiles(Path.Combine(_root, "partial"));
}
