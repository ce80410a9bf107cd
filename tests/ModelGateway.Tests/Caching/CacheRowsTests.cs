using System.Text.Json;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Tests.Caching;

/// <summary>Batches of models whose rows are independent: only the rows that nobody knows are run.</summary>
public sealed class CacheRowsTests : IAsyncLifetime
{
    private const string Path = "/predict/m";
    private GatewayHost? _host;

    private GatewayHost Host => _host!;

    public async Task InitializeAsync() => _host = await GatewayHost.StartAsync(repository =>
    {
        repository.AddVersion("m", 1, TestModels.AddConstant(1));
        repository.AddConfig("m", "rows_independent: true");
    });

    public async Task DisposeAsync() => await Host.DisposeAsync();

    [Fact]
    public async Task Batch_ThirtyOfThirtyTwoRowsKnown_RunsTwoAndAnswersInOrder()
    {
        await AskAsync(Enumerable.Range(0, 30));
        Assert.Equal((1, 30), await RunsAsync());
        int[] mixed = [.. Enumerable.Range(0, 32).Select(row => (row * 7) % 32)];

        CachedReply reply = await AskAsync(mixed);

        Assert.Equal("ModelGateway; fwd=partial; stored; detail=rows", reply.Cache);
        Assert.Equal(mixed.Select(row => row + 1.0), Answered(reply));
        Assert.Equal((2, 32), await RunsAsync());

        CachedReply again = await AskAsync(mixed.Reverse());
        Assert.Equal("rows", again.HitFrom);
        Assert.Equal(mixed.Reverse().Select(row => row + 1.0), Answered(again));
        Assert.Equal((2, 32), await RunsAsync());
    }

    [Fact]
    public async Task Batch_EqualRows_RunsEachOnce()
    {
        CachedReply reply = await AskAsync([5, 6, 5, 5, 6, 7]);
        Assert.Equal(CachedReply.MissStored, reply.Cache);
        Assert.Equal([6.0, 7, 6, 6, 7, 8], Answered(reply));
        Assert.Equal((1, 3), await RunsAsync());
    }

    [Fact]
    public async Task SingleRow_KnownFromABatch_IsNotRun()
    {
        await AskAsync([1, 2, 3]);
        CachedReply reply = await AskAsync([2]);
        Assert.Equal("memory", reply.HitFrom);
        Assert.Equal([3.0], Answered(reply));

        await AskAsync([4]);
        Assert.Equal("rows", (await AskAsync([4, 1])).HitFrom);
    }

    [Fact]
    public async Task Batch_SameBodyThrice_IsAnsweredAsItWasSent()
    {
        Assert.Equal(CachedReply.MissStored, (await AskAsync([1, 2])).Cache);
        Assert.Equal("rows", (await AskAsync([1, 2])).HitFrom);
        Assert.Equal("answer", (await AskAsync([1, 2])).HitFrom);
    }

    [Fact]
    public async Task Batch_OnlyIfCached_IsAnsweredOnlyWhereAllRowsAreKnown()
    {
        await AskAsync([1, 2]);
        Assert.Equal("rows", (await AskAsync([2, 1], "only-if-cached")).HitFrom);
        Assert.Equal(System.Net.HttpStatusCode.GatewayTimeout, (await AskAsync([1, 2, 3], "only-if-cached")).Status);
        Assert.Equal((1, 2), await RunsAsync());
    }

    [Fact]
    public async Task Batch_NoCache_RunsAllRows()
    {
        await AskAsync([1, 2]);
        CachedReply reply = await AskAsync([1, 2], "no-cache");
        Assert.Equal("ModelGateway; fwd=request; stored", reply.Cache);
        Assert.Equal((2, 4), await RunsAsync());
    }

    [Fact]
    public async Task Batch_RowsOfAnotherWidth_AreOthers()
    {
        await Host.AskAsync(Path, """{"inputs":{"x":[[1,2],[3,4]]}}""");
        Assert.Equal(CachedReply.MissStored, (await Host.AskAsync(Path, """{"inputs":{"x":[[1],[2],[3],[4]]}}""")).Cache);
    }

    private Task<CachedReply> AskAsync(IEnumerable<int> rows, string? cacheControl = null) =>
        Host.AskAsync(Path, $$"""{"inputs":{"x":[{{string.Join(',', rows.Select(row => $"[{row}]"))}}]} }""", cacheControl);

    private static IEnumerable<double> Answered(CachedReply reply) =>
        reply.Json.GetProperty("outputs").GetProperty("y").EnumerateArray().Select(row => row[0].GetDouble());

    private async Task<(long Runs, long Rows)> RunsAsync()
    {
        JsonElement statistics = await Host.StatisticsAsync("m");
        return (statistics.GetProperty("execution_count").GetInt64(), statistics.GetProperty("inference_count").GetInt64());
    }
}
