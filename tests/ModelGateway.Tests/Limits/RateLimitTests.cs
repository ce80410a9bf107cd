using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Xunit;

namespace ModelGateway.Tests.Limits;

/// <summary>Limits over HTTP, for callers and for models. The buckets fill so slowly that what is left is exact.</summary>
public sealed class RateLimitTests
{
    [Fact]
    public async Task Subject_MoreThanItsBurst_IsRefusedAndOthersAreNot()
    {
        await using LimitedHost host = await LimitedHost.StartAsync(Subjects(3));
        for (int left = 2; left >= 0; left--)
        {
            using HttpResponseMessage answered = await host.PredictAsync("alice", value: left);
            Assert.Equal(HttpStatusCode.OK, answered.StatusCode);
            Assert.Equal("\"subject\";q=3;w=3000", Header(answered, "RateLimit-Policy"));
            Assert.StartsWith($"\"subject\";r={left};t=", Header(answered, "RateLimit"));
        }

        using HttpResponseMessage refused = await host.PredictAsync("alice", value: 9);
        JsonElement problem = JsonDocument.Parse(await refused.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.Equal("application/problem+json", refused.Content.Headers.ContentType!.MediaType);
        Assert.Equal("urn:modelgateway:problem:rate-limited", problem.GetProperty("type").GetString());
        Assert.Contains("3 at once", problem.GetProperty("error").GetString());
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 1000);
        Assert.Equal($"\"subject\";r=0;t={refused.Headers.RetryAfter.Delta.Value.TotalSeconds}", Header(refused, "RateLimit"));

        Assert.Equal(200, await host.StatusAsync("bob"));
        Assert.Equal(1, await host.MetricAsync("rate_limited_requests_total{limit=\"subject\"}"));
        Assert.Equal(1, await host.MetricAsync("requests_total{model=\"\",version=\"\",outcome=\"rate_limited\"}"));
    }

    [Fact]
    public async Task Subject_SameBodyAnsweredFromMemoryBeforeRouting_IsCharged()
    {
        await using LimitedHost host = await LimitedHost.StartAsync(Subjects(8));
        for (int i = 0; i < 8; i++)
        {
            using HttpResponseMessage answered = await host.PredictAsync("alice");
            Assert.Equal(HttpStatusCode.OK, answered.StatusCode);
            Assert.StartsWith($"\"subject\";r={7 - i};", Header(answered, "RateLimit"));
            Assert.True(i < 4 || Header(answered, "Cache-Status").Contains("detail=answer", StringComparison.Ordinal), Header(answered, "Cache-Status"));
        }

        using HttpResponseMessage refused = await host.PredictAsync("alice");
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.Equal(Header(refused, "X-Request-Id"), JsonDocument.Parse(await refused.Content.ReadAsStringAsync()).RootElement.GetProperty("requestId").GetString());
        Assert.Equal(200, await host.StatusAsync("bob"));
    }

    [Fact]
    public async Task Subject_ManyAtOnce_ExactlyTheBurstIsAnswered()
    {
        await using LimitedHost host = await LimitedHost.StartAsync(Subjects(20));

        int[] statuses = await Task.WhenAll(Enumerable.Range(0, 60).Select(_ => host.StatusAsync("alice")));

        Assert.Equal(20, statuses.Count(status => status == 200));
        Assert.Equal(40, statuses.Count(status => status == 429));
    }

    [Fact]
    public async Task Subject_AllScopesAreChargedAndOpenPagesAreNot()
    {
        await using LimitedHost host = await LimitedHost.StartAsync(Subjects(2));

        Assert.Equal(HttpStatusCode.OK, await StatusOfAsync(host, "/v2/models", "alice"));
        Assert.Equal(HttpStatusCode.OK, await StatusOfAsync(host, "/v2/logging", "alice"));
        Assert.Equal(HttpStatusCode.TooManyRequests, await StatusOfAsync(host, "/v2/models", "alice"));
        Assert.Equal(429, await host.StatusAsync("alice"));
        for (int i = 0; i < 4; i++)
        {
            Assert.Equal(HttpStatusCode.OK, await StatusOfAsync(host, "/health/ready", "alice"));
        }
    }

    [Fact]
    public async Task Subject_FirstRuleThatFitsCounts()
    {
        await using LimitedHost host = await LimitedHost.StartAsync(
            ("Gateway:RateLimits:Subjects:0:Name", "service-*"),
            ("Gateway:RateLimits:Subjects:1:Name", "*"),
            ("Gateway:RateLimits:Subjects:1:Rate", LimitedHost.Slow));

        using HttpResponseMessage unlimited = await host.PredictAsync("service-1");
        Assert.False(unlimited.Headers.Contains("RateLimit"));
        Assert.Equal(200, await host.StatusAsync("service-1"));
        Assert.Equal(200, await host.StatusAsync("alice"));
        Assert.Equal(429, await host.StatusAsync("alice"));
    }

    [Fact]
    public async Task Model_AllCallersShareItInEveryDialect()
    {
        await using LimitedHost host = await LimitedHost.StartAsync(Models("first", 3));

        Assert.Equal(200, await host.StatusAsync("alice"));
        Assert.Equal(200, await host.StatusAsync("bob", "/predict/first/versions/1"));
        using HttpResponseMessage byBody = await host.SendAsync(
            HttpMethod.Post, "/predict", "carol", JsonContent.Create(new { model = "first", inputs = new { x = new[] { new[] { 1 } } } }));
        Assert.Equal(HttpStatusCode.OK, byBody.StatusCode);
        Assert.Equal(429, await host.StatusAsync("dave"));
        using HttpResponseMessage infer = await host.SendAsync(
            HttpMethod.Post, "/v2/models/first/infer", "erin", JsonContent.Create(new { inputs = new[] { new { name = "x", shape = new[] { 1, 1 }, datatype = "FP32", data = new[] { 1 } } } }));
        Assert.Equal(HttpStatusCode.TooManyRequests, infer.StatusCode);
        Assert.StartsWith("\"model\";r=0;t=", Header(infer, "RateLimit"));

        Assert.Equal(200, await host.StatusAsync("alice", "/predict/second"));
        Assert.Equal(2, await host.MetricAsync("rate_limited_requests_total{limit=\"model\"}"));
    }

    [Fact]
    public async Task Model_Refused_CallerIsChargedAllTheSame()
    {
        await using LimitedHost host = await LimitedHost.StartAsync([.. Subjects(3), .. Models("first", 1)]);

        Assert.Equal(200, await host.StatusAsync("alice"));
        Assert.Equal(429, await host.StatusAsync("alice"));
        Assert.Equal(429, await host.StatusAsync("alice"));
        Assert.Equal(2, await host.MetricAsync("rate_limited_requests_total{limit=\"model\"}"));

        using HttpResponseMessage refused = await host.PredictAsync("alice", "/predict/second");
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.StartsWith("\"subject\"", Header(refused, "RateLimit"));
        Assert.Equal(200, await host.StatusAsync("bob", "/predict/second"));
    }

    [Fact]
    public async Task NoTokens_AddressIsCharged()
    {
        await using LimitedHost host = await LimitedHost.StartAsync([("Gateway:Auth:Enabled", "false"), .. Subjects(2)]);

        Assert.Equal(200, await host.StatusAsync(null));
        Assert.Equal(200, await host.StatusAsync(null));
        Assert.Equal(429, await host.StatusAsync(null));
    }

    [Fact]
    public async Task NothingConfigured_NoHeadersAndNoSeries()
    {
        await using LimitedHost host = await LimitedHost.StartAsync();

        using HttpResponseMessage answered = await host.PredictAsync("alice");

        Assert.DoesNotContain(answered.Headers, header => header.Key.StartsWith("RateLimit", StringComparison.OrdinalIgnoreCase));
        Assert.Null(await host.MetricAsync("rate_limited_requests_total{limit=\"subject\"}"));
    }

    private static (string Key, string Value)[] Subjects(int burst) => [("Gateway:RateLimits:Subjects:0:Rate", LimitedHost.Slow), ("Gateway:RateLimits:Subjects:0:Burst", $"{burst}")];

    private static (string Key, string Value)[] Models(string name, int burst) =>
        [("Gateway:RateLimits:Models:0:Name", name), ("Gateway:RateLimits:Models:0:Rate", LimitedHost.Slow), ("Gateway:RateLimits:Models:0:Burst", $"{burst}")];

    private static string Header(HttpResponseMessage response, string name) => response.Headers.TryGetValues(name, out IEnumerable<string>? values) ? string.Join(", ", values) : "";

    private static async Task<HttpStatusCode> StatusOfAsync(LimitedHost host, string path, string subject)
    {
        using HttpResponseMessage response = await host.SendAsync(HttpMethod.Get, path, subject);
        return response.StatusCode;
    }
}
