using System.Security.Cryptography;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository;

/// <summary>What a repository, or another account of the machine, must not get out of the artifact cache that others share.</summary>
public sealed class SharedCacheTests : IDisposable
{
    private readonly string _base = Directory.CreateTempSubdirectory("shared-").FullName;
    private readonly List<ArtifactCache> _caches = [];

    public void Dispose()
    {
        _caches.ForEach(cache => cache.Dispose());
        Directory.Delete(_base, recursive: true);
    }

    [Fact]
    public async Task FetchAsync_HashOfAnotherRepositorysFile_OpensNothing()
    {
        byte[] secret = [1, 2, 3, 4];
        var owner = new MemoryObjectStore("s3://owner", hasMarker: false);
        owner.Put("m/1/model.onnx", secret);
        var thief = new MemoryObjectStore("s3://thief", hasMarker: false);
        thief.Put("m/1/model.onnx", [0, 0, 0, 0]);
        ArtifactCache cache = Cache();
        (await FetchAsync(cache, owner, checksums: null)).Dispose();

        InvalidDataException exception = await Assert.ThrowsAsync<InvalidDataException>(() => FetchAsync(cache, thief, Convert.ToHexStringLower(SHA256.HashData(secret))));

        Assert.Contains("SHA-256", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FetchAsync_KnownHashWithAnotherSize_IsFetched()
    {
        var store = new MemoryObjectStore("s3://owner", hasMarker: false);
        store.Put("m/1/model.onnx", [1, 2, 3, 4]);
        ArtifactCache cache = Cache();
        (await FetchAsync(cache, store, checksums: null)).Dispose();
        store.Put("m/1/model.onnx", [1, 2]);

        await Assert.ThrowsAsync<InvalidDataException>(() => FetchAsync(cache, store, Convert.ToHexStringLower(SHA256.HashData([1, 2, 3, 4]))));
    }

    [Fact]
    public async Task FetchAsync_SizeThatNoDiskHas_TakesNothingFromTheOthers()
    {
        var store = new MemoryObjectStore("s3://owner", hasMarker: false);
        store.Put("m/1/model.onnx", [1, 2, 3, 4]);
        ArtifactCache cache = Cache();
        (await FetchAsync(cache, store, checksums: null)).Dispose();
        var claimed = new VersionListing(2, [new StoredObject("m/2/model.onnx", 1L << 50, "", default)], "claimed", null) { Store = new BreakingObjectStore(store), Prefix = "m/2/" };
        store.Put("m/2/model.onnx", [1]);

        await Assert.ThrowsAnyAsync<Exception>(() => cache.FetchAsync(claimed, CancellationToken.None));

        Assert.Single(Directory.GetFiles(Path.Combine(_base, "cache", "blobs")));
        Assert.Empty(Directory.GetFiles(Path.Combine(_base, "cache", "partial")));
    }

    [Fact]
    public async Task FetchAsync_FileInAFolderThatIsAFileToo_IsRefusedForGood()
    {
        var store = new MemoryObjectStore("s3://owner", hasMarker: false);
        store.Put("m/1/model.onnx", [1]);
        store.Put("m/1/a", [1]);
        store.Put("m/1/a/b", [1]);

        InvalidDataException exception = await Assert.ThrowsAsync<InvalidDataException>(() => FetchAsync(Cache(), store, checksums: null));

        Assert.Contains("'a/b'", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FetchAsync_ThousandsOfFiles_AreFetchedAFewAtATime()
    {
        var store = new MemoryObjectStore("s3://owner", hasMarker: false);
        store.Put("m/1/model.onnx", [1]);
        for (int i = 0; i < 500; i++)
        {
            store.Put($"m/1/data/{i}", BitConverter.GetBytes(i));
        }

        var counted = new BreakingObjectStore(store) { OnCopy = static async () => await Task.Yield(), OnFind = static async () => await Task.Yield() };
        using ModelArtifact artifact = await FetchAsync(Cache(), counted, checksums: null);

        Assert.Equal(501, Directory.GetFiles(artifact.Directory, "*", SearchOption.AllDirectories).Length);
        Assert.InRange(counted.MostUnderWay, 1, 8);
        Assert.InRange(counted.MostFinds, 1, 16);
    }

    [Fact]
    public void Constructor_FolderThatIsALink_IsRefused()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        string victim = Directory.CreateDirectory(Path.Combine(_base, "victim")).FullName;
        string important = Path.Combine(victim, "important.txt");
        File.WriteAllText(important, "kept");
        File.SetLastWriteTimeUtc(important, DateTime.UtcNow.AddDays(-3));
        string root = Directory.CreateDirectory(Path.Combine(_base, "cache")).FullName;
        Directory.CreateSymbolicLink(Path.Combine(root, "partial"), victim);

        IOException exception = Assert.Throws<IOException>(() => Cache());

        Assert.Contains("Gateway:ArtifactFolder", exception.Message, StringComparison.Ordinal);
        Assert.True(File.Exists(important));
    }

    [Fact]
    public void Constructor_OpenFolderBelowTheTemporaryOnes_IsClosedToOthers()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        string root = Directory.CreateDirectory(Path.Combine(_base, "cache")).FullName;
        File.SetUnixFileMode(root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute);

        Cache();

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(root));
    }

    private ArtifactCache Cache()
    {
        var cache = new ArtifactCache(Path.Combine(_base, "cache"), new ArtifactCacheOptions { RetryPause = TimeSpan.Zero, Attempts = 3 });
        _caches.Add(cache);
        return cache;
    }

    private static async Task<ModelArtifact> FetchAsync(ArtifactCache cache, IObjectStore store, string? checksums)
    {
        RepositoryListing listing = await new ModelRepository(store, TimeSpan.Zero, TimeProvider.System).ScanAsync("m", CancellationToken.None);
        VersionListing version = listing.Models["m"].Versions[0];
        return await cache.FetchAsync(
            checksums is null ? version : version with { Checksums = new Dictionary<string, string> { ["model.onnx"] = checksums } }, CancellationToken.None);
    }
}
