using ModelGateway.TestKit.Onnx;
using ModelGateway.Tests.Http;
using Xunit;

namespace ModelGateway.Tests.Caching;

/// <summary>What the metrics say of the cache after known traffic.</summary>
public sealed class CacheMetricsTests
{
    private const string Body = """{"inputs":{"x":[[1,2]]}}""";

    [Fact]
    public async Task Metrics_AfterTraffic_CountEachLook()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository =>
        {
            repository.AddVersion("m", 1, TestModels.AddConstant(1));
            repository.AddVersion("rows", 1, TestModels.AddConstant(1));
            repository.AddConfig("rows", "rows_independent: true");
            repository.AddVersion("off", 1, TestModels.AddConstant(1));
            repository.AddConfig("off", "cache: off");
            repository.AddVersion("random", 1, TestModels.Random());
            repository.AddVersion("large", 1, TestModels.AddConstant(1));
            repository.AddConfig("large", "cache: {max_value_bytes: 1KiB}");
        });
        for (int i = 0; i < 4; i++)
        {
            await host.AskAsync("/predict/m", Body);
            await host.AskAsync("/predict/off", Body);
            await host.AskAsync("/predict/random", """{"inputs":{}}""");
        }

        await host.AskAsync("/predict/m", Body, "no-store");
        await host.AskAsync("/predict/rows", """{"inputs":{"x":[[1],[2]]}}""");
        await host.AskAsync("/predict/rows", """{"inputs":{"x":[[1],[2],[3]]}}""");
        await host.AskAsync("/predict/large", $$"""{"inputs":{"x":[[{{string.Join(',', Enumerable.Range(0, 257))}}]]} }""");

        string page = await host.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative));
        Dictionary<string, double> expected = new()
        {
            ["""cache_lookups_total{model="m",version="1",level="answer",outcome="miss"}"""] = 2,
            ["""cache_lookups_total{model="m",version="1",level="answer",outcome="hit"}"""] = 2,
            ["""cache_lookups_total{model="m",version="1",level="memory",outcome="miss"}"""] = 1,
            ["""cache_lookups_total{model="m",version="1",level="memory",outcome="hit"}"""] = 1,
            ["""cache_lookups_total{model="rows",version="1",level="row",outcome="miss"}"""] = 3,
            ["""cache_lookups_total{model="rows",version="1",level="row",outcome="hit"}"""] = 2,
            ["""cache_bypass_total{model="m",version="1",reason="no_store"}"""] = 1,
            ["""cache_bypass_total{model="off",version="1",reason="off"}"""] = 4,
            ["""cache_bypass_total{model="random",version="1",reason="not_deterministic"}"""] = 4,
            ["""cache_bypass_total{model="large",version="1",reason="too_large"}"""] = 1,
            ["""cache_memory_entries{level="memory"}"""] = 4,
            ["""cache_memory_entries{level="answer"}"""] = 1,
            ["""cache_evictions_total{level="memory"}"""] = 0,
            ["""cache_refusals_total{level="answer"}"""] = 0,
            ["""stage_seconds_count{model="m",version="1",stage="cache"}"""] = 2,
            ["""stage_seconds_count{model="m",version="1",stage="run"}"""] = 2,
            ["""requests_total{model="m",version="1",outcome="success"}"""] = 5,
        };
        Assert.All(expected, series => Assert.True(HttpGateway.Value(page, series.Key) == series.Value, $"{series.Key} is {HttpGateway.Value(page, series.Key)}, not {series.Value}"));
        Assert.InRange(HttpGateway.Value(page, """cache_memory_bytes{level="memory"}""")!.Value, 4 * 512, 8192);
        Assert.InRange(HttpGateway.Value(page, """cache_memory_bytes{level="answer"}""")!.Value, 400, 2048);
    }

    [Fact]
    public async Task Metrics_OnlyIfCachedAndNothingThere_CountAnOutcomeOfItsOwn()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository => repository.AddVersion("m", 1, TestModels.AddConstant(1)));
        await host.AskAsync("/predict/m", Body, "only-if-cached");
        string page = await host.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative));
        Assert.Equal(1, HttpGateway.Value(page, """requests_total{model="m",version="1",outcome="not_cached"}"""));
    }

    [Fact]
    public async Task Metrics_VersionRemoved_KeepNoSeriesAndNoEntriesOfIt()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository =>
        {
            repository.AddVersion("stays", 1, TestModels.AddConstant(1));
            repository.AddVersion("goes", 1, TestModels.AddConstant(1));
        });
        for (int i = 0; i < 3; i++)
        {
            await host.AskAsync("/predict/goes", Body);
            await host.AskAsync("/predict/goes", Body, "no-store");
        }

        Assert.Contains("modelgateway_cache_lookups_total{model=\"goes\"", await host.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative)), StringComparison.Ordinal);
        host.Repository.RemoveModel("goes");
        await host.WaitUntilAsync(manager => manager.Find("goes") is null);

        // The last handle may go a moment after the name.
        string page;
        do
        {
            page = await host.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative));
        }
        while (page.Contains("\"goes\"", StringComparison.Ordinal));

        Assert.Equal(0, HttpGateway.Value(page, """cache_memory_entries{level="memory"}"""));
        Assert.Equal(0, HttpGateway.Value(page, """cache_memory_entries{level="answer"}"""));
    }
}
