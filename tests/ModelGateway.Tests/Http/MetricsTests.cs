using System.Net;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Tests.Http;

/// <summary>What the counters say after known traffic.</summary>
public sealed class MetricsTests
{
    private const string Good = """{"inputs":{"x":[[1]]}}""";

    [Fact]
    public async Task Metrics_AfterTraffic_CountEachRequestOnce()
    {
        // Each request is a run: what the cache counts has tests of its own.
        await using HttpGateway gateway = await HttpGateway.StartAsync(
            repository =>
            {
                repository.AddVersion("m", 1, TestModels.AddConstant(1));
                repository.AddVersion("m", 2, TestModels.AddConstant(2));
                repository.AddConfig("m", "version_policy: all");
                repository.AddVersion("broken", 1, TestModels.Broken());
            },
            ("Cache__Enabled", "false"));
        foreach ((string path, string body, HttpStatusCode status) in new[]
        {
            ("/predict/m", Good, HttpStatusCode.OK),
            ("/predict", """{"model":"m","inputs":{"x":[[1]]}}""", HttpStatusCode.OK),
            ("/v2/models/m/infer", """{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[1]}]}""", HttpStatusCode.OK),
            ("/predict/m/versions/1", Good, HttpStatusCode.OK),
            ("/predict/m", "{}", HttpStatusCode.BadRequest),
            ("/predict/m/versions/9", Good, HttpStatusCode.NotFound),
            ("/predict/stranger-8313", Good, HttpStatusCode.NotFound),
            ("/predict", """{"model":"stranger-8313"}""", HttpStatusCode.NotFound),
            ("/predict/broken", Good, HttpStatusCode.ServiceUnavailable),
        })
        {
            using HttpResponseMessage response = await gateway.PostAsync(path, body);
            Assert.Equal(status, response.StatusCode);
        }

        string page = await gateway.MetricsAsync();
        Dictionary<string, double> expected = new()
        {
            ["""requests_total{model="m",version="2",outcome="success"}"""] = 3,
            ["""requests_total{model="m",version="1",outcome="success"}"""] = 1,
            ["""requests_total{model="m",version="2",outcome="invalid_request"}"""] = 1,
            ["""requests_total{model="",version="",outcome="unknown_version"}"""] = 1,
            ["""requests_total{model="",version="",outcome="unknown_model"}"""] = 2,
            ["""requests_total{model="",version="",outcome="not_ready"}"""] = 1,
            ["""request_seconds_count{model="m",version="2"}"""] = 3,
            ["""requests_in_flight{model="m",version="2"}"""] = 0,
            ["""queue_depth{model="m",version="2"}"""] = 0,
            ["""queue_limit{model="m",version="2"}"""] = 1000,
            ["""instances_busy{model="m",version="2"}"""] = 0,
            ["""model_versions{state="ready"}"""] = 2,
            ["""model_versions{state="failed"}"""] = 1,
            ["model_load_failures_total"] = 1,
        };
        foreach (string stage in new[] { "read", "cache", "wait", "run", "write" })
        {
            expected[$"stage_seconds_count{{model=\"m\",version=\"2\",stage=\"{stage}\"}}"] = 3;
        }

        Assert.All(expected, series => Assert.True(HttpGateway.Value(page, series.Key) == series.Value, $"{series.Key} is {HttpGateway.Value(page, series.Key)}, not {series.Value}"));
        Assert.DoesNotContain("stranger", page, StringComparison.Ordinal);
        Assert.DoesNotContain("version=\"9\"", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Metrics_ModelRemoved_KeepsNoSeriesOfIt()
    {
        await using HttpGateway gateway = await HttpGateway.StartAsync(repository =>
        {
            repository.AddVersion("stays", 1, TestModels.AddConstant(1));
            repository.AddVersion("goes", 1, TestModels.AddConstant(1));
        });
        using (HttpResponseMessage response = await gateway.PostAsync("/predict/goes", Good))
        {
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        using (HttpResponseMessage response = await gateway.PostAsync("/predict/goes", "{"))
        {
            Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        }

        gateway.Repository.RemoveModel("goes");

        await gateway.WaitUntilAsync(
            async () => !(await gateway.MetricsAsync()).Contains("\"goes\"", StringComparison.Ordinal), () => "Series of the removed model stayed");
        await gateway.WaitForMetricAsync("""model_versions{state="ready"}""", 1);
        string page = await gateway.MetricsAsync();
        Assert.Contains("model=\"stays\"", page, StringComparison.Ordinal);
        Assert.Equal(1, page.Split('\n').Where(line => line.StartsWith("modelgateway_model_versions{", StringComparison.Ordinal)).Sum(line => line[^1] - '0'));
    }
}
