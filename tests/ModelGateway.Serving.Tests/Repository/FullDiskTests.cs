using ModelGateway.Serving.Repository;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository;

/// <summary>The artifact cache on a disk that is really full.</summary>
public sealed class FullDiskTests : IDisposable
{
    private readonly RepositoryFolder _folder = new();
    private readonly SmallDisk _disk = new(kibibytes: 1024);
    private readonly ArtifactCache _cache;

    public FullDiskTests() => _cache = new ArtifactCache(Path.Combine(_disk.Path, "cache"), new ArtifactCacheOptions { RetryPause = TimeSpan.Zero });

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
        Assert.Empty(Directory.GetFiles(Path.Combine(_disk.Path, "cache", "partial")));
    }

    private static byte[] Content(int size, int seed)
    {
        byte[] content = new byte[size];
        new Random(seed).NextBytes(content);
        return content;
    }

    private async Task<ModelArtifact> FetchAsync(string model)
    {
        var repository = new ModelRepository(new FileObjectStore(_folder.Root), TimeSpan.Zero, TimeProvider.System);
        RepositoryListing listing = await repository.ScanAsync(null, CancellationToken.None);
        return await _cache.FetchAsync(Assert.Single(listing.Models[model].Versions), CancellationToken.None);
    }
}
