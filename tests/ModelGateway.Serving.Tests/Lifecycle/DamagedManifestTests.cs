using System.Security.Cryptography;
using System.Text;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.Lifecycle;

/// <summary>A file that is not what the manifest says, in a store that gives no checksums: which of the two was damaged on the way?</summary>
public sealed class DamagedManifestTests
{
    private static readonly byte[] Model = [1, 2, 3];
    private readonly MemoryObjectStore _store = new("s3://models", hasMarker: true);
    private int _manifests;
    private int _models;

    [Fact]
    public async Task Load_ManifestDamagedOnce_IsReadAgainAndTheVersionLoaded()
    {
        using WatchHarness watch = Watch(SHA256.HashData(Model), isDamaged: static manifest => manifest == 1);

        await watch.ScanAndSettleAsync();

        Assert.Equal("s3://models/m/1", watch.Answering("m"));
        Assert.Equal(ArtifactDigest.Of([("model.onnx", Convert.ToHexStringLower(SHA256.HashData(Model)))]), watch.Manager.Find("m")!.Find(1)!.Digest);
        int models = _models;
        await watch.ScanAndSettleAsync();
        await watch.ScanAndSettleAsync();

        // The next scans know the right one: nothing is loaded anew.
        Assert.Equal((models, "s3://models/m/1"), (_models, watch.Answering("m")));
    }

    [Fact]
    public async Task Load_ManifestWrongInTheStore_FailsAndIsNotFetchedAgain()
    {
        using WatchHarness watch = Watch(SHA256.HashData([9]), isDamaged: static _ => false);

        await watch.ScanAndSettleAsync();
        VersionView failed = watch.Manager.Find("m")!.Find(1)!;
        int copies = _store.Copies;
        watch.Time.Advance(TimeSpan.FromHours(1));
        await watch.ScanAndSettleAsync();
        await watch.ScanAndSettleAsync();

        Assert.Equal((ServableState.Failed, "'model.onnx' does not have the SHA-256 that manifest.json says."), (failed.State, failed.Reason));
        Assert.Equal((ServableState.Failed, failed.Reason), (watch.Manager.Find("m")!.Find(1)!.State, watch.Manager.Find("m")!.Find(1)!.Reason));
        Assert.Equal(copies, _store.Copies);
        Assert.Equal(2, _models);
    }

    [Fact]
    public async Task Load_ManifestAnotherOneEachTime_IsTriedAgainLater()
    {
        using WatchHarness watch = Watch(SHA256.HashData(Model), isDamaged: static manifest => manifest < 10);

        await watch.ScanAndSettleAsync();

        Assert.Equal(ServableState.Failed, watch.Manager.Find("m")!.Find(1)!.State);
        _manifests = 10;
        await watch.ScanAsync();
        watch.Time.Advance(watch.Options.RetryDelay);
        await watch.UntilAsync(() => watch.Answering("m") is not null);
    }

    // The first digits of the hash are other ones each time.
    private WatchHarness Watch(byte[] sha256, Func<int, bool> isDamaged)
    {
        string hex = Convert.ToHexStringLower(sha256);
        _store.Put("m/1/model.onnx", Model);
        _store.Put("m/1/manifest.json", VersionManifest.Format(null, null, [new ManifestFile("model.onnx", Model.Length, hex)]));
        _store.OnTheWay = (key, content) =>
        {
            if (key == "m/1/model.onnx")
            {
                Interlocked.Increment(ref _models);
                return content;
            }

            int manifest = Interlocked.Increment(ref _manifests);
            return isDamaged(manifest)
                ? Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(content).Replace(hex, $"{manifest:00}{(hex[0] == '0' ? "ff" : "00")}{hex[4..]}", StringComparison.Ordinal))
                : content;
        };
        return new WatchHarness(_store);
    }
}
