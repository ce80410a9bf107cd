using System.Net;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Tests.Caching;

/// <summary>What a model's configuration, graph and artifact decide of the cache.</summary>
public sealed class CacheRulesTests
{
    private const string Body = """{"inputs":{"x":[[1,2]]}}""";

    [Fact]
    public async Task Config_CacheOff_IsNeverRemembered()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository =>
        {
            repository.AddVersion("m", 1, TestModels.AddConstant(1));
            repository.AddConfig("m", "cache: off");
        });
        for (int i = 0; i < 4; i++)
        {
            Assert.Equal("ModelGateway; fwd=bypass; detail=off", (await host.AskAsync("/predict/m", Body)).Cache);
        }

        Assert.Equal(4, await host.ExecutionsAsync("m"));
    }

    [Fact]
    public async Task Config_CacheOn_DoesNotTurnOnWhatTheGatewayTurnedOff()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(
            repository =>
            {
                repository.AddVersion("m", 1, TestModels.AddConstant(1));
                repository.AddConfig("m", "cache: on");
            },
            ("Gateway:Cache:Enabled", "false"));
        Assert.Equal("ModelGateway; fwd=bypass; detail=off", (await host.AskAsync("/predict/m", Body)).Cache);
    }

    [Fact]
    public async Task Config_CacheTurnedOffWhileServing_IsObeyed()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository => repository.AddVersion("m", 1, TestModels.AddConstant(1)));
        for (int i = 0; i < 3; i++)
        {
            await host.AskAsync("/predict/m", Body);
        }

        Servable before = host.ServableOf("m");
        host.Repository.AddConfig("m", "cache: off");
        await host.WaitUntilAsync(manager => manager.Find("m")?.Find(1)?.Servable is { } servable && servable != before);

        Assert.Equal("ModelGateway; fwd=bypass; detail=off", (await host.AskAsync("/predict/m", Body)).Cache);
    }

    [Fact]
    public async Task Config_Ttl_IsWhatTheAnswerSaysAndEnds()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository =>
        {
            repository.AddVersion("short", 1, TestModels.AddConstant(1));
            repository.AddConfig("short", "cache: {ttl: 1s}");
            repository.AddVersion("long", 1, TestModels.AddConstant(1));
            repository.AddConfig("long", "cache: {ttl: 2d}");
        });
        await host.AskAsync("/predict/long", Body);
        Assert.Matches("; ttl=17[0-9]{4}; ", (await host.AskAsync("/predict/long", Body)).Cache);

        // At every level: nothing is given again past its time.
        CachedReply reply = await host.AskAsync("/predict/short", Body);
        do
        {
            Assert.True(reply.HitFrom is null || reply.Cache!.Contains("; ttl=0; ", StringComparison.Ordinal), reply.Cache);
            reply = await host.AskAsync("/predict/short", Body);
        }
        while (reply.Cache != "ModelGateway; fwd=stale; stored");

        Assert.Equal(2, await host.ExecutionsAsync("short"));
    }

    [Fact]
    public async Task Settings_Ttl_HoldsForModelsThatSetNone()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository => repository.AddVersion("m", 1, TestModels.AddConstant(1)), ("Gateway:Cache:Ttl", "5.00:00:00"));
        await host.AskAsync("/predict/m", Body);
        Assert.Matches("; ttl=43[0-9]{4}; ", (await host.AskAsync("/predict/m", Body)).Cache);
    }

    [Fact]
    public async Task Config_StaleWhileRevalidate_GivesTheOldOneAndMakesANewOne()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository =>
        {
            repository.AddVersion("m", 1, TestModels.AddConstant(1));
            repository.AddConfig("m", "cache: {ttl: 1s, stale_while_revalidate: 1d}");
        });
        CachedReply reply = await host.AskAsync("/predict/m", Body);
        Assert.Equal(CachedReply.MissStored, reply.Cache);
        do
        {
            reply = await host.AskAsync("/predict/m", Body);
            Assert.NotNull(reply.HitFrom);
        }
        while (!reply.Cache!.Contains("; ttl=-", StringComparison.Ordinal));

        // The run behind it makes a fresh one, and no caller has to wait.
        do
        {
            reply = await host.AskAsync("/predict/m", Body);
            Assert.NotNull(reply.HitFrom);
        }
        while (reply.Cache!.Contains("; ttl=-", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("cache: {max_value_bytes: 1KiB}", "1024")]
    [InlineData(null, "1024")]
    public async Task MaxValueBytes_LargerAnswers_AreGivenAndNotRemembered(string? config, string setting)
    {
        await using GatewayHost host = await GatewayHost.StartAsync(
            repository =>
            {
                repository.AddVersion("m", 1, TestModels.AddConstant(1));
                if (config is not null)
                {
                    repository.AddConfig("m", config);
                }
            },
            ("Gateway:Cache:MaxValueBytes", config is null ? setting : "1000000"));
        string large = $$"""{"inputs":{"x":[[{{string.Join(',', Enumerable.Range(0, 257))}}]]} }""";
        for (int i = 0; i < 4; i++)
        {
            CachedReply reply = await host.AskAsync("/predict/m", large);
            Assert.Equal((HttpStatusCode.OK, "ModelGateway; fwd=miss"), (reply.Status, reply.Cache));
            Assert.Equal(257, reply.Json.GetProperty("outputs").GetProperty("y")[0].GetArrayLength());
        }

        Assert.Equal(CachedReply.MissStored, (await host.AskAsync("/predict/m", Body)).Cache);
        Assert.Equal("memory", (await host.AskAsync("/predict/m", Body)).HitFrom);
    }

    [Fact]
    public async Task MaxBytes_Zero_RemembersNothingInMemory()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository => repository.AddVersion("m", 1, TestModels.AddConstant(1)), ("Gateway:Cache:MaxBytes", "0"));
        for (int i = 0; i < 4; i++)
        {
            Assert.Null((await host.AskAsync("/predict/m", Body)).HitFrom);
        }
    }

    [Fact]
    public async Task Graph_WithRandomNodes_IsNeverRemembered()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository =>
        {
            repository.AddVersion("noisy", 1, new OnnxGraphBuilder()
                .Input("x", OnnxElementType.Float, "batch", 2)
                .Output("y", OnnxElementType.Float, "batch", 2)
                .Node("RandomNormalLike", ["x"], ["noise"])
                .Node("Add", ["x", "noise"], ["y"])
                .Build());
            repository.AddConfig("noisy", "cache: on");
        });
        var answers = new HashSet<string>();
        for (int i = 0; i < 4; i++)
        {
            CachedReply reply = await host.AskAsync("/predict/noisy", Body);
            Assert.Equal("ModelGateway; fwd=bypass; detail=not_deterministic", reply.Cache);
            answers.Add(reply.Body);
        }

        Assert.Equal(4, answers.Count);
    }

    [Fact]
    public async Task NewArtifact_UnderTheSameNumber_NeverShowsTheOldAnswer()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository => repository.AddVersion("m", 1, TestModels.AddConstant(1)));
        for (int i = 0; i < 3; i++)
        {
            Assert.Contains("[[2,3]]", (await host.AskAsync("/predict/m", Body)).Body, StringComparison.Ordinal);
        }

        Servable before = host.ServableOf("m");
        host.Repository.AddVersion("m", 1, TestModels.AddConstant(2));
        await host.WaitUntilAsync(manager => manager.Find("m")?.Find(1)?.Servable is { } servable && servable != before);

        CachedReply reply = await host.AskAsync("/predict/m", Body);
        Assert.Equal(CachedReply.MissStored, reply.Cache);
        Assert.Contains("[[3,4]]", reply.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NewVersion_IsNotAnsweredWithWhatTheOldOneSaid()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository => repository.AddVersion("m", 1, TestModels.AddConstant(1)));
        for (int i = 0; i < 3; i++)
        {
            await host.AskAsync("/predict/m", Body);
        }

        host.Repository.AddVersion("m", 2, TestModels.AddConstant(2));
        await host.WaitUntilReadyAsync("m", 2);

        CachedReply reply = await host.AskAsync("/predict/m", Body);
        Assert.Equal(CachedReply.MissStored, reply.Cache);
        Assert.Equal("""{"model":"m","version":"2","outputs":{"y":[[3,4]]}}""", reply.Body);
    }
}
