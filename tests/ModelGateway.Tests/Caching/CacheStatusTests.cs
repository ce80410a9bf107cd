using System.Globalization;
using System.Net;
using System.Text.Json;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Tests.Caching;

/// <summary>What an answer says of how it came to be.</summary>
public sealed class CacheStatusTests
{
    private const string Path = "/predict/m";
    private const string Body = """{"inputs":{"x":[[1,2]]}}""";

    // A turn takes about a microsecond: long enough for all callers to arrive, and no time is asserted.
    private const string SlowBody = """{"inputs":{"x":[[1]],"iterations":1000000}}""";

    [Fact]
    public async Task Predict_SameBodyAgain_IsAnsweredFromMemoryThenAsItWasSent()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository => repository.AddVersion("m", 1, TestModels.AddConstant(1)));

        CachedReply first = await host.AskAsync(Path, Body);
        CachedReply second = await host.AskAsync(Path, Body);
        CachedReply third = await host.AskAsync(Path, Body);
        CachedReply fourth = await host.AskAsync(Path, Body);

        Assert.Equal((CachedReply.MissStored, null), (first.Cache, first.Age));
        Assert.Equal(("memory", "answer", "answer"), (second.HitFrom, third.HitFrom, fourth.HitFrom));
        Assert.All([second, third, fourth], hit =>
        {
            Assert.Equal(HttpStatusCode.OK, hit.Status);
            Assert.Equal(first.Body, hit.Body);
            Assert.Equal("application/json", hit.ContentType);
            Assert.InRange(int.Parse(hit.Age!, NumberStyles.None, CultureInfo.InvariantCulture), 0, 3600);
            Assert.Matches("^ModelGateway; hit; ttl=3[56][0-9][0-9]; detail=(memory|answer)$", hit.Cache);
        });
        Assert.Equal(1, await host.ExecutionsAsync("m"));
    }

    [Fact]
    public async Task Predict_AnyAnswer_TimesTheLookup()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository => repository.AddVersion("m", 1, TestModels.AddConstant(1)));
        foreach (string stages in new[] { "read cache wait run write", "read cache wait run write", "read cache" })
        {
            // Run, found in memory, found as a finished answer: that one is neither run nor written.
            CachedReply reply = await host.AskAsync(Path, Body);
            Assert.Matches($"^{string.Join(", ", stages.Split(' ').Select(stage => $@"{stage};dur=\d+\.\d{{3}}"))}$", reply.ServerTiming);
        }
    }

    [Fact]
    public async Task Predict_Statistics_TellHitsFromMisses()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository => repository.AddVersion("m", 1, TestModels.AddConstant(1)));
        await host.AskAsync(Path, Body);
        await host.AskAsync(Path, Body);
        await host.AskAsync(Path, Body);
        await host.AskAsync(Path, Body, "no-store");

        JsonElement statistics = await host.StatisticsAsync("m");
        JsonElement inference = statistics.GetProperty("inference_stats");
        Assert.Equal([4L, 2, 1, 2], new[] { "success", "cache_hit", "cache_miss", "compute_infer" }.Select(name => inference.GetProperty(name).GetProperty("count").GetInt64()));
        Assert.Equal(2, statistics.GetProperty("execution_count").GetInt64());
        Assert.Equal(2, statistics.GetProperty("inference_count").GetInt64());
    }

    [Fact]
    public async Task Predict_CacheOff_PassesByAndSaysSo()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(
            repository => repository.AddVersion("m", 1, TestModels.AddConstant(1)), ("Gateway:Cache:Enabled", "false"));
        for (int i = 0; i < 4; i++)
        {
            Assert.Equal("ModelGateway; fwd=bypass; detail=off", (await host.AskAsync(Path, Body)).Cache);
        }

        Assert.Equal(4, await host.ExecutionsAsync("m"));
    }

    [Fact]
    public async Task Predict_FaultyRequest_SaysNothingOfTheCacheAndIsNotRemembered()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository => repository.AddVersion("m", 1, TestModels.AddConstant(1)));
        for (int i = 0; i < 4; i++)
        {
            CachedReply reply = await host.AskAsync(Path, """{"inputs":{"y":[[1]]}}""");
            Assert.Equal((HttpStatusCode.BadRequest, null), (reply.Status, reply.Cache));
        }
    }

    [Fact]
    public async Task Predict_RunFails_IsNotRemembered()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository => repository.AddVersion("gather", 1, TestModels.FailsAtRun()));
        for (int i = 0; i < 4; i++)
        {
            CachedReply reply = await host.AskAsync("/predict/gather", """{"inputs":{"data":[1,2],"index":[7]}}""");
            Assert.Equal((HttpStatusCode.BadRequest, "ModelGateway; fwd=miss"), (reply.Status, reply.Cache));
        }
    }

    [Fact]
    public async Task Predict_SixtyFourEqualAtOnce_RunOnce()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository => repository.AddVersion("slow", 1, TestModels.Slow(1)));

        CachedReply[] replies = await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => host.AskAsync("/predict/slow", SlowBody)));

        Assert.All(replies, reply => Assert.Equal((HttpStatusCode.OK, replies[0].Body), (reply.Status, reply.Body)));
        Assert.Equal(1_000_001, replies[0].Json.GetProperty("outputs").GetProperty("y")[0][0].GetDouble());
        Assert.Single(replies, reply => reply.Cache == CachedReply.MissStored);
        Assert.Contains(replies, reply => reply.Cache == "ModelGateway; fwd=miss; collapsed");
        JsonElement statistics = await host.StatisticsAsync("slow");
        Assert.Equal(1, statistics.GetProperty("execution_count").GetInt64());
        Assert.Equal(63, statistics.GetProperty("inference_stats").GetProperty("cache_hit").GetProperty("count").GetInt64());
    }

    // Eight at once of a run that fails: each caller gets the same error.
    [Fact]
    public async Task Predict_EqualAtOnceAndTheDeadlinePasses_AllGetTheSameError()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository =>
        {
            repository.AddVersion("slow", 1, TestModels.Slow(1));
            repository.AddConfig("slow", "{limits: {timeout: 300ms}, warmup: off}");
        });

        CachedReply[] replies = await Task.WhenAll(
            Enumerable.Range(0, 8).Select(_ => host.AskAsync("/predict/slow", """{"inputs":{"x":[[1]],"iterations":100000000}}""")));

        Assert.All(replies, reply => Assert.Equal(HttpStatusCode.GatewayTimeout, reply.Status));
        Assert.Equal(0, await host.ExecutionsAsync("slow"));
    }
}
