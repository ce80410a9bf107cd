using System.Text;
using Microsoft.Extensions.Time.Testing;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository;

/// <summary>What counts as a model and as a version. That files are settled is told by a clock that the tests move; see <see cref="SettlingTests"/>.</summary>
public sealed class ModelRepositoryTests : IDisposable
{
    private readonly RepositoryFolder _folder = new();
    private readonly HookedObjectStore _store;
    private readonly ModelRepository _repository;

    public ModelRepositoryTests()
    {
        _store = new HookedObjectStore(new FileObjectStore(_folder.Root));
        _repository = new ModelRepository(_store, TimeSpan.Zero, new FakeTimeProvider(DateTimeOffset.UtcNow));
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task ScanAsync_EmptyRepository_HasNoModels()
    {
        RepositoryListing listing = await ScanAsync();

        Assert.Empty(listing.Models);
        Assert.Empty(listing.Problems);
    }

    [Fact]
    public async Task ScanAsync_ModelsWithVersionsAndFiles_AreListedInOrder()
    {
        _folder.AddVersion("iris", 10, [1]);
        _folder.AddVersion("iris", 2, [1], ("labels.txt", [2]), ("golden/one.json", [3]));
        _folder.AddVersion("other", 1, [1]);
        _folder.AddConfig("iris", "description: ü");

        RepositoryListing listing = await ScanAsync();

        Assert.Empty(listing.Problems);
        Assert.Equal(["iris", "other"], listing.Models.Keys.Order());
        ModelListing iris = listing.Models["iris"];
        Assert.Equal("description: ü", iris.ConfigText);
        Assert.Null(listing.Models["other"].ConfigText);
        Assert.Equal([2, 10], iris.Versions.Select(version => version.Version));
        Assert.All(iris.Versions, version => Assert.Null(version.WaitReason));
        Assert.Equal("iris/2/", iris.Versions[0].Prefix);
        Assert.Equal(["iris/2/golden/one.json", "iris/2/labels.txt", "iris/2/model.onnx"], iris.Versions[0].Files.Select(file => file.Key).Order());
        Assert.Null(iris.Versions[0].Checksums);
    }

    [Theory]
    [InlineData("_private")]
    [InlineData("-x")]
    [InlineData("with space")]
    [InlineData("ünï")]
    [InlineData("a+b")]
    [InlineData("line\nbreak")]
    public async Task ScanAsync_FolderWithAnInvalidName_IsPassedOverWithItsReason(string name)
    {
        _folder.AddVersion(name, 1, [1]);
        _folder.AddVersion("iris", 1, [1]);

        RepositoryListing listing = await ScanAsync();

        Assert.Equal(["iris"], listing.Models.Keys);
        Assert.Contains($"'{name}'", Assert.Single(listing.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ScanAsync_LongNames_AreTakenUpTo128()
    {
        _folder.AddVersion(new string('a', 128), 1, [1]);
        _folder.AddVersion(new string('b', 129), 1, [1]);

        RepositoryListing listing = await ScanAsync();

        Assert.Equal([new string('a', 128)], listing.Models.Keys);
        Assert.Single(listing.Problems);
    }

    [Theory]
    [InlineData("1", true, false)]
    [InlineData("9223372036854775807", true, false)]
    [InlineData("0", false, true)]
    [InlineData("01", false, true)]
    [InlineData("9223372036854775808", false, true)]
    [InlineData("-1", false, false)]
    [InlineData("+1", false, false)]
    [InlineData("1.0", false, false)]
    [InlineData("abc", false, false)]
    [InlineData("v1", false, false)]
    [InlineData("١", false, false)]
    [InlineData("1 ", false, false)]
    public async Task ScanAsync_VersionFolder_IsAVersionOnlyAsAPlainPositiveNumber(string name, bool version, bool problem)
    {
        _folder.AddVersion("iris", 7, [1]);
        WriteFile($"iris/{name}/model.onnx", [1]);

        RepositoryListing listing = await ScanAsync();

        Assert.Equal(version ? 2 : 1, listing.Models["iris"].Versions.Count);
        Assert.Equal(problem ? 1 : 0, listing.Problems.Count);
        Assert.All(listing.Problems, text => Assert.Contains($"'iris/{name}'", text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task ScanAsync_FileNamedLikeAVersion_IsNoVersion()
    {
        WriteFile("iris/1", [1]);
        WriteFile("README.md", [1]);

        RepositoryListing listing = await ScanAsync();

        Assert.Empty(listing.Models["iris"].Versions);
        Assert.Contains("'iris/1'", Assert.Single(listing.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ScanAsync_FolderMarkersOfABucket_AreNoFiles()
    {
        var bucket = new MarkedStore(_store);
        _folder.AddVersion("iris", 1, [1]);

        RepositoryListing listing = await new ModelRepository(bucket, TimeSpan.Zero, TimeProvider.System).ScanAsync(null, CancellationToken.None);

        Assert.Empty(listing.Problems);
        Assert.Equal("iris/1/model.onnx", Assert.Single(Assert.Single(listing.Models["iris"].Versions).Files).Key);
    }

    [Fact]
    public async Task ScanAsync_VersionWithoutModelFile_Waits()
    {
        _folder.WriteFile("iris", 1, "weights.bin", [1]);
        _folder.WriteFile("iris", 2, "model.onnx/part", [1]);
        _folder.WriteFile("iris", 3, "sub/model.onnx", [1]);

        ModelListing iris = (await ScanAsync()).Models["iris"];

        Assert.Equal(3, iris.Versions.Count);
        Assert.All(iris.Versions, version => Assert.Contains("model.onnx", version.WaitReason, StringComparison.Ordinal));
    }

    [Fact]
    public async Task ScanAsync_Fingerprint_ChangesWithAnyFileAndOnlyThen()
    {
        _folder.AddVersion("iris", 1, [1], ("labels.txt", [2]));
        string first = await FingerprintAsync();
        Assert.Equal(first, await FingerprintAsync());

        _folder.AddConfig("iris", "description: x");
        _folder.AddVersion("iris", 2, [1]);
        Assert.Equal(first, await FingerprintAsync());

        _folder.WriteFile("iris", 1, "labels.txt", [2, 2]);
        string changed = await FingerprintAsync();
        Assert.NotEqual(first, changed);

        _folder.WriteFile("iris", 1, "more.txt", [2]);
        Assert.NotEqual(changed, await FingerprintAsync());

        async Task<string> FingerprintAsync() => (await ScanAsync()).Models["iris"].Versions[0].Fingerprint;
    }

    [Fact]
    public async Task ScanAsync_ConfigRemoved_IsGone()
    {
        _folder.AddVersion("iris", 1, [1]);
        _folder.AddConfig("iris", "description: x");
        await ScanAsync();

        _folder.RemoveConfig("iris");

        Assert.Null((await ScanAsync()).Models["iris"].ConfigText);
    }

    [Fact]
    public async Task ScanAsync_ConfigUnchanged_IsReadOnce()
    {
        _folder.AddVersion("iris", 1, [1]);
        _folder.AddConfig("iris", "description: x");

        await ScanAsync();
        await ScanAsync();

        Assert.Equal(1, _store.Copies);
    }

    [Fact]
    public async Task ScanAsync_ConfigTooLarge_LoadsNothingWithoutItAndSaysWhy()
    {
        _folder.AddVersion("iris", 1, [1]);
        _folder.AddConfig("iris", new string('#', (1 << 20) + 1));

        ModelListing iris = (await ScanAsync()).Models["iris"];

        Assert.Null(iris.ConfigText);
        Assert.Contains("larger than", iris.Versions[0].WaitReason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ScanAsync_ConfigThatCannotBeRead_WaitsAndHarmsNoOtherModel()
    {
        _folder.AddVersion("iris", 1, [1]);
        _folder.AddConfig("iris", "description: x");
        _folder.AddVersion("other", 1, [1]);
        _store.OnCopy = (_, _) => throw new IOException("Permission denied");

        RepositoryListing listing = await ScanAsync();

        Assert.Contains("Permission denied", listing.Models["iris"].Versions[0].WaitReason, StringComparison.Ordinal);
        Assert.Null(listing.Models["other"].Versions[0].WaitReason);

        _store.OnCopy = (_, _) => Task.CompletedTask;
        listing = await ScanAsync();

        Assert.Equal("description: x", listing.Models["iris"].ConfigText);
        Assert.Null(listing.Models["iris"].Versions[0].WaitReason);
    }

    [Fact]
    public async Task ScanAsync_ConfigCannotBeReadAgain_KeepsTheOneItHas()
    {
        _folder.AddVersion("iris", 1, [1]);
        _folder.AddConfig("iris", "description: x");
        await ScanAsync();
        _folder.AddConfig("iris", "description: longer");
        _store.OnCopy = (_, _) => throw new IOException("Permission denied");

        ModelListing iris = (await ScanAsync()).Models["iris"];

        Assert.Equal("description: x", iris.ConfigText);
        Assert.Null(iris.Versions[0].WaitReason);
    }

    [Fact]
    public async Task ScanAsync_StoreCannotBeListed_ThrowsAndRecovers()
    {
        _folder.AddVersion("iris", 1, [1]);
        _store.OnList = _ => throw new IOException("gone");

        await Assert.ThrowsAsync<IOException>(ScanAsync);

        _store.OnList = _ => Task.CompletedTask;
        Assert.Single((await ScanAsync()).Models);
    }

    [Fact]
    public async Task ScanAsync_ManifestComplete_ListsExactlyItsFiles()
    {
        _folder.AddVersionWithManifest("iris", 1, [1, 2], ("golden/one.json", [3]));
        _folder.WriteFile("iris", 1, "notes.txt", [9]);

        VersionListing version = Assert.Single((await ScanAsync()).Models["iris"].Versions);

        Assert.Null(version.WaitReason);
        Assert.Equal(["iris/1/golden/one.json", "iris/1/manifest.json", "iris/1/model.onnx"], version.Files.Select(file => file.Key).Order());
        Assert.Equal(["golden/one.json", "model.onnx"], version.Checksums!.Keys.Order());
    }

    [Theory]
    [InlineData("labels.txt", 3, "Waiting for 'labels.txt' with 3 bytes")]
    [InlineData("model.onnx", 2, "Waiting for 'model.onnx' with 2 bytes")]
    public async Task ScanAsync_ManifestNamesWhatIsNotThere_Waits(string name, int size, string reason)
    {
        _folder.WriteFile("iris", 1, "model.onnx", [1]);
        _folder.WriteFile("iris", 1, "manifest.json", name == "model.onnx"
            ? RepositoryFolder.Manifest((name, new byte[size]))
            : RepositoryFolder.Manifest(("model.onnx", [1]), (name, new byte[size])));

        Assert.Contains(reason, Assert.Single((await ScanAsync()).Models["iris"].Versions).WaitReason, StringComparison.Ordinal);

        _folder.WriteFile("iris", 1, name, new byte[size]);

        Assert.Null(Assert.Single((await ScanAsync()).Models["iris"].Versions).WaitReason);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{"files":[null]}""")]
    [InlineData("""{"files":[{"name":"../../secret","size":1,"sha256":"aa"}]}""")]
    public async Task ScanAsync_MalformedManifest_WaitsAndHarmsNoOtherModel(string manifest)
    {
        _folder.WriteFile("iris", 1, "model.onnx", [1]);
        _folder.WriteFile("iris", 1, "manifest.json", Encoding.UTF8.GetBytes(manifest));
        _folder.AddVersion("other", 1, [1]);

        RepositoryListing listing = await ScanAsync();

        Assert.Contains("manifest.json", Assert.Single(listing.Models["iris"].Versions).WaitReason, StringComparison.Ordinal);
        Assert.Null(Assert.Single(listing.Models["other"].Versions).WaitReason);
    }

    [Fact]
    public async Task ScanAsync_ManifestTooLarge_Waits()
    {
        _folder.WriteFile("iris", 1, "model.onnx", [1]);
        _folder.WriteFile("iris", 1, "manifest.json", new byte[VersionManifest.LargestSize + 1]);

        Assert.Contains("larger than", Assert.Single((await ScanAsync()).Models["iris"].Versions).WaitReason, StringComparison.Ordinal);
        Assert.Equal(0, _store.Copies);
    }

    [Fact]
    public async Task ScanAsync_StoreSaysUnchanged_ReadsTheLastObjectsAgain()
    {
        var store = new MemoryObjectStore("s3://models", hasMarker: true);
        store.Put("iris/1/model.onnx", [1]);
        var repository = new ModelRepository(store, TimeSpan.Zero, TimeProvider.System);
        RepositoryListing first = await repository.ScanAsync(null, CancellationToken.None);
        Assert.False(repository.WasUnchanged);

        RepositoryListing second = await repository.ScanAsync(null, CancellationToken.None);

        Assert.True(repository.WasUnchanged);
        Assert.Equal(first.Models["iris"].Versions[0].Fingerprint, second.Models["iris"].Versions[0].Fingerprint);
        store.Remove("iris/1/model.onnx");
        Assert.Empty((await repository.ScanAsync(null, CancellationToken.None)).Models);
    }

    [Fact]
    public async Task ScanAsync_TextUnreadableOnce_IsReadAgainThoughNothingChanged()
    {
        var store = new MemoryObjectStore("s3://models", hasMarker: true);
        store.Put("iris/1/model.onnx", [1]);
        store.Put("iris/model.yaml", "description: x"u8.ToArray());
        var repository = new ModelRepository(new HookedObjectStore(store) { OnCopy = (_, _) => store.Copies == 0 && store.Lists == 1 ? throw new IOException("cut") : Task.CompletedTask }, TimeSpan.Zero, TimeProvider.System);

        RepositoryListing first = await repository.ScanAsync(null, CancellationToken.None);
        RepositoryListing second = await repository.ScanAsync(null, CancellationToken.None);

        Assert.Contains("cut", first.Models["iris"].Versions[0].WaitReason, StringComparison.Ordinal);
        Assert.Equal(("description: x", null), (second.Models["iris"].ConfigText, second.Models["iris"].Versions[0].WaitReason));
        Assert.True(repository.WasUnchanged);
    }

    [Fact]
    public async Task ScanAsync_NamePrefix_StandsBeforeTheNamesAndNotTheKeys()
    {
        _folder.AddVersion("iris", 1, [1]);
        _folder.AddVersion(new string('x', 128), 1, [1]);
        var repository = new ModelRepository(_store, TimeSpan.Zero, TimeProvider.System) { NamePrefix = "team." };

        RepositoryListing listing = await repository.ScanAsync(null, CancellationToken.None);

        Assert.Equal("team.iris", Assert.Single(listing.Models).Key);
        Assert.Equal(("team.iris", "iris/1/"), (listing.Models["team.iris"].Name, listing.Models["team.iris"].Versions[0].Prefix));
        Assert.Contains("with the prefix 'team.' before it", Assert.Single(listing.Problems), StringComparison.Ordinal);
    }

    private Task<RepositoryListing> ScanAsync() => _repository.ScanAsync(null, CancellationToken.None);

    private void WriteFile(string key, byte[] content)
    {
        string path = Path.Combine(_folder.Root, key);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
    }

    /// <summary>Adds the empty objects that a bucket's console makes for folders.</summary>
    private sealed class MarkedStore(IObjectStore inner) : IObjectStore
    {
        public string Location => inner.Location;

        public bool SupportsRanges => inner.SupportsRanges;

        public async Task<ObjectListing?> ListAsync(string? unlessMarker, CancellationToken cancellationToken)
        {
            ObjectListing listing = (await inner.ListAsync(unlessMarker, cancellationToken))!;
            return listing with { Objects = [.. listing.Objects, new("iris/", 0, "", default), new("iris/1/", 0, "", default), new("new/", 0, "", default)] };
        }

        public Task<StoredObject?> FindAsync(string key, CancellationToken cancellationToken) => inner.FindAsync(key, cancellationToken);

        public Task CopyRangeAsync(StoredObject source, long offset, long count, Stream destination, CancellationToken cancellationToken) =>
            inner.CopyRangeAsync(source, offset, count, destination, cancellationToken);
    }
}
