using System.Net;
using System.Text;
using System.Text.Json;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Tests.Http;

/// <summary>What a model, or its limits, can answer instead of a prediction; and that it goes on predicting afterwards.</summary>
public sealed class PredictErrorTests : IAsyncLifetime
{
    // Would run for hours.
    private const string Endless = """{"inputs":{"x":[[1]],"iterations":10000000000}}""";
    private const string Short = """{"inputs":{"x":[[1]],"iterations":3}}""";

    // Equal requests would share one run, and one place in the queue.
    private const string OtherEndless = """{"inputs":{"x":[[2]],"iterations":10000000000}}""";
    private const string OtherShort = """{"inputs":{"x":[[2]],"iterations":3}}""";
    private HttpGateway? _gateway;

    private HttpGateway Gateway => _gateway!;

    public async Task InitializeAsync() => _gateway = await HttpGateway.StartAsync(Fill);

    public Task DisposeAsync() => Gateway.DisposeAsync().AsTask();

    [Fact]
    public async Task Predict_InputThatTheGraphRefuses_Is400WithTheCauseAndTheModelStaysHealthy()
    {
        using HttpResponseMessage response = await Gateway.PostAsync("/predict/fails", """{"inputs":{"data":[1,2],"index":[5]}}""");

        string error = await ErrorAsync(response, HttpStatusCode.BadRequest);
        Assert.Contains("Gather", error, StringComparison.Ordinal);
        Assert.DoesNotContain(".cc", error, StringComparison.Ordinal);
        Assert.DoesNotContain("onnxruntime", error, StringComparison.Ordinal);
        Assert.Equal(1, await Gateway.MetricAsync("""requests_total{model="fails",version="1",outcome="model_refused"}"""));
        using HttpResponseMessage next = await Gateway.PostAsync("/predict/fails", """{"inputs":{"data":[1,2],"index":[1]}}""");
        Assert.Equal("""{"model":"fails","version":"1","outputs":{"y":[2]}}""", await next.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Predict_VersionThatFailedToLoad_Is503WithItsReason()
    {
        using HttpResponseMessage response = await Gateway.PostAsync("/predict/broken", Short);

        string error = await ErrorAsync(response, HttpStatusCode.ServiceUnavailable);
        Assert.NotNull(response.Headers.RetryAfter);
        Assert.Contains("'broken/1' is not ready: it is Failed.", error, StringComparison.Ordinal);
        Assert.True(error.Length > "'broken/1' is not ready: it is Failed.".Length + 10);
        Assert.DoesNotContain(Path.GetTempPath(), error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Predict_FaultyConfiguration_Is503WithItsReason()
    {
        using HttpResponseMessage response = await Gateway.PostAsync("/predict/misconfigured", Short);
        Assert.Contains("instancez", await ErrorAsync(response, HttpStatusCode.ServiceUnavailable), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Predict_UnknownVersion_Is404ThatNamesThoseThereAre()
    {
        using HttpResponseMessage response = await Gateway.PostAsync("/predict/slow/versions/7", Short);
        Assert.Contains("It has 1.", await ErrorAsync(response, HttpStatusCode.NotFound), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Predict_UnknownModel_Is404WithASuggestion()
    {
        using HttpResponseMessage response = await Gateway.PostAsync("/predict/slwo", Short);
        Assert.Contains("'slow'", await ErrorAsync(response, HttpStatusCode.NotFound), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("X-Request-Timeout", "50ms", HttpStatusCode.GatewayTimeout, "before the deadline")]
    [InlineData("grpc-timeout", "50m", HttpStatusCode.GatewayTimeout, "before the deadline")]
    [InlineData("X-Request-Timeout", "soon", HttpStatusCode.BadRequest, "The header 'X-Request-Timeout' must be a number of seconds or milliseconds")]
    public async Task Predict_TimeoutInAHeader_Holds(string header, string value, HttpStatusCode status, string error)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/predict/slow") { Content = new StringContent(Endless, Encoding.UTF8, "application/json") };
        request.Headers.Add(header, value);

        using HttpResponseMessage response = await Gateway.Client.SendAsync(request);

        Assert.Contains(error, await ErrorAsync(response, status), StringComparison.Ordinal);
        await Gateway.WaitForMetricAsync("""instances_busy{model="slow",version="1"}""", 0);
    }

    [Fact]
    public async Task Predict_FullQueue_Is429AndTheQueueEmptiesWithItsCallers()
    {
        using RawConnection running = await Gateway.ConnectAsync();
        await running.SendAsync(RawConnection.Request("/predict/slow", Encoding.UTF8.GetBytes(Endless)));
        await Gateway.WaitForMetricAsync("""instances_busy{model="slow",version="1"}""", 1);
        using RawConnection waiting = await Gateway.ConnectAsync();
        await waiting.SendAsync(RawConnection.Request("/predict/slow", Encoding.UTF8.GetBytes(Short)));
        await Gateway.WaitForMetricAsync("""queue_depth{model="slow",version="1"}""", 1);

        using HttpResponseMessage refused = await Gateway.PostAsync("/predict/slow", OtherShort);

        Assert.Contains("1 requests wait", await ErrorAsync(refused, HttpStatusCode.TooManyRequests), StringComparison.Ordinal);
        Assert.NotNull(refused.Headers.RetryAfter);
        running.Reset();
        RawResponse? answered = await waiting.ReadAsync();
        Assert.Equal((200, """{"model":"slow","version":"1","outputs":{"y":[[4]]}}"""), (answered!.Status, answered.Body));
        await Gateway.WaitForMetricAsync("""queue_depth{model="slow",version="1"}""", 0);
        await Gateway.WaitForMetricAsync("""instances_busy{model="slow",version="1"}""", 0);
        await Gateway.WaitForMetricAsync("""requests_in_flight{model="slow",version="1"}""", 0);
        Assert.Equal(1, await Gateway.MetricAsync("""requests_total{model="slow",version="1",outcome="queue_full"}"""));
        Assert.Equal(1, await Gateway.MetricAsync("""requests_total{model="slow",version="1",outcome="cancelled"}"""));
    }

    [Fact]
    public async Task Predict_CallerLeavesTheQueue_TakesNoInstance()
    {
        using RawConnection running = await Gateway.ConnectAsync();
        await running.SendAsync(RawConnection.Request("/predict/slow", Encoding.UTF8.GetBytes(Endless)));
        await Gateway.WaitForMetricAsync("""instances_busy{model="slow",version="1"}""", 1);
        using RawConnection waiting = await Gateway.ConnectAsync();
        await waiting.SendAsync(RawConnection.Request("/predict/slow", Encoding.UTF8.GetBytes(OtherEndless)));
        await Gateway.WaitForMetricAsync("""queue_depth{model="slow",version="1"}""", 1);

        waiting.Reset();

        await Gateway.WaitForMetricAsync("""queue_depth{model="slow",version="1"}""", 0);
        await Gateway.WaitForMetricAsync("""requests_total{model="slow",version="1",outcome="cancelled"}""", 1);
        Assert.Equal(1, await Gateway.MetricAsync("""instances_busy{model="slow",version="1"}"""));
        running.Reset();
        await Gateway.WaitForMetricAsync("""instances_busy{model="slow",version="1"}""", 0);
    }

    [Fact]
    public async Task Predict_DeadlineDuringTheRun_Is504AndStopsIt()
    {
        using HttpResponseMessage response = await Gateway.PostAsync(
            "/predict/slow", """{"inputs":{"x":[[1]],"iterations":10000000000},"parameters":{"timeout":50000}}""");

        await ErrorAsync(response, HttpStatusCode.GatewayTimeout);
        Assert.Equal(0, await Gateway.MetricAsync("""instances_busy{model="slow",version="1"}"""));

        // By its own wish: that must wake nobody.
        Assert.Equal(1, await Gateway.MetricAsync("""requests_total{model="slow",version="1",outcome="caller_deadline"}"""));
        Assert.Null(await Gateway.MetricAsync("""requests_total{model="slow",version="1",outcome="deadline_exceeded"}"""));
        using HttpResponseMessage next = await Gateway.PostAsync("/predict/slow", Short);
        Assert.Equal(HttpStatusCode.OK, next.StatusCode);
    }

    [Fact]
    public async Task Predict_DeadlineInTheQueue_Is504()
    {
        using RawConnection running = await Gateway.ConnectAsync();
        await running.SendAsync(RawConnection.Request("/predict/slow", Encoding.UTF8.GetBytes(Endless)));
        await Gateway.WaitForMetricAsync("""instances_busy{model="slow",version="1"}""", 1);

        using HttpResponseMessage response = await Gateway.PostAsync("/predict/slow", """{"inputs":{"x":[[1]],"iterations":1},"parameters":{"timeout":20000}}""");

        await ErrorAsync(response, HttpStatusCode.GatewayTimeout);
        Assert.Equal(0, await Gateway.MetricAsync("""queue_depth{model="slow",version="1"}"""));
    }

    [Fact]
    public async Task Predict_ModelsOwnTimeout_Is504()
    {
        using HttpResponseMessage response = await Gateway.PostAsync("/predict/impatient", Endless);
        await ErrorAsync(response, HttpStatusCode.GatewayTimeout);
        Assert.Equal(1, await Gateway.MetricAsync("""requests_total{model="impatient",version="1",outcome="deadline_exceeded"}"""));
    }

    [Theory]
    [InlineData("/predict/small")]
    [InlineData("/v2/models/small/infer")]
    public async Task Predict_BodyOverTheModelsOwnLimit_Is413(string path)
    {
        using HttpResponseMessage response = await Gateway.PostAsync(path, """{"inputs":{"x":[[1]]}}""".PadRight(1025));
        Assert.Contains("1024 bytes", await ErrorAsync(response, HttpStatusCode.RequestEntityTooLarge), StringComparison.Ordinal);
        using HttpResponseMessage atTheLimit = await Gateway.PostAsync("/predict/small", """{"inputs":{"x":[[1]]}}""".PadRight(1024));
        Assert.Equal(HttpStatusCode.OK, atTheLimit.StatusCode);
    }

    [Theory]
    [InlineData("/predict/batch", """{"inputs":{"x":[[1],[2],[3]]}}""")]
    [InlineData("/predict/batch", """{"instances":[[1],[2],[3]]}""")]
    [InlineData("/v2/models/batch/infer", """{"inputs":[{"name":"x","shape":[3,1],"datatype":"FP32","data":[1,2,3]}]}""")]
    public async Task Predict_MoreRowsThanTheModelTakes_Is400(string path, string body)
    {
        using HttpResponseMessage response = await Gateway.PostAsync(path, body);
        Assert.Equal("Input 'x' has 3 rows, but the model takes at most 2 at a time.", await ErrorAsync(response, HttpStatusCode.BadRequest));
        using HttpResponseMessage asManyAsAllowed = await Gateway.PostAsync("/predict/batch", """{"inputs":{"x":[[1],[2]]}}""");
        Assert.Equal(HttpStatusCode.OK, asManyAsAllowed.StatusCode);
    }

    private static void Fill(RepositoryFolder repository)
    {
        repository.AddVersion("fails", 1, TestModels.FailsAtRun());
        repository.AddVersion("broken", 1, TestModels.Broken());
        repository.AddVersion("misconfigured", 1, TestModels.AddConstant(1));
        repository.AddConfig("misconfigured", "instancez: 1");
        repository.AddVersion("slow", 1, TestModels.Slow(1));
        repository.AddConfig("slow", "instances: 1\nlimits: {queue_length: 1}");
        repository.AddVersion("impatient", 1, TestModels.Slow(1));
        repository.AddConfig("impatient", "limits: {timeout: 50ms}");
        repository.AddVersion("small", 1, TestModels.AddConstant(1));
        repository.AddVersion("batch", 1, TestModels.AddConstant(1));
        repository.AddConfig("batch", "limits: {max_batch_size: 2}");
        repository.AddConfig("small", "limits: {max_body_bytes: 1KiB}");
    }

    private static async Task<string> ErrorAsync(HttpResponseMessage response, HttpStatusCode status)
    {
        string body = await response.Content.ReadAsStringAsync();
        Assert.True(status == response.StatusCode, $"{(int)response.StatusCode} {body}");
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        using JsonDocument problem = JsonDocument.Parse(body);
        return problem.RootElement.GetProperty("error").GetString()!;
    }
}
