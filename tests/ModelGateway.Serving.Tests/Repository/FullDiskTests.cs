using ModelGateway.Serving.Repository;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository;

/// <summary>The artifact cache on a disk that is really full.</summary>
public sealed class FullDiskTests : IDisposable
{
    private readonly RepositoryFolder _folder = new();
    private readonly BreakingObjectStore _store;
    private readonly SmallDisk _disk = new(kibibytes: 1024);
    private readonly ArtifactCache _cache;

    public FullDiskTests()
    {
        _store = new BreakingObjectStore(new FileObjectStore(_folder.Root));
        _cache = new ArtifactCache(Path.Combine(_disk.Path, "cache"), new ArtifactCacheOptions { RetryPause = TimeSpan.Zero });
    }

    private string Partials => Path.Combine(_disk.Path, "cache", "partial");

    public void Dispose()
    {
        _cache.Dispose();
        _disk.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task FetchAsync_RoomIsTakenByFilesNobodyUses_RemovesThem()
    {
        _folder.AddVersion("old", 1, Content(600_000, seed: 1));
        _folder.AddVersion("new", 1, Content(600_000, seed: 2));
        (await FetchAsync("old")).Dispose();

        using ModelArtifact artifact = await FetchAsync("new");

        Assert.Equal(Content(600_000, seed: 2), await File.ReadAllBytesAsync(artifact.ModelFile));
    }

    [Fact]
    public async Task FetchAsync_NoRoomToBeMade_FailsAndGoesOnWithWhatFits()
    {
        _folder.AddVersion("used", 1, Content(600_000, seed: 1));
        _folder.AddVersion("large", 1, Content(600_000, seed: 2));
        _folder.AddVersion("small", 1, Content(1000, seed: 3));
        using ModelArtifact used = await FetchAsync("used");

        await Assert.ThrowsAsync<IOException>(() => FetchAsync("large"));

        using ModelArtifact small = await FetchAsync("small");
        Assert.Equal(Content(1000, seed: 3), await File.ReadAllBytesAsync(small.ModelFile));
        Assert.Equal(Content(600_000, seed: 1), await File.ReadAllBytesAsync(used.ModelFile));
        Assert.Empty(Directory.GetFiles(Partials));
    }

    [Fact]
    public async Task FetchAsync_NotEvenAllIdleFilesWouldMakeRoom_KeepsThem()
    {
        _folder.AddVersion("used", 1, Content(500_000, seed: 1));
        _folder.AddVersion("idle", 1, Content(200_000, seed: 2));
        _folder.AddVersion("large", 1, Content(600_000, seed: 3));
        using ModelArtifact used = await FetchAsync("used");
        (await FetchAsync("idle")).Dispose();
        int copies = _store.Copies;

        await Assert.ThrowsAsync<IOException>(() => FetchAsync("large"));

        (await FetchAsync("idle")).Dispose();
        Assert.Equal(copies, _store.Copies);
    }

    [Fact]
    public async Task FetchAsync_DiskFillsDuringTheDownload_MakesRoomAndGoesOnWithoutAnotherRequest()
    {
        _folder.AddVersion("old", 1, Content(520_000, seed: 1));
        _folder.AddVersion("new", 1, Content(500_000, seed: 2));
        (await FetchAsync("old")).Dispose();
        int copies = _store.Copies;
        _store.OnCopy = FillDisk;

        using ModelArtifact artifact = await FetchAsync("new");

        Assert.Equal(Content(500_000, seed: 2), await File.ReadAllBytesAsync(artifact.ModelFile));
        Assert.Equal(copies + 1, _store.Copies);
        Assert.Empty(Directory.GetFiles(Partials));
    }

    [Fact]
    public async Task FetchAsync_DiskFillsDuringTheDownloadAndNoRoomToBeMade_FailsAtOnceAndEndsWellLater()
    {
        _folder.AddVersion("used", 1, Content(300_000, seed: 1));
        _folder.AddVersion("new", 1, Content(500_000, seed: 2));
        using ModelArtifact used = await FetchAsync("used");
        int copies = _store.Copies;
        _store.OnCopy = FillDisk;

        IOException failure = await Assert.ThrowsAsync<IOException>(() => FetchAsync("new"));

        // The store is not to blame, and to ask it again would not help.
        Assert.Contains("No space left on device", failure.Message, StringComparison.Ordinal);
        Assert.Equal(copies + 1, _store.Copies);

        _store.OnCopy = static () => Task.CompletedTask;
        _disk.Free();
        using ModelArtifact artifact = await FetchAsync("new");
        Assert.Equal(Content(500_000, seed: 2), await File.ReadAllBytesAsync(artifact.ModelFile));
        Assert.Equal(copies + 2, _store.Copies);
        Assert.Empty(Directory.GetFiles(Partials));
    }

    [Fact]
    public async Task FetchAsync_GoesOnAndTheRestFits_MakesRoomForTheRestAlone()
    {
        const int Piece = 250_000;
        using var cache = new ArtifactCache(
            Path.Combine(_disk.Path, "cache"), new ArtifactCacheOptions { RetryPause = TimeSpan.Zero, PieceBytes = Piece, Parallelism = 1, Attempts = 1 });
        _folder.AddVersion("idle", 1, Content(300_000, seed: 1));
        _folder.AddVersion("new", 1, Content(2 * Piece, seed: 2));
        (await FetchAsync("idle", cache)).Dispose();
        int copies = _store.Copies;
        _store.BreakAfter = copy => copy == copies + 2 ? 0 : null;
        await Assert.ThrowsAsync<IOException>(() => FetchAsync("new", cache));
        SmallDisk.Unreserve(Directory.GetFiles(Partials, "*.part").Single(), kept: Piece);
        _disk.Fill();

        using ModelArtifact artifact = await FetchAsync("new", cache);

        Assert.Equal(Content(2 * Piece, seed: 2), await File.ReadAllBytesAsync(artifact.ModelFile));
        Assert.Equal(copies + 3, _store.Copies);
    }

    // When the download has reserved its room: what comes now cannot be written.
    private Task FillDisk()
    {
        SmallDisk.Unreserve(Directory.GetFiles(Partials, "*.part").Single());
        _disk.Fill();
        return Task.CompletedTask;
    }

    private static byte[] Content(int size, int seed)
    {
        byte[] content = new byte[size];
        new Random(seed).NextBytes(content);
        return content;
    }

    private async Task<ModelArtifact> FetchAsync(string model, ArtifactCache? cache = null)
    {
        var repository = new ModelRepository(_store, TimeSpan.Zero, TimeProvider.System);
        RepositoryListing listing = await repository.ScanAsync(null, CancellationToken.None);
        return await (cache ?? _cache).FetchAsync(Assert.Single(listing.Models[model].Versions), CancellationToken.None);
    }
}
