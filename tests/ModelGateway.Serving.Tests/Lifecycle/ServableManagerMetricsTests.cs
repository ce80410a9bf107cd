using System.Diagnostics;
using System.Globalization;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Serving.Tests.Lifecycle;

public sealed class ServableManagerMetricsTests
{
    [Fact]
    public async Task Series_OfAVersion_ComeAndGoWithIt()
    {
        using var serving = new ServingHarness();
        serving.Add("adder", 1, TestModels.AddConstant(1));
        serving.Add("other", 1, TestModels.AddConstant(1));
        await serving.ScanAndSettleAsync();
        Use(serving, "adder");
        Assert.Contains(await serving.MetricsAsync("modelgateway_instances{model=\"adder\",version=\"1\"}"), line => !line.EndsWith(" 0", StringComparison.Ordinal));
        Assert.Single(await serving.MetricsAsync("modelgateway_requests_total{model=\"adder\",version=\"1\",outcome=\"success\"} 1"));

        serving.Add("adder", 2, TestModels.AddConstant(2));
        await serving.ScanAndSettleAsync();
        Use(serving, "adder");
        Assert.Empty(await serving.MetricsAsync("model=\"adder\",version=\"1\""));
        Assert.NotEmpty(await serving.MetricsAsync("model=\"adder\",version=\"2\""));

        serving.Folder.RemoveModel("adder");
        await serving.ScanAndSettleAsync();
        Assert.Empty(await serving.MetricsAsync("adder"));
        Assert.NotEmpty(await serving.MetricsAsync("other"));
    }

    [Fact]
    public async Task Series_OfAReloadedVersion_GoOnCounting()
    {
        using var serving = new ServingHarness();
        serving.Add("adder", 1, TestModels.AddConstant(1));
        await serving.ScanAndSettleAsync();
        Use(serving, "adder");

        serving.Add("adder", 1, TestModels.AddConstant(2));
        await serving.ScanAndSettleAsync();
        await serving.UntilAsync(() => serving.Manager.ServablesInMemory == 1);
        Use(serving, "adder");

        Assert.Single(await serving.MetricsAsync("modelgateway_requests_total{model=\"adder\",version=\"1\",outcome=\"success\"} 2"));
        Assert.Single(await serving.MetricsAsync("modelgateway_model_memory_bytes{model=\"adder\""));
    }

    [Fact]
    public async Task ModelVersions_ThroughEveryChange_AddUpToTheVersionsThereAre()
    {
        using var serving = new ServingHarness();
        await CheckAsync(serving);

        serving.Add("adder", 1, TestModels.AddConstant(1));
        serving.Add("adder", 2, TestModels.AddConstant(1));
        serving.Add("broken", 1, TestModels.Broken());
        serving.Folder.WriteFile("empty", 1, "labels.txt", [1]);
        await serving.ScanAndSettleAsync();
        await CheckAsync(serving);
        Assert.Equal((1, 1, 2), (Count(serving, ServableState.Ready), Count(serving, ServableState.Failed), Count(serving, ServableState.Discovered)));

        using (serving.Acquire("adder"))
        {
            serving.Manager.RequestUnload("adder");
            await CheckAsync(serving);
            Assert.Equal(1, Count(serving, ServableState.Draining));
        }

        await serving.SettleAsync();
        await CheckAsync(serving);
        serving.Add("broken", 1, TestModels.AddConstant(1));
        serving.Folder.RemoveVersion("adder", 2);
        await serving.ScanAndSettleAsync();
        await CheckAsync(serving);
        serving.Folder.RemoveModel("adder");
        serving.Folder.RemoveModel("broken");
        serving.Folder.RemoveModel("empty");
        await serving.ScanAndSettleAsync();

        await CheckAsync(serving);
        Assert.Empty(serving.Manager.Snapshot().Versions);
    }

    [Fact]
    public async Task Scans_AreCountedByOutcome()
    {
        using var serving = new ServingHarness();
        await serving.ScanAsync();
        serving.Store.OnList = _ => throw new IOException("gone");
        await serving.ScanAsync();

        string repository = $"repository=\"{serving.Store.Location}\"";
        Assert.Single(await serving.MetricsAsync($"modelgateway_repository_scans_total{{{repository},outcome=\"success\"}} 1"));
        Assert.Single(await serving.MetricsAsync($"modelgateway_repository_scans_total{{{repository},outcome=\"error\"}} 1"));
        string last = Assert.Single(await serving.MetricsAsync($"modelgateway_repository_last_scan_timestamp_seconds{{{repository}}} "));
        Assert.Equal(serving.Time.GetUtcNow().ToUnixTimeSeconds(), double.Parse(last.Split(' ')[1], CultureInfo.InvariantCulture), 1.0);
    }

    private static void Use(ServingHarness serving, string model)
    {
        using ServableHandle handle = serving.Acquire(model);
        var stage = TimeSpan.FromMilliseconds(1);
        handle.Servable.Metrics.CountAnswer(1, new AnswerStages(4 * stage, stage, stage, stage, stage, stage), isMiss: true, Stopwatch.GetTimestamp());
    }

    private static double Count(ServingHarness serving, ServableState state) => serving.ServingMetrics.ModelVersions(state).Value;

    private static async Task CheckAsync(ServingHarness serving)
    {
        await Task.Yield();
        foreach (ServableState state in Enum.GetValues<ServableState>())
        {
            Assert.Equal(serving.Manager.Snapshot().Versions.Count(version => version.State == state), Count(serving, state));
        }
    }
}
