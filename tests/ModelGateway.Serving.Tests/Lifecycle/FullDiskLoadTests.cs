using ModelGateway.Serving.Lifecycle;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Lifecycle;

/// <summary>Models whose new versions do not fit on the disk.</summary>
public sealed class FullDiskLoadTests : IDisposable
{
    private readonly SmallDisk _disk = new(kibibytes: 1024);
    private readonly ServingHarness _serving;

    public FullDiskLoadTests() => _serving = new ServingHarness(artifactFolder: Path.Combine(_disk.Path, "artifacts"));

    public void Dispose()
    {
        _serving.Dispose();
        _disk.Dispose();
    }

    [Fact]
    public async Task Load_DiskIsFull_TheOldVersionAnswersUntilThereIsRoomAgain()
    {
        _serving.Add("m", 1, TestModels.AddConstant(1));
        await _serving.ScanAndSettleAsync();
        _disk.Fill();
        _serving.Add("m", 2, TestModels.AddConstant(2));

        await _serving.ScanAndSettleAsync();

        Assert.Equal(ServableState.Failed, _serving.State("m", 2));
        Assert.Contains("the disk was full", _serving.Version("m", 2).Reason, StringComparison.Ordinal);
        Assert.Equal(1, await _serving.PredictAsync("m"));

        // Still full at the first retry.
        _serving.Time.Advance(_serving.Options.RetryDelay);
        await _serving.UntilAsync(() => _serving.Log.All.Count(static line => line.Contains("m/2 could not be loaded now", StringComparison.Ordinal)) > 1);
        Assert.Equal(1, await _serving.PredictAsync("m"));

        _disk.Free();
        _serving.Time.Advance(2 * _serving.Options.RetryDelay);
        await _serving.UntilAsync(() => _serving.State("m", 2) == ServableState.Ready);
        Assert.Equal(2, await _serving.PredictAsync("m"));
    }
}
