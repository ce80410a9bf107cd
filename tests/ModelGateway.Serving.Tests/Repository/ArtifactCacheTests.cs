using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository;

public sealed class ArtifactCacheTests : IDisposable
{
    private readonly RepositoryFolder _folder = new();
    private readonly HookedObjectStore _store;
    private readonly string _root = Path.Combine(Path.GetTempPath(), $"cache-{Guid.NewGuid():n}");
    private readonly ArtifactCache _cache;

    public ArtifactCacheTests()
    {
        _store = new HookedObjectStore(new FileObjectStore(_folder.Root));
        _cache = new ArtifactCache(_root, new ArtifactCacheOptions { RetryPause = TimeSpan.Zero });
    }

    public void Dispose()
    {
        _cache.Dispose();
        Directory.Delete(_root, recursive: true);
        _folder.Dispose();
    }

    [Fact]
    public async Task FetchAsync_FilesInFolders_AreCopiedAsTheyLie()
    {
        _folder.AddVersion("iris", 1, [1, 2, 3], ("empty", []), ("data/weights.bin", [4, 5]));

        using ModelArtifact artifact = await FetchAsync();

        Assert.StartsWith(_root, artifact.Directory, StringComparison.Ordinal);
        Assert.Equal(5, artifact.SizeBytes);
        Assert.Equal(new byte[] { 1, 2, 3 }, await File.ReadAllBytesAsync(artifact.ModelFile));
        Assert.Empty(await File.ReadAllBytesAsync(Path.Combine(artifact.Directory, "empty")));
        Assert.Equal(new byte[] { 4, 5 }, await File.ReadAllBytesAsync(Path.Combine(artifact.Directory, "data", "weights.bin")));
    }

    [Fact]
    public async Task FetchAsync_SameFilesElsewhere_HaveTheSameDigest()
    {
        _folder.AddVersion("iris", 1, [1], ("b", [2]), ("a", [3]));
        _folder.AddVersion("other", 7, [1], ("a", [3]), ("b", [2]));

        using ModelArtifact first = await FetchAsync();
        using ModelArtifact again = await FetchAsync();
        using ModelArtifact other = await FetchAsync("other");

        Assert.Matches("^[0-9a-f]{64}$", first.Digest);
        Assert.Equal(first.Digest, again.Digest);
        Assert.Equal(first.Digest, other.Digest);
        Assert.NotEqual(first.Directory, again.Directory);
    }

    [Fact]
    public async Task FetchAsync_AnyDifference_ChangesTheDigest()
    {
        // The last two spell the same text if names and contents are only strung together.
        (string Name, byte[] Content)[][] sets =
        [
            [], [("a", [1])], [("a", [2])], [("b", [1])], [("a", [1]), ("b", [1])], [("ab", [1])], [("a", "b"u8.ToArray())], [("a/b", [1])],
        ];
        var digests = new HashSet<string>();
        foreach ((string, byte[])[] set in sets)
        {
            _folder.AddVersion("iris", 1, [1], set);
            using ModelArtifact artifact = await FetchAsync();
            digests.Add(artifact.Digest);
        }

        Assert.Equal(sets.Length, digests.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FetchAsync_ManifestAndSignature_AreNoPartOfTheDigest(bool isSigned)
    {
        _folder.AddVersion("plain", 1, [1], ("a/b", [2]), ("a.c", [3]));
        _folder.AddVersionWithManifest("iris", 1, [1], ("a/b", [2]), ("a.c", [3]));
        if (isSigned)
        {
            _folder.WriteFile("iris", 1, "manifest.json.sig", [7]);
        }

        using ModelArtifact plain = await FetchAsync("plain");
        using ModelArtifact artifact = await FetchAsync();

        Assert.Equal(plain.Digest, artifact.Digest);
        Assert.Equal(artifact.Digest, (await ListingAsync("iris")).Digest);
    }

    [Fact]
    public async Task FetchAsync_AnotherProcessRemovesWhatIsBeingUsed_IsNoLoss()
    {
        _folder.AddVersion("iris", 1, [1], ("a", [2]));
        (await FetchAsync()).Dispose();
        int found = 0;
        _folder.AddVersion("other", 1, [3], ("a", [2]));
        _store.OnCopy = (file, _) =>
        {
            // The first file has been fetched, or found, and the second is under way.
            if (file.Key == "other/1/model.onnx")
            {
                found = Directory.GetFiles(Path.Combine(_root, "blobs")).Length;
                new ArtifactCache(_root, new ArtifactCacheOptions { MaxBytes = 0 }).Dispose();
            }

            return Task.CompletedTask;
        };

        using ModelArtifact artifact = await FetchAsync("other");

        Assert.Equal(2, found);
        Assert.Equal(new byte[] { 2 }, await File.ReadAllBytesAsync(Path.Combine(artifact.Directory, "a")));
        Assert.Equal(new byte[] { 3 }, await File.ReadAllBytesAsync(artifact.ModelFile));
    }

    [Fact]
    public async Task FetchAsync_FileIsNotWhatTheManifestSays_SaysWhichAndLeavesNothing()
    {
        _folder.AddVersionWithManifest("iris", 1, [1], ("labels.txt", [1, 2]));
        _folder.WriteFile("iris", 1, "labels.txt", [2, 1]);

        InvalidDataException exception = await Assert.ThrowsAsync<InvalidDataException>(() => FetchAsync());

        Assert.Contains("'labels.txt'", exception.Message, StringComparison.Ordinal);
        Assert.Empty(Artifacts());
    }

    [Fact]
    public async Task FetchAsync_FileChangesDuringTheCopy_IsObjectChangedAndLeavesNothing()
    {
        _folder.AddVersion("iris", 1, [1], ("a", [1]));
        _store.OnCopy = (file, _) =>
        {
            if (file.Key == "iris/1/model.onnx")
            {
                _folder.WriteFile("iris", 1, "model.onnx", [1, 2]);
            }

            return Task.CompletedTask;
        };

        await Assert.ThrowsAsync<ObjectChangedException>(() => FetchAsync());
        Assert.Empty(Artifacts());
    }

    [Fact]
    public async Task FetchAsync_StoreFails_FailsAndLeavesNothing()
    {
        _folder.AddVersion("iris", 1, [1], ("a", [1]));
        _store.OnCopy = (file, _) => file.Key.EndsWith("model.onnx", StringComparison.Ordinal) ? throw new IOException("gone") : Task.CompletedTask;

        await Assert.ThrowsAsync<IOException>(() => FetchAsync());
        Assert.DoesNotContain(Artifacts(), Directory.Exists);
    }

    [Fact]
    public async Task FetchAsync_Cancelled_StopsAndLeavesNothing()
    {
        _folder.AddVersion("iris", 1, [1]);
        using var caller = new CancellationTokenSource();
        _store.OnCopy = (_, _) => caller.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => FetchAsync(cancellationToken: caller.Token));
        Assert.DoesNotContain(Artifacts(), Directory.Exists);
    }

    [Theory]
    [InlineData("../escaped")]
    [InlineData("../../escaped")]
    [InlineData("/tmp/escaped")]
    public async Task FetchAsync_NameThatLeavesTheFolder_IsRefused(string name)
    {
        var version = new VersionListing(1, [new StoredObject($"iris/1/{name}", 1, "tag", default)], "fingerprint", null) { Store = _store, Prefix = "iris/1/" };

        await Assert.ThrowsAsync<InvalidDataException>(() => _cache.FetchAsync(version, CancellationToken.None));
        Assert.Empty(Artifacts());
        Assert.Equal(0, _store.Copies);
    }

    [Fact]
    public async Task Dispose_OfAnArtifact_RemovesItsFolderTwiceToo()
    {
        _folder.AddVersion("iris", 1, [1]);
        ModelArtifact artifact = await FetchAsync();

        artifact.Dispose();
        artifact.Dispose();

        Assert.Empty(Artifacts());
    }

    [Fact]
    public async Task Dispose_WithArtifactsLeft_RemovesEverythingOfThisProcess()
    {
        _folder.AddVersion("iris", 1, [1]);
        var cache = new ArtifactCache(_root);
        await cache.FetchAsync(await ListingAsync("iris"), CancellationToken.None);
        int before = Directory.GetFileSystemEntries(_root).Length;

        cache.Dispose();
        cache.Dispose();

        Assert.True(Directory.GetFileSystemEntries(_root).Length < before);
        Assert.Empty(Artifacts());
        Assert.True(Directory.Exists(_root));
    }

    [Fact]
    public async Task Constructor_LeftoversOfAKilledProcess_AreRemovedAndThoseInUseAreNot()
    {
        _folder.AddVersion("iris", 1, [1]);
        using ModelArtifact inUse = await FetchAsync();
        string leftover = Path.Combine(_root, "artifacts-0123", "1");
        Directory.CreateDirectory(leftover);
        await File.WriteAllBytesAsync(Path.Combine(leftover, "model.onnx"), [1]);
        await File.WriteAllBytesAsync(Path.Combine(_root, "artifacts-0123.lock"), []);
        string foreign = Directory.CreateDirectory(Path.Combine(_root, "someone else's")).FullName;

        using var next = new ArtifactCache(_root);

        Assert.False(Directory.Exists(Path.GetDirectoryName(leftover)));
        Assert.False(File.Exists(Path.Combine(_root, "artifacts-0123.lock")));
        Assert.True(Directory.Exists(foreign));
        Assert.True(File.Exists(inUse.ModelFile));
    }

    [Fact]
    public async Task FetchAsync_TheFolderWasSweptAway_MakesItAnew()
    {
        _folder.AddVersion("iris", 1, [1]);
        foreach (string folder in Directory.GetDirectories(_root))
        {
            Directory.Delete(folder, recursive: true);
        }

        using ModelArtifact artifact = await FetchAsync();

        Assert.True(File.Exists(artifact.ModelFile));
    }

    private async Task<ModelArtifact> FetchAsync(string model = "iris", CancellationToken cancellationToken = default) =>
        await _cache.FetchAsync(await ListingAsync(model), cancellationToken);

    private async Task<VersionListing> ListingAsync(string model)
    {
        Func<StoredObject, CancellationToken, Task> onCopy = _store.OnCopy;
        _store.OnCopy = static (_, _) => Task.CompletedTask;
        RepositoryListing listing = await new ModelRepository(_store, TimeSpan.Zero, TimeProvider.System).ScanAsync(null, CancellationToken.None);
        _store.OnCopy = onCopy;
        VersionListing version = Assert.Single(listing.Models[model].Versions);
        Assert.Null(version.WaitReason);
        return version;
    }

    // The folders of loaded versions, and the downloads under way.
    private IEnumerable<string> Artifacts() =>
        Directory.GetDirectories(_root, "artifacts-*").SelectMany(Directory.GetDirectories).Concat(Directory.GetFiles(Path.Combine(_root, "partial")));
}
