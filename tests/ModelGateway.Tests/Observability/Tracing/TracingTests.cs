using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Tests.Observability.Tracing;

/// <summary>Traces as a collector gets them from the real host.</summary>
[Collection(TracingTestsAlone.Name)]
public sealed class TracingTests : IDisposable
{
    private const string Body = """{"inputs":{"x":[[1]]}}""";

    // A run that is known to be short goes on at once, on the request's own thread: then there is no wait.
    private static readonly string[] Stages = ["read", "cache", "run", "write"];

    // The test's own client must make no spans and add no context.
    private readonly HttpClient _client = new(new SocketsHttpHandler { ActivityHeadersPropagator = null });

    public void Dispose() => _client.Dispose();

    [Fact]
    public async Task Predict_WithTheCallersContext_IsASpanBelowTheCallersWithAllStages()
    {
        await using TraceCollector collector = await TraceCollector.StartAsync();
        await using GatewayHost host = await StartAsync(collector, ("SampleRatio", "0"));
        var caller = new Caller(IsSampled: true);

        using HttpResponseMessage response = await PredictAsync(host, caller);

        List<ReceivedSpan> spans = await collector.WaitForAsync(caller.TraceId, Stages.Length + 1);
        ReceivedSpan request = Assert.Single(spans, span => span.Kind == 2);
        Assert.Equal(caller.SpanId, request.ParentId);
        Assert.Equal("POST /predict/{model}", request.Name);
        Assert.Equal("/predict/{model}", request.Attributes["http.route"]);
        Assert.Equal("POST", request.Attributes["http.request.method"]);
        Assert.Equal("/predict/m", request.Attributes["url.path"]);
        Assert.Equal("200", request.Attributes["http.response.status_code"]);
        Assert.Equal("m", request.Attributes["modelgateway.model.name"]);
        Assert.Equal("1", request.Attributes["modelgateway.model.version"]);
        Assert.Equal("miss", request.Attributes["modelgateway.cache.use"]);
        Assert.Equal(response.Headers.GetValues("X-Request-Id").Single(), request.Attributes["modelgateway.request_id"]);
        Assert.Equal(0, request.Status);
        Assert.Equal("modelgateway", request.Resource["service.name"]);
        AssertNested(request, [.. spans.Where(span => span != request)], Stages);
    }

    [Fact]
    public async Task Predict_WhoseRunIsLong_HasTheStageInWhichItWaited()
    {
        await using TraceCollector collector = await TraceCollector.StartAsync();
        await using GatewayHost host = await StartAsync(collector, ("SampleRatio", "0"));
        var caller = new Caller(IsSampled: true);

        using HttpResponseMessage response = await PredictAsync(host, caller, "/predict/slow");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        List<ReceivedSpan> spans = await collector.WaitForAsync(caller.TraceId, 6);
        ReceivedSpan request = Assert.Single(spans, span => span.Kind == 2);
        AssertNested(request, [.. spans.Where(span => span != request)], "read", "cache", "wait", "run", "write");
    }

    [Fact]
    public async Task Predict_AnsweredBefore_IsASpanWithTheStagesThatItHad()
    {
        await using TraceCollector collector = await TraceCollector.StartAsync();
        await using GatewayHost host = await StartAsync(collector, ("SampleRatio", "0"));
        for (int i = 0; i < 3; i++)
        {
            (await PredictAsync(host, null)).Dispose();
        }

        var caller = new Caller(IsSampled: true);
        using HttpResponseMessage response = await PredictAsync(host, caller);

        Assert.Contains("hit", response.Headers.GetValues("Cache-Status").Single(), StringComparison.Ordinal);
        ReceivedSpan request = await collector.WaitForAsync(span => span.TraceId == caller.TraceId && span.Kind == 2);
        Assert.Equal("POST /predict/{model}", request.Name);
        Assert.Equal("hit", request.Attributes["modelgateway.cache.use"]);

        // A body that came with its headers is found before there is anything to read.
        AssertNested(request, [.. collector.SpansOf(caller.TraceId).Where(span => span != request && span.Name != "read")], "cache");
    }

    [Theory]
    [InlineData("/predict/m", """{"inputs":{"y":[[1]]}}""", 400, 0, "read")]
    [InlineData("/predict/nobody", Body, 404, 0)]
    [InlineData("/predict/broken", Body, 503, 2)]
    public async Task Predict_ThatIsRefused_IsASpanWithItsStatus(string path, string body, int status, int spanStatus, params string[] stages)
    {
        await using TraceCollector collector = await TraceCollector.StartAsync();
        await using GatewayHost host = await StartAsync(collector, ("SampleRatio", "0"));
        var caller = new Caller(IsSampled: true);

        using HttpResponseMessage response = await PredictAsync(host, caller, path, body);

        Assert.Equal(status, (int)response.StatusCode);
        List<ReceivedSpan> spans = await collector.WaitForAsync(caller.TraceId, stages.Length + 1);
        ReceivedSpan request = Assert.Single(spans, span => span.Kind == 2);
        Assert.Equal(status.ToString(CultureInfo.InvariantCulture), request.Attributes["http.response.status_code"]);
        Assert.Equal(spanStatus, request.Status);
        AssertNested(request, [.. spans.Where(span => span != request)], stages);
    }

    // With a ratio and the caller's wish: which requests are sent. A request that is surely sent ends the wait.
    [Theory]
    [InlineData("0", "true", null, false)]
    [InlineData("1", "true", null, true)]
    [InlineData("1", "true", false, false)]
    [InlineData("0", "true", true, true)]
    [InlineData("1", "false", false, true)]
    [InlineData("0", "false", true, false)]
    public async Task Predict_BySampling_IsSentOrNot(string ratio, string parentBased, bool? callersWish, bool isSent)
    {
        await using TraceCollector collector = await TraceCollector.StartAsync();
        await using (GatewayHost host = await StartAsync(collector, ("SampleRatio", ratio), ("ParentBased", parentBased)))
        {
            Caller? caller = callersWish is { } wish ? new Caller(wish) : null;
            using HttpResponseMessage response = await PredictAsync(host, caller);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        // The host has stopped: what waited was sent.
        Assert.Equal(isSent ? ["POST /predict/{model}"] : [], collector.Requests.Select(request => request.Name));
    }

    [Fact]
    public async Task Probes_AndScrapes_AreInNoTrace()
    {
        await using TraceCollector collector = await TraceCollector.StartAsync();
        await using (GatewayHost host = await StartAsync(collector, ("SampleRatio", "1")))
        {
            foreach (string path in new[] { "/health/live", "/health/ready", "/v2/health/ready", "/metrics", "/v2/models/m" })
            {
                (await _client.GetAsync(new Uri(host.Address, path))).Dispose();
            }
        }

        Assert.Equal(["/v2/models/m"], collector.Requests.Select(request => request.Attributes["url.path"]));
    }

    [Fact]
    public async Task Collector_OverGrpc_GetsTheConfiguredHeaders()
    {
        await using TraceCollector collector = await TraceCollector.StartGrpcAsync();
        string file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, "authorization=Bearer%20abc,x-tenant=one\n");
        await using GatewayHost host = await StartAsync(collector, ("Protocol", "Grpc"), ("HeadersFile", file), ("ServiceName", "mine"));
        var caller = new Caller(IsSampled: true);

        (await PredictAsync(host, caller)).Dispose();

        List<ReceivedSpan> spans = await collector.WaitForAsync(caller.TraceId, Stages.Length + 1);
        Assert.All(spans, span => Assert.Equal("mine", span.Resource["service.name"]));
        Assert.All(collector.Headers, headers => Assert.Equal(("Bearer abc", "one"), (headers.Authorization.ToString(), headers["x-tenant"].ToString())));
        File.Delete(file);
    }

    [Fact]
    public async Task Collector_Away_LeavesPredictionsAlone_AndIsCounted()
    {
        await using GatewayHost host = await StartAsync($"http://127.0.0.1:{NginxServer.FreePort()}", ("SampleRatio", "1"));

        using HttpResponseMessage response = await PredictAsync(host, null);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        await WaitForMetricAsync(host, "modelgateway_trace_spans_total{outcome=\"failed\"}");
    }

    [Fact]
    public async Task LogLine_OfATracedRequest_HasBothIds()
    {
        await using TraceCollector collector = await TraceCollector.StartAsync();
        using var repository = new RepositoryFolder();
        repository.AddVersion("m", 1, TestModels.AddConstant(1));
        await using GatewayProcess gateway = GatewayProcess.Start(new Dictionary<string, string?>
        {
            ["Gateway__Repository"] = repository.Root,
            ["Gateway__Auth__Enabled"] = "false",
            ["Gateway__Logging__Requests"] = "All",
            ["Gateway__Tracing__Endpoint"] = collector.Address,
            ["Gateway__Tracing__Protocol"] = "Http",
            ["Gateway__Tracing__SampleRatio"] = "0",
        });
        await gateway.WaitUntilReadyAsync();
        var caller = new Caller(IsSampled: true);

        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(gateway.Client.BaseAddress!, "/predict/m")) { Content = new StringContent(Body, Encoding.UTF8, "application/json") };
        request.Headers.Add("X-Request-Id", "order-17");
        request.Headers.Add("traceparent", caller.Header);
        (await _client.SendAsync(request)).Dispose();
        gateway.Terminate();
        Assert.Equal(0, await gateway.WaitForExitAsync(TimeSpan.FromSeconds(60)));

        ReceivedSpan span = Assert.Single(collector.SpansOf(caller.TraceId), received => received.Kind == 2);
        string line = Assert.Single(gateway.Output.Split('\n'), line => line.Contains("order-17", StringComparison.Ordinal));
        using JsonDocument json = JsonDocument.Parse(line);
        Assert.Equal((caller.TraceId, span.Id, "order-17"), (json.RootElement.GetProperty("@tr").GetString(), json.RootElement.GetProperty("@sp").GetString(), span.Attributes["modelgateway.request_id"]));
    }

    [Fact]
    public async Task Load_FromAWebServer_IsATraceThatTheServerSees_WithoutSecretsInIt()
    {
        await using TraceCollector collector = await TraceCollector.StartAsync();
        using var folder = new IndexedFolder();
        folder.Write("m/1/model.onnx", TestModels.AddConstant(1));
        await using ContextServer store = await ContextServer.StartAsync(folder.Root);
        await using (GatewayHost host = await StartAsync(
            collector.Address, ("SampleRatio", "1"), ("Gateway:Repository", store.Address), ("Gateway:Http:BearerToken", "observed-secret"), ("Gateway:PollInterval", "00:00:01")))
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(host.Address, "/predict/m?secret=observed-secret")) { Content = new StringContent(Body, Encoding.UTF8, "application/json") };
            request.Headers.Add("baggage", "user=observed-secret");
            using HttpResponseMessage response = await _client.SendAsync(request);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        ReceivedSpan load = await collector.WaitForAsync(span => span.Name == "model.load" && store.Requests.Any(seen => seen.TraceParent?.Contains(span.TraceId, StringComparison.Ordinal) == true) && collector.SpansOf(span.TraceId).Any(other => other.Kind == 3));
        List<ReceivedSpan> spans = collector.SpansOf(load.TraceId);
        Assert.Equal("", load.ParentId);
        ReceivedSpan fetch = Assert.Single(spans, span => span.Name == "model.fetch");
        Assert.All(new[] { "model.fetch", "model.verify", "model.create", "model.warm_up" }, name => Assert.Equal(load.Id, Assert.Single(spans, span => span.Name == name).ParentId));
        ReceivedSpan get = Assert.Single(spans, span => span.Kind == 3);
        Assert.Equal(fetch.Id, get.ParentId);
        Assert.Contains(store.Requests, seen => seen.Path == "/m/1/model.onnx" && seen.TraceParent == $"00-{load.TraceId}-{get.Id}-01");
        Assert.Contains(store.Requests, seen => seen.Path == "/index.json" && seen.TraceParent is not null);
        Assert.All(store.Requests, seen => Assert.Equal(("Bearer observed-secret", null), (seen.Authorization, seen.Baggage)));
        ReceivedSpan scan = await collector.WaitForAsync(span => span.Name == "repository.scan" && span.Attributes["modelgateway.repository"] == store.Address);
        Assert.Equal("", scan.ParentId);
        Assert.DoesNotContain("observed-secret", collector.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Host_WithoutACollector_HasNoTraces()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository => repository.AddVersion("m", 1, TestModels.AddConstant(1)));

        (await PredictAsync(host, new Caller(IsSampled: true))).Dispose();

        Assert.False(ModelGateway.Observability.Tracing.GatewayActivities.Source.HasListeners());
        Assert.DoesNotContain("modelgateway_trace", await _client.GetStringAsync(new Uri(host.Address, "/metrics")), StringComparison.Ordinal);
    }

    private static Task<GatewayHost> StartAsync(TraceCollector collector, params (string Key, string Value)[] settings) => StartAsync(collector.Address, settings);

    private static Task<GatewayHost> StartAsync(string collector, params (string Key, string Value)[] settings) => GatewayHost.StartAsync(
        repository =>
        {
            repository.AddVersion("m", 1, TestModels.AddConstant(1));
            repository.AddVersion("slow", 1, TestModels.Slow(20_000));
            repository.AddVersion("broken", 1, TestModels.Broken());
        },
        [
            ("Gateway:Tracing:Endpoint", collector),
            ("Gateway:Tracing:Protocol", "Http"),
            .. settings.Select(setting => (setting.Key.Contains(':', StringComparison.Ordinal) ? setting.Key : $"Gateway:Tracing:{setting.Key}", setting.Value)),
        ]);

    private async Task<HttpResponseMessage> PredictAsync(GatewayHost host, Caller? caller, string path = "/predict/m", string body = Body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(host.Address, path)) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        if (caller is not null)
        {
            request.Headers.Add("traceparent", caller.Header);
        }

        return await _client.SendAsync(request);
    }

    private async Task WaitForMetricAsync(GatewayHost host, string series)
    {
        for (var waited = Stopwatch.StartNew(); ; await Task.Delay(20))
        {
            string page = await _client.GetStringAsync(new Uri(host.Address, "/metrics"));
            if (page.Split('\n').Any(line => line.StartsWith(series, StringComparison.Ordinal) && line[(series.Length + 1)..] != "0"))
            {
                return;
            }

            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(60), page);
        }
    }

    // Each below the request, within its time, and one after the other.
    private static void AssertNested(ReceivedSpan request, List<ReceivedSpan> stages, params string[] names)
    {
        stages.RemoveAll(stage => stage.Name == "wait" && !names.Contains("wait"));
        Assert.Equal(names.Order(), stages.Select(stage => stage.Name).Order());
        Assert.All(stages, stage =>
        {
            Assert.Equal((request.Id, 1), (stage.ParentId, stage.Kind));
            Assert.InRange(stage.Start, request.Start, request.End);
            Assert.InRange(stage.End, stage.Start, request.End);
        });
        List<ReceivedSpan> ordered = [.. names.Select(name => stages.Single(stage => stage.Name == name))];
        Assert.All(ordered.Zip(ordered.Skip(1)), pair => Assert.True(pair.First.End <= pair.Second.Start, $"{pair.First.Name} ends after {pair.Second.Name} begins."));
    }

    private sealed record Caller(bool IsSampled)
    {
        public string TraceId { get; } = ActivityTraceId.CreateRandom().ToHexString();

        public string SpanId { get; } = ActivitySpanId.CreateRandom().ToHexString();

        public string Header => $"00-{TraceId}-{SpanId}-{(IsSampled ? "01" : "00")}";
    }
}
