using System.IO.Compression;
using System.Text;
using Xunit;

namespace ModelGateway.Tests.Http;

/// <summary>Bodies whose sending is wrong: sizes that lie, compression that explodes, senders that dawdle, stop or leave.</summary>
public sealed class HostileTransferTests(HostileGateway hostile) : IClassFixture<HostileGateway>
{
    private const string Head = "POST /predict/m HTTP/1.1\r\nHost: localhost\r\n";

    [Fact]
    public async Task Predict_AnnouncedOverTheLimit_Is413BeforeItIsSent()
    {
        using RawConnection connection = await hostile.Gateway.ConnectAsync();
        Assert.Equal(413, (await HeadOnlyAsync(connection, $"Content-Length: {HostileGateway.MaxBodyBytes + 1}\r\n")).Status);
        await hostile.CheckGoodAsync();
    }

    [Fact]
    public async Task Predict_AnnouncedInExabytes_Is413()
    {
        using RawConnection connection = await hostile.Gateway.ConnectAsync();
        Assert.Equal(413, (await HeadOnlyAsync(connection, "Content-Length: 9223372036854775807\r\n")).Status);
        await hostile.CheckGoodAsync();
    }

    [Fact]
    public async Task Predict_BodyAtTheLimit_IsRead()
    {
        byte[] body = Encoding.UTF8.GetBytes("""{"inputs":{"x":[[1,2]]}}""".PadRight(HostileGateway.MaxBodyBytes));
        using RawConnection connection = await hostile.Gateway.ConnectAsync();
        await connection.SendAsync(RawConnection.Request("/predict/m", body));
        Assert.Equal(200, (await connection.ReadAsync())!.Status);
    }

    [Fact]
    public async Task Predict_AnnouncedAndSentOverTheLimit_Is413() =>
        Assert.Equal(413, (await hostile.RefuseAsync("/predict/m", new byte[HostileGateway.MaxBodyBytes + 1])).Status);

    [Fact]
    public async Task Predict_ManyTimesTheLimitSentBeforeTheAnswerIsRead_IsStillTold413() =>
        Assert.Equal(413, (await hostile.RefuseAsync("/predict/m", new byte[32 * HostileGateway.MaxBodyBytes])).Status);

    [Fact]
    public async Task Predict_ChunksOverTheLimit_Is413()
    {
        using RawConnection connection = await hostile.Gateway.ConnectAsync();
        await connection.SendAsync(Head + "Transfer-Encoding: chunked\r\n\r\n");
        string chunk = $"8000\r\n{new string(' ', 0x8000)}\r\n";
        for (int i = 0; i < 12 && !connection.HasAnswer; i++)
        {
            await connection.SendAsync(chunk);
        }

        RawResponse? refusal = await connection.ReadAsync();
        HostileGateway.CheckProblem(refusal!);
        Assert.Equal(413, refusal!.Status);
        await hostile.CheckGoodAsync();
    }

    [Theory]
    [InlineData("xyz\r\n")]
    [InlineData("3\r\nabcdef\r\n0\r\n\r\n")]
    [InlineData("FFFFFFFFFFFFFFFFFF\r\nabc\r\n")]
    [InlineData("-1\r\nabc\r\n")]
    public async Task Predict_BrokenChunks_Are400(string chunks)
    {
        using RawConnection connection = await hostile.Gateway.ConnectAsync();
        RawResponse refusal = await HostileGateway.RefuseAsync(connection, Encoding.ASCII.GetBytes(Head + "Transfer-Encoding: chunked\r\n\r\n" + chunks));
        Assert.Equal(400, refusal.Status);
        await hostile.CheckGoodAsync();
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    public async Task Predict_ZipBomb_Is413(string coding)
    {
        byte[] bomb = Compress(coding, new byte[64 << 20]);
        Assert.True(bomb.Length < HostileGateway.MaxBodyBytes);
        Assert.Equal(413, (await hostile.RefuseAsync("/predict/m", bomb, $"Content-Encoding: {coding}\r\n")).Status);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    public async Task Predict_CompressedBodyCutOrDamaged_Is400(string coding)
    {
        byte[] whole = Compress(coding, Encoding.UTF8.GetBytes("""{"inputs":{"x":[[1,2]]}}"""));
        for (int length = 1; length < whole.Length; length++)
        {
            using RawConnection connection = await hostile.Gateway.ConnectAsync();
            await connection.SendAsync(RawConnection.Request("/predict/m", whole[..length], $"Content-Encoding: {coding}\r\n"));
            Assert.Equal(400, (await connection.ReadAsync())!.Status);
        }

        byte[] noise = new byte[500];
        new Random(7).NextBytes(noise);
        Assert.Equal(400, (await hostile.RefuseAsync("/predict/m", noise, $"Content-Encoding: {coding}\r\n")).Status);
    }

    [Theory]
    [InlineData("br")]
    [InlineData("gzip, gzip")]
    [InlineData("zstd")]
    [InlineData("../../etc/passwd")]
    public async Task Predict_UnknownCoding_Is415(string coding) =>
        Assert.Equal(415, (await hostile.RefuseAsync("/predict/m", [1, 2, 3], $"Content-Encoding: {coding}\r\n")).Status);

    [Fact]
    public async Task Predict_MoreSentThanAnnounced_IsTwoRequests()
    {
        using RawConnection connection = await hostile.Gateway.ConnectAsync();
        await connection.SendAsync(Head + "Content-Length: 10\r\n\r\n" + """{"inputs":{"x":[[1,2]]}}""" + "\r\n\r\n");
        HostileGateway.CheckProblem((await connection.ReadAsync())!);
        RawResponse? rest = await connection.ReadAsync();
        Assert.True(rest is null or { Status: 400, Closes: true });
        await hostile.CheckGoodAsync();
    }

    [Theory]
    [InlineData("Content-Length: 100\r\n\r\n{\"inputs\":")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\n{\"inp")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n")]
    public async Task Predict_SenderThatStops_Is408AndTheConnectionEnds(string rest)
    {
        using RawConnection connection = await hostile.Gateway.ConnectAsync();
        await connection.SendAsync(Head + rest);
        RawResponse? refusal = await connection.ReadAsync();
        HostileGateway.CheckProblem(refusal!);
        Assert.Equal(408, refusal!.Status);
        Assert.True(refusal.Closes);
        Assert.Null(await connection.ReadAsync());
        await hostile.CheckGoodAsync();
    }

    [Fact]
    public async Task Predict_SenderThatDrips_Is408()
    {
        using RawConnection connection = await hostile.Gateway.ConnectAsync();
        await connection.SendAsync(Head + "Content-Length: 1000\r\n\r\n");
        await DripAsync(connection);
        RawResponse? refusal = await connection.ReadAsync();
        HostileGateway.CheckProblem(refusal!);
        Assert.Equal(408, refusal!.Status);
        await hostile.CheckGoodAsync();
    }

    [Fact]
    public async Task Predict_SlowerThanTheSlowestAllowed_Is408()
    {
        await using HttpGateway gateway = await HttpGateway.StartAsync(
            repository => repository.AddVersion("m", 1, TestKit.Onnx.TestModels.AddConstant(1)),
            ("Limits__MinBodyBytesPerSecond", "1000"),
            ("Limits__BodyTimeout", "00:10:00"));
        using RawConnection connection = await gateway.ConnectAsync();
        await connection.SendAsync(Head + "Content-Length: 100000\r\n\r\n");
        await DripAsync(connection);
        RawResponse? refusal = await connection.ReadAsync();
        HostileGateway.CheckProblem(refusal!);
        Assert.Equal(408, refusal!.Status);
        Assert.Equal(1, await gateway.MetricAsync("""requests_total{model="m",version="1",outcome="body_timeout"}"""));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Predict_CallerLeavesWhileSending_IsCountedAsCancelled(bool resets)
    {
        const string Series = """requests_total{model="m",version="1",outcome="cancelled"}""";
        double before = await hostile.Gateway.MetricAsync(Series) ?? 0;
        RawConnection connection = await hostile.Gateway.ConnectAsync();
        await connection.SendAsync(Head + "Expect: 100-continue\r\nContent-Length: 100\r\n\r\n");

        // The server asks for the body when it begins to read it.
        Assert.Equal(100, (await connection.ReadAsync())!.Status);
        await connection.SendAsync("{\"inputs\"");
        Leave(connection, resets);
        await hostile.Gateway.WaitForMetricAsync(Series, before + 1);
        await hostile.CheckGoodAsync();
        await hostile.Gateway.WaitForMetricAsync("""requests_in_flight{model="m",version="1"}""", 0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Predict_CallerLeavesDuringALongRun_StopsTheRun(bool resets)
    {
        const string Series = """requests_total{model="slow",version="1",outcome="cancelled"}""";
        const string Busy = """instances_busy{model="slow",version="1"}""";
        double before = await hostile.Gateway.MetricAsync(Series) ?? 0;
        RawConnection connection = await hostile.Gateway.ConnectAsync();

        // Would run for hours.
        await connection.SendAsync(RawConnection.Request("/predict/slow", """{"inputs":{"x":[[1]],"iterations":10000000000}}"""u8.ToArray()));
        await hostile.Gateway.WaitForMetricAsync(Busy, 1);
        Leave(connection, resets);

        await hostile.Gateway.WaitForMetricAsync(Busy, 0);
        await hostile.Gateway.WaitForMetricAsync(Series, before + 1);
        using HttpResponseMessage next = await hostile.Gateway.PostAsync("/predict/slow", """{"inputs":{"x":[[1]],"iterations":3}}""");
        Assert.Equal("""{"model":"slow","version":"1","outputs":{"y":[[4]]}}""", await next.Content.ReadAsStringAsync());
        await hostile.CheckGoodAsync();
    }

    private static void Leave(RawConnection connection, bool resets)
    {
        if (resets)
        {
            connection.Reset();
        }
        else
        {
            connection.Dispose();
        }
    }

    // The pace is the attack: a byte at a time, for as long as the server bears it.
    private static async Task DripAsync(RawConnection connection)
    {
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        using var patience = new CancellationTokenSource(HttpGateway.Patience);
        while (!connection.HasAnswer && await pace.WaitForNextTickAsync(patience.Token))
        {
            await connection.SendAsync(" ");
        }
    }

    private static async Task<RawResponse> HeadOnlyAsync(RawConnection connection, string headers)
    {
        await connection.SendAsync($"{Head}{headers}\r\n");
        RawResponse? refusal = await connection.ReadAsync();
        HostileGateway.CheckProblem(refusal!);
        return refusal!;
    }

    private static byte[] Compress(string coding, byte[] bytes)
    {
        using var compressed = new MemoryStream();
        using (Stream stream = coding == "gzip" ? new GZipStream(compressed, CompressionLevel.SmallestSize) : new ZLibStream(compressed, CompressionLevel.SmallestSize))
        {
            stream.Write(bytes);
        }

        return compressed.ToArray();
    }
}
