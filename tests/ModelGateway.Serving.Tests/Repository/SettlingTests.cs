using Microsoft.Extensions.Time.Testing;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Repository;

/// <summary>When <see cref="ModelRepository"/> believes that files are whole. The clock is the test's, and the files' times are set by it.</summary>
public sealed class SettlingTests : IDisposable
{
    private static readonly TimeSpan SettleTime = TimeSpan.FromSeconds(5);
    private readonly RepositoryFolder _folder = new();
    private readonly SettableTime _time = new();
    private readonly ModelRepository _repository;

    public SettlingTests() => _repository = new ModelRepository(new FileObjectStore(_folder.Root), SettleTime, _time);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task ScanAsync_NewFiles_WaitForTheSettleTime()
    {
        _folder.WriteFile("iris", 1, "model.onnx", [1]);
        SetTimes(_time.GetUtcNow());

        Assert.Contains("changing", await WaitReasonAsync(), StringComparison.Ordinal);
        _time.Advance(SettleTime - TimeSpan.FromMilliseconds(1));
        Assert.NotNull(await WaitReasonAsync());
        _time.Advance(TimeSpan.FromMilliseconds(2));
        Assert.Null(await WaitReasonAsync());
    }

    [Fact]
    public async Task ScanAsync_StoreThatListsWholeVersions_NeedsNoTime()
    {
        var repository = new ModelRepository(new HookedObjectStore(new FileObjectStore(_folder.Root)) { MustSettle = false }, SettleTime, _time);
        _folder.AddVersion("iris", 1, [1]);
        _folder.AddConfig("iris", "labels: {a: 1}");
        SetTimes(_time.GetUtcNow());
        Assert.Null((await repository.ScanAsync(null, CancellationToken.None)).Models["iris"].Versions[0].WaitReason);

        _folder.AddConfig("iris", "labels: {b: 1}");
        SetTimes(_time.GetUtcNow().AddSeconds(1));

        Assert.Equal("labels: {b: 1}", (await repository.ScanAsync(null, CancellationToken.None)).Models["iris"].ConfigText);
    }

    [Fact]
    public async Task ScanAsync_FileGrows_WaitsUntilItStops()
    {
        for (int size = 1; size <= 5; size++)
        {
            Write("model.onnx", new byte[size]);
            Assert.NotNull(await WaitReasonAsync());
            _time.Advance(SettleTime * 0.9);
        }

        Assert.NotNull(await WaitReasonAsync());
        _time.Advance(SettleTime * 0.2);
        Assert.Null(await WaitReasonAsync());
    }

    [Fact]
    public async Task ScanAsync_OldFilesAtFirstSight_AreTakenAtOnce()
    {
        _folder.AddVersion("iris", 1, [1], ("golden/one.json", [1]));
        SetTimes(_time.GetUtcNow() - SettleTime);

        Assert.Null(await WaitReasonAsync());
    }

    [Fact]
    public async Task ScanAsync_CopyThatKeepsOldTimes_IsBetrayedByItsFolder()
    {
        // cp -a: each file gets its old time as soon as it is whole, the folder only at the end.
        Write("model.onnx", [1]);
        SetTime("model.onnx", DateTimeOffset.UnixEpoch);
        Assert.NotNull(await WaitReasonAsync());

        _time.Advance(SettleTime / 2);
        Write("weights.bin", [1]);
        SetTime("weights.bin", DateTimeOffset.UnixEpoch);
        Directory.SetLastWriteTimeUtc(_folder.VersionFolder("iris", 1), _time.GetUtcNow().UtcDateTime);

        Assert.NotNull(await WaitReasonAsync());
        _time.Advance(SettleTime);
        Assert.Null(await WaitReasonAsync());
    }

    [Fact]
    public async Task ScanAsync_OldFilesWrittenOverKnownOnes_AreNotTakenAtOnce()
    {
        // cp -a over an existing version: the folder's time does not change, and the first file is whole before the second is begun.
        _folder.AddVersion("iris", 1, [1], ("weights.bin", [1]));
        SetTimes(DateTimeOffset.UnixEpoch);
        Assert.Null(await WaitReasonAsync());

        Write("model.onnx", [2, 2]);
        SetTimes(DateTimeOffset.UnixEpoch.AddDays(1));
        Assert.NotNull(await WaitReasonAsync());

        Write("weights.bin", [2, 2]);
        SetTimes(DateTimeOffset.UnixEpoch.AddDays(1));
        Assert.NotNull(await WaitReasonAsync());
        _time.Advance(SettleTime);
        Assert.Null(await WaitReasonAsync());
    }

    [Fact]
    public async Task ScanAsync_FilesFromTheFuture_SettleByOurClock()
    {
        _folder.AddVersion("iris", 1, [1]);
        SetTimes(_time.GetUtcNow().AddYears(1));

        Assert.NotNull(await WaitReasonAsync());
        _time.Advance(SettleTime);
        Assert.Null(await WaitReasonAsync());
    }

    [Fact]
    public async Task ScanAsync_ClockSetBack_SettledFilesStaySettled()
    {
        _folder.AddVersion("iris", 1, [1]);
        await WaitReasonAsync();
        _time.Advance(SettleTime);
        Assert.Null(await WaitReasonAsync());

        _time.SetBack = TimeSpan.FromHours(1);

        Assert.Null(await WaitReasonAsync());
    }

    [Fact]
    public async Task ScanAsync_GoneAndBack_IsSeenForTheFirstTimeAgain()
    {
        _folder.AddVersion("iris", 1, [1]);
        SetTimes(DateTimeOffset.UnixEpoch);
        Assert.Null(await WaitReasonAsync());
        _folder.RemoveVersion("iris", 1);
        await _repository.ScanAsync(null, CancellationToken.None);

        _folder.AddVersion("iris", 1, [1, 2]);
        SetTimes(DateTimeOffset.UnixEpoch);

        Assert.Null(await WaitReasonAsync());
    }

    [Fact]
    public async Task ScanAsync_Trusted_NeedNotSettleAndOthersStillDo()
    {
        _folder.WriteFile("iris", 1, "model.onnx", [1]);
        _folder.WriteFile("other", 1, "model.onnx", [1]);
        _folder.AddConfig("iris", "description: x");

        RepositoryListing listing = await _repository.ScanAsync("iris", CancellationToken.None);

        Assert.Null(listing.Models["iris"].Versions[0].WaitReason);
        Assert.Equal("description: x", listing.Models["iris"].ConfigText);
        Assert.NotNull(listing.Models["other"].Versions[0].WaitReason);
    }

    [Fact]
    public async Task ScanAsync_ManifestComplete_NeedNotSettle()
    {
        _folder.AddVersionWithManifest("iris", 1, [1]);

        Assert.Null(await WaitReasonAsync());
    }

    [Fact]
    public async Task ScanAsync_FirstConfigStillBeingWritten_LoadsNothingWithoutIt()
    {
        _folder.AddVersion("iris", 1, [1]);
        SetTimes(DateTimeOffset.UnixEpoch);
        _folder.AddConfig("iris", "desc");

        ModelListing iris = await IrisAsync();
        Assert.Null(iris.ConfigText);
        Assert.Contains("model.yaml", iris.Versions[0].WaitReason, StringComparison.Ordinal);
        Assert.True(iris.Versions[0].IsSettling);

        _folder.AddConfig("iris", "description: x");
        await IrisAsync();
        _time.Advance(SettleTime);

        iris = await IrisAsync();
        Assert.Equal("description: x", iris.ConfigText);
        Assert.Null(iris.Versions[0].WaitReason);
        Assert.False(iris.Versions[0].IsSettling);
    }

    [Fact]
    public async Task ScanAsync_ConfigBeingRewritten_KeepsTheSettledOne()
    {
        _folder.AddVersion("iris", 1, [1]);
        _folder.AddConfig("iris", "description: x");
        await IrisAsync();
        _time.Advance(SettleTime);
        Assert.Equal("description: x", (await IrisAsync()).ConfigText);

        _folder.AddConfig("iris", "description: longer");
        Assert.Equal("description: x", (await IrisAsync()).ConfigText);
        _time.Advance(SettleTime);
        Assert.Equal("description: longer", (await IrisAsync()).ConfigText);
    }

    private async Task<ModelListing> IrisAsync() => (await _repository.ScanAsync(null, CancellationToken.None)).Models["iris"];

    private async Task<string?> WaitReasonAsync() => Assert.Single((await IrisAsync()).Versions).WaitReason;

    // A write sets the time of the file system's clock; here it is the test's.
    private void Write(string name, byte[] content)
    {
        _folder.WriteFile("iris", 1, name, content);
        SetTime(name, _time.GetUtcNow());
    }

    private void SetTime(string name, DateTimeOffset time) => File.SetLastWriteTimeUtc(Path.Combine(_folder.VersionFolder("iris", 1), name), time.UtcDateTime);

    private void SetTimes(DateTimeOffset time)
    {
        foreach (string entry in Directory.EnumerateFileSystemEntries(_folder.ModelFolder("iris"), "*", SearchOption.AllDirectories).Append(_folder.ModelFolder("iris")))
        {
            File.SetLastWriteTimeUtc(entry, time.UtcDateTime);
        }
    }

    /// <summary>A clock whose time of day an operator can set; that does not touch the ticks that it counts.</summary>
    private sealed class SettableTime() : FakeTimeProvider(DateTimeOffset.UtcNow)
    {
        public TimeSpan SetBack { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() - SetBack;

        public override long GetTimestamp() => base.GetUtcNow().Ticks;
    }
}
