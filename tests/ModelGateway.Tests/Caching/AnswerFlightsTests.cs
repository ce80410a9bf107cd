using System.Diagnostics;
using System.Net;
using System.Runtime.ExceptionServices;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using ModelGateway.Caching;
using ModelGateway.Protocols.Native;
using ModelGateway.Serving.Models;
using ModelGateway.TestKit.Onnx;
using ModelGateway.Tests.Auth;
using ModelGateway.Tests.Http;
using Xunit;

namespace ModelGateway.Tests.Caching;

/// <summary>
/// Requests that are sent while the very same is being answered: they wait for its answer in front of routing. Nothing is kept in memory here, so that
/// every request would be run.
/// </summary>
public sealed class AnswerFlightsTests
{
    private const string Path = "/predict/m";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private const string Short = """{"inputs":{"x":[[2]],"iterations":1}}""";

    // The run that the others wait for.
    private const string Long = """{"inputs":{"x":[[1]],"iterations":1500000}}""";

    [Fact]
    public async Task Join_EqualBodies_ShareOneRunAndItsAnswer()
    {
        await using GatewayHost host = await StartAsync();
        await SeeAsync(host, Long);
        Task<CachedReply> first = await TakeOffAsync(host, Long);

        CachedReply[] replies = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => host.AskAsync(Path, Long)));
        CachedReply leader = await first;

        Assert.All(replies, reply => Assert.Equal(
            (HttpStatusCode.OK, leader.Body, leader.ContentType, "ModelGateway; fwd=miss; collapsed"), (reply.Status, reply.Body, reply.ContentType, reply.Cache)));
        Assert.All(replies, reply => Assert.Matches(@"^read;dur=0\.000, cache;dur=\d+\.\d{3}, wait;dur=\d+\.\d{3}, run;dur=0\.000, write;dur=0\.000$", reply.ServerTiming));
        Assert.Equal(2, await host.ExecutionsAsync("m"));
        string page = await host.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative));
        Assert.Equal(16, HttpGateway.Value(page, """cache_lookups_total{model="m",version="1",level="flight",outcome="hit"}"""));

        // Who joins is not even parsed, so that no key is made of his tensors.
        Assert.Equal(2, HttpGateway.Value(page, """cache_lookups_total{model="m",version="1",level="memory",outcome="miss"}"""));
        Assert.Equal(18, HttpGateway.Value(page, """requests_total{model="m",version="1",outcome="success"}"""));
        Assert.Equal(0, HttpGateway.Value(page, """requests_in_flight{model="m",version="1"}"""));
        Assert.Equal(0, host.Services.GetRequiredService<AnswerFlights>().Count);
    }

    [Fact]
    public async Task Join_FirstCallerLeaves_OthersGetTheAnswerOfTheSameRun()
    {
        await using GatewayHost host = await StartAsync();
        await SeeAsync(host, Long);
        using var leaves = new CancellationTokenSource();
        using var body = new StringContent(Long, Encoding.UTF8, "application/json");
        Task<HttpResponseMessage> first = host.Client.PostAsync(new Uri(Path, UriKind.Relative), body, leaves.Token);
        await UntilUnderWayAsync(host);
        Task<CachedReply> second = host.AskAsync(Path, Long);
        await UntilInFlightAsync(host, 2);

        await leaves.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);

        Assert.Equal((HttpStatusCode.OK, "ModelGateway; fwd=miss; collapsed"), ((await second).Status, (await second).Cache));
        Assert.Equal(2, await host.ExecutionsAsync("m"));
    }

    [Fact]
    public async Task Join_AllLeave_RunIsStopped()
    {
        await using GatewayHost host = await StartAsync();
        string endless = Long.Replace("1500000", "100000000000", StringComparison.Ordinal);
        using var leaves = new CancellationTokenSource();
        var callers = new List<Task<HttpResponseMessage>>();
        await SeeAsync(host, endless, stop: true);

        for (int i = 1; i <= 3; i++)
        {
            callers.Add(host.Client.PostAsync(new Uri(Path, UriKind.Relative), new StringContent(endless, Encoding.UTF8, "application/json"), leaves.Token));
            await UntilUnderWayAsync(host);
            await UntilInFlightAsync(host, i);
        }

        await leaves.CancelAsync();

        await Task.WhenAll(callers.Select(caller => Assert.ThrowsAnyAsync<OperationCanceledException>(() => caller)));
        await UntilInFlightAsync(host, 0);
        Assert.Equal(0, host.Services.GetRequiredService<AnswerFlights>().Count);
        Assert.Equal(HttpStatusCode.OK, (await host.AskAsync(Path, """{"inputs":{"x":[[1]]}}""")).Status);
    }

    [Fact]
    public async Task Join_RunFails_AllGetItsError()
    {
        await using GatewayHost host = await StartAsync(TestModels.FailsLate());
        const string Bad = """{"inputs":{"x":[[1]],"index":[7],"iterations":1500000}}""";
        await SeeAsync(host, Bad);
        Task<CachedReply> first = await TakeOffAsync(host, Bad);

        CachedReply[] replies = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => host.AskAsync(Path, Bad)));

        CachedReply leader = await first;
        Assert.Equal(HttpStatusCode.BadRequest, leader.Status);
        Assert.All(replies, reply => Assert.Equal(
            (leader.Status, leader.ContentType, leader.Json.GetProperty("error").GetString()), (reply.Status, reply.ContentType, reply.Json.GetProperty("error").GetString())));
        string page = await host.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative));

        // One look for each run: those who joined had none of their own.
        Assert.Equal(2, HttpGateway.Value(page, """cache_lookups_total{model="m",version="1",level="memory",outcome="miss"}"""));
    }

    [Fact]
    public async Task Join_FlightEndsWithNothing_GoesOnAlone()
    {
        await using GatewayHost host = await StartAsync();

        CachedReply reply = await JoinAsync(host, AnswerLanding.Nothing);

        Assert.Equal((HttpStatusCode.OK, "ModelGateway; fwd=miss"), (reply.Status, reply.Cache));
        Assert.Equal(3, reply.Json.GetProperty("outputs").GetProperty("y")[0][0].GetDouble());
    }

    [Fact]
    public async Task Join_FlightIsOutOfTime_IsCountedAsTheModels()
    {
        await using GatewayHost host = await StartAsync();

        CachedReply reply = await JoinAsync(host, AnswerLanding.OutOfTime);

        Assert.Equal(HttpStatusCode.GatewayTimeout, reply.Status);
        string page = await host.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative));
        Assert.Equal(1, HttpGateway.Value(page, """requests_total{model="m",version="1",outcome="deadline_exceeded"}"""));
    }

    [Fact]
    public async Task Join_FirstRequestBreaks_IsAnsweredLikeIt()
    {
        await using GatewayHost host = await StartAsync();

        CachedReply reply = await JoinAsync(host, AnswerLanding.Of(ExceptionDispatchInfo.Capture(new InvalidOperationException("broken"))));

        Assert.Equal(HttpStatusCode.InternalServerError, reply.Status);
        Assert.DoesNotContain("broken", reply.Body, StringComparison.Ordinal);
        string page = await host.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative));
        Assert.Equal(1, HttpGateway.Value(page, """requests_total{model="m",version="1",outcome="error"}"""));
    }

    [Fact]
    public async Task Flight_TimeOfTheFirstIsOver_EndsForThoseWhoJoined()
    {
        var flights = new AnswerFlights();
        using AnswerFlight flight = flights.Begin(1, default, [1], TimeSpan.FromMilliseconds(200))!;

        AnswerLanding landing = await flight.TryJoin(now: 0)!.Task.WaitAsync(Patience);

        Assert.Equal(PredictErrorKind.DeadlineExceeded, landing.Error!.Kind);
        Assert.Equal(0, flights.Count);
    }

    [Fact]
    public void Flight_JoinedLate_IsNot()
    {
        using AnswerFlight flight = new AnswerFlights().Begin(1, default, [1], TimeSpan.FromSeconds(80))!;
        long now = Stopwatch.GetTimestamp();

        Assert.NotNull(flight.TryJoin(now + (9 * Stopwatch.Frequency)));
        Assert.Null(flight.TryJoin(now + (11 * Stopwatch.Frequency)));
    }

    [Fact]
    public void Flight_ClosedAfterOneJoined_SaysSo()
    {
        var flights = new AnswerFlights();
        using AnswerFlight alone = flights.Begin(1, default, [1], Patience)!;
        using AnswerFlight joined = flights.Begin(2, default, [1], Patience)!;
        joined.TryJoin(now: 0);

        Assert.False(alone.Close());
        Assert.True(joined.Close());
        Assert.Null(joined.TryJoin(now: 0));
        Assert.Null(flights.Begin(2, default, [1], Patience));
    }

    [Fact]
    public async Task Join_OtherRequests_DoNot()
    {
        byte[] secret = RandomNumberGenerator.GetBytes(32);
        var signer = new TestToken();
        await using GatewayHost host = await StartAsync(
            settings: [("Gateway:Auth:Enabled", "true"), ("Gateway:Auth:Issuer", TestToken.DefaultIssuer), ("Gateway:Auth:Keys:0:Secret", Convert.ToBase64String(secret))]);
        string token = signer.Sign(secret);
        await SeeAsync(host, Long, token);
        Task<CachedReply> first = await TakeOffAsync(host, Long, token);
        using var hurried = new HttpRequestMessage(HttpMethod.Post, Path) { Content = new StringContent(Long, Encoding.UTF8, "application/json") };
        hurried.Headers.Authorization = new("Bearer", token);
        hurried.Headers.Add("X-Request-Timeout", "1ms");

        Assert.Equal(HttpStatusCode.Unauthorized, (await host.AskAsync(Path, Long)).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await host.AskAsync(Path, Long, token: signer.With("models", "other").Sign(secret))).Status);
        Assert.Equal(HttpStatusCode.GatewayTimeout, (await host.Client.SendAsync(hurried)).StatusCode);
        Assert.Equal(HttpStatusCode.GatewayTimeout, (await host.AskAsync(Path, Long, cacheControl: "only-if-cached", token: token)).Status);
        CachedReply other = await host.AskAsync(Path, """{"inputs":{"x":[[1]],"iterations":1}}""", token: token);

        Assert.Equal("ModelGateway; fwd=miss", other.Cache);
        Assert.False(first.IsCompleted);
        Assert.Equal(HttpStatusCode.OK, (await first).Status);
    }

    private static Task<GatewayHost> StartAsync(byte[]? model = null, params (string Key, string Value)[] settings) =>
        GatewayHost.StartAsync(repository => repository.AddVersion("m", 1, model ?? TestModels.Slow(1)), [("Gateway:Cache:MaxBytes", "0"), .. settings]);

    // What one gets who joins a flight that ends so. The part of the one who began it is this test's own; the path is known once somebody was answered there.
    private static async Task<CachedReply> JoinAsync(GatewayHost host, AnswerLanding landing)
    {
        await host.AskAsync(Path, Long.Replace("1500000", "1", StringComparison.Ordinal));
        var request = new AnswerRequest(new ModelSpec("m"), host.ServableOf("m").Cache!.Scope, NativeProtocol.Instance, null, null);
        byte[] bytes = Encoding.UTF8.GetBytes(Short);
        UInt128 hash = host.Services.GetRequiredService<AnswerCache>().Hash(request, bytes);
        using AnswerFlight flight = host.Services.GetRequiredService<AnswerFlights>().Begin(hash, request, bytes, Patience)!;
        Task<CachedReply> joined = host.AskAsync(Path, Short);
        await UntilInFlightAsync(host, 1);
        flight.Land(landing);
        return await joined;
    }

    // Only what was sent before is worth a flight.
    private static async Task SeeAsync(GatewayHost host, string body, string? token = null, bool stop = false)
    {
        if (!stop)
        {
            await host.AskAsync(Path, body, token: token);
            return;
        }

        using var leaves = new CancellationTokenSource();
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        Task<HttpResponseMessage> caller = host.Client.PostAsync(new Uri(Path, UriKind.Relative), content, leaves.Token);
        await UntilInFlightAsync(host, 1);
        await leaves.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => caller);
        await UntilInFlightAsync(host, 0);
    }

    private static async Task<Task<CachedReply>> TakeOffAsync(GatewayHost host, string body, string? token = null)
    {
        Task<CachedReply> first = host.AskAsync(Path, body, token: token);
        await UntilUnderWayAsync(host);
        return first;
    }

    private static Task UntilUnderWayAsync(GatewayHost host) => UntilAsync(() => Task.FromResult(host.Services.GetRequiredService<AnswerFlights>().Count == 1));

    private static Task UntilInFlightAsync(GatewayHost host, int count) => UntilAsync(async () =>
        HttpGateway.Value(await host.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative)), """requests_in_flight{model="m",version="1"}""") == count);

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!await condition())
        {
            await Task.Delay(10, patience.Token);
        }
    }
}
