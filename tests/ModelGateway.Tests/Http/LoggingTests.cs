using System.Net;
using System.Text;
using System.Text.Json;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Tests.Http;

/// <summary>What the process writes in Production.</summary>
public sealed class LoggingTests
{
    // Two that pass for values and one for a token; all are harmless in JSON.
    private const string NumberCanary = "73917391";
    private const string TextCanary = "canary-in-the-body";
    private const string TokenCanary = "canary-in-the-token";
    private const string Failing = """{"inputs":{"data":[1,2],"index":[73917391]}}""";

    [Fact]
    public async Task Logs_AtDebugWithAllRequests_AreJsonWithRequestAndModelButWithoutValues()
    {
        await using HttpGateway gateway = await HttpGateway.StartAsync(Fill, ("Logging__Level", "Verbose"), ("Logging__Requests", "All"));
        gateway.Client.DefaultRequestHeaders.Authorization = new("Bearer", TokenCanary);
        (string Path, string Body, int Status)[] requests =
        [
            ("/predict/m", $$$$"""{"inputs":{"x":[[{{{{NumberCanary}}}}]]}}""", 200),
            ("/predict/m", $$$$"""{"inputs":{"x":[["{{{{TextCanary}}}}"]]}}""", 400),
            ("/predict/m", $$$$"""{"inputs":{"x":[{{{{NumberCanary}}}}]}}""", 400),
            ("/predict/text", $$$$"""{"inputs":{"x":["{{{{TextCanary}}}}"]}}""", 200),
            ("/predict/fails", Failing, 400),
            ("/predict", $$$$"""{"model":"fails","inputs":{"data":[{{{{NumberCanary}}}}],"index":[0]}}""", 200),
            ($"/predict/m?access_token={TokenCanary}", "{", 400),
            ("/v2/models/text/infer", $$$$"""{"inputs":[{"name":"x","shape":[1],"datatype":"BYTES","data":["{{{{TextCanary}}}}"]}]}""", 200),
            ("/v2/models/m/infer", $$$$"""{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":["{{{{TextCanary}}}}"]}]}""", 400),
            ("/v2/repository/models/m/load", $$$$"""{"parameters":{"config":"{{{{TextCanary}}}}"}}""", 400),
        ];
        string[] models = ["m", "m", "m", "text", "fails", "fails", "m", "text", "m", "m"];
        for (int i = 0; i < requests.Length; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(requests[i].Path, UriKind.Relative))
            {
                Content = new StringContent(requests[i].Body, Encoding.UTF8, "application/json"),
            };
            request.Headers.Add("X-Request-Id", $"id-{i}");
            using HttpResponseMessage response = await gateway.Client.SendAsync(request);
            Assert.Equal(requests[i].Status, (int)response.StatusCode);
        }

        List<JsonElement> lines = await EndAsync(gateway);

        Assert.DoesNotContain(NumberCanary, gateway.Process.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(TextCanary, gateway.Process.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(TokenCanary, gateway.Process.Output, StringComparison.Ordinal);
        for (int i = 0; i < requests.Length; i++)
        {
            JsonElement answered = Assert.Single(lines, line => Property(line, "RequestId") == $"id-{i}" && line.TryGetProperty("Status", out _));
            Assert.Equal(requests[i].Status, answered.GetProperty("Status").GetInt32());
            Assert.All(lines.Where(line => Property(line, "RequestId") == $"id-{i}"), line => Assert.Equal(models[i], Property(line, "Model")));
        }

        Assert.Contains(lines, line => Property(line, "RequestId") == "id-4" && Property(line, "@l") == "Debug");
    }

    [Theory]
    [InlineData("1", new[] { "good-0", "good-1", "good-2", "good-3", "bad" })]
    [InlineData("0", new[] { "bad" })]
    public async Task Logs_Sampled_AreErrorsAndTheShareOfTheRest(string rate, string[] expected)
    {
        await using HttpGateway gateway = await HttpGateway.StartAsync(Fill, ("Logging__Level", "Information"), ("Logging__Requests", "Sampled"), ("Logging__SampleRate", rate));
        for (int i = 0; i < 4; i++)
        {
            // The same four times: the last one comes from memory.
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri("/predict/m", UriKind.Relative)) { Content = new StringContent("""{"inputs":{"x":[[1]]}}""", Encoding.UTF8, "application/json") };
            request.Headers.Add("X-Request-Id", $"good-{i}");
            using HttpResponseMessage response = await gateway.Client.SendAsync(request);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        await FailAsync(gateway, "bad");
        List<JsonElement> lines = await EndAsync(gateway);

        Assert.Equal(expected, lines.Where(line => Property(line, "Path")?.StartsWith("/predict/", StringComparison.Ordinal) == true).Select(line => Property(line, "RequestId")));
    }

    // The second one goes a path that is known, and is not routed.
    [Fact]
    public async Task Logs_ErrorsOfOnePath_NameTheModelEachTime()
    {
        await using HttpGateway gateway = await HttpGateway.StartAsync(Fill, ("Logging__Level", "Information"), ("Logging__Requests", "Errors"));
        for (int i = 0; i < 3; i++)
        {
            await FailAsync(gateway, $"bad-{i}");
        }

        List<JsonElement> lines = await EndAsync(gateway);

        for (int i = 0; i < 3; i++)
        {
            JsonElement answered = Assert.Single(lines, line => Property(line, "RequestId") == $"bad-{i}" && line.TryGetProperty("Status", out _));
            Assert.Equal(("fails", "/predict/fails"), (Property(answered, "Model"), Property(answered, "Path")));
        }
    }

    [Fact]
    public async Task Level_ChangedWhileRunning_TakesEffect()
    {
        await using HttpGateway gateway = await HttpGateway.StartAsync(Fill, ("Logging__Level", "Information"), ("Logging__Requests", "Errors"));
        (string Setting, string Level, bool Debug)[] steps =
        [
            ("{}", "Information", false),
            ("""{"level":"Debug"}""", "Debug", true),
            ("""{"level":"warning"}""", "Warning", false),
            ("""{"log_verbose_level":1}""", "Debug", true),
            ("""{"log_verbose_level":0}""", "Information", false),
            ("""{"log_verbose_level":2}""", "Verbose", true),
            ("""{"log_verbose_level":0,"log_info":false}""", "Warning", false),
            ("""{"log_info":true}""", "Information", false),
        ];
        for (int i = 0; i < steps.Length; i++)
        {
            using HttpResponseMessage set = await gateway.PostAsync("/v2/logging", steps[i].Setting);
            using JsonDocument answer = JsonDocument.Parse(await set.Content.ReadAsStringAsync());
            Assert.Equal(steps[i].Level, answer.RootElement.GetProperty("level").GetString());
            await FailAsync(gateway, $"step-{i}");
        }

        using (HttpResponseMessage off = await gateway.PostAsync("/v2/logging", """{"level":"Fatal"}"""))
        {
            Assert.Equal(HttpStatusCode.OK, off.StatusCode);
        }

        await FailAsync(gateway, "silent");
        List<JsonElement> lines = await EndAsync(gateway);
        for (int i = 0; i < steps.Length; i++)
        {
            IEnumerable<JsonElement> mine = lines.Where(line => Property(line, "RequestId") == $"step-{i}");
            Assert.Equal((1, steps[i].Debug), (mine.Count(line => line.TryGetProperty("Status", out _)), mine.Any(line => Property(line, "@l") == "Debug")));
        }

        // Not even the framework's own lines: at Fatal there is silence until the end, but for the audit log, which has no levels.
        Assert.Equal("step-7", Property(lines.FindLast(line => !line.TryGetProperty("audit", out _)), "RequestId"));
    }

    [Theory]
    [InlineData("""{"level":"loud"}""")]
    [InlineData("""{"level":"Debug,Error"}""")]
    [InlineData("""{"level":"3"}""")]
    [InlineData("""{"level":" 3"}""")]
    [InlineData("""{"level":""}""")]
    [InlineData("""{"level":3}""")]
    [InlineData("""{"log_verbose_level":"much"}""")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("")]
    public async Task Level_Nonsense_Is400AndChangesNothing(string body)
    {
        await using GatewayHost gateway = await GatewayHost.StartAsync();
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using HttpResponseMessage refused = await gateway.Client.PostAsync(new Uri("/v2/logging", UriKind.Relative), content);
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.Contains("\"error\"", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        string now = await gateway.Client.GetStringAsync(new Uri("/v2/logging", UriKind.Relative));
        Assert.Contains("\"level\":\"Fatal\"", now, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Requests_None_WritesNoLineForThem()
    {
        await using HttpGateway gateway = await HttpGateway.StartAsync(Fill, ("Logging__Requests", "None"));
        await FailAsync(gateway, "quiet");
        Assert.DoesNotContain(await EndAsync(gateway), line => line.TryGetProperty("RequestId", out _));
    }

    [Fact]
    public async Task Logs_OfOnnxRuntimeAtALoad_NameModelAndVersion()
    {
        byte[] spare = new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, "batch").Output("y", OnnxElementType.Float, "batch")
            .Initializer("unused", OnnxTensor.From([], 1f))
            .Node("Identity", ["x"], ["y"]).Build();
        await using HttpGateway gateway = await HttpGateway.StartAsync(repository => repository.AddVersion("spare", 7, spare), ("Logging__Level", "Information"));

        JsonElement line = Assert.Single(await EndAsync(gateway), line => Property(line, "RuntimeMessage")?.Contains("'unused'", StringComparison.Ordinal) == true);

        Assert.Equal(("spare", 7), (Property(line, "Model"), line.GetProperty("Version").GetInt64()));
    }

    private static void Fill(RepositoryFolder repository)
    {
        repository.AddVersion("m", 1, TestModels.AddConstant(1));
        repository.AddVersion("text", 1, TestModels.StringIdentity());
        repository.AddVersion("fails", 1, TestModels.FailsAtRun());
    }

    private static async Task FailAsync(HttpGateway gateway, string id)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri("/predict/fails", UriKind.Relative)) { Content = new StringContent(Failing) };
        request.Headers.Add("X-Request-Id", id);
        using HttpResponseMessage response = await gateway.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
    }

    // Lines are written by a thread of their own; at the end all of them are.
    private static async Task<List<JsonElement>> EndAsync(HttpGateway gateway)
    {
        gateway.Process.Terminate();
        Assert.Equal(0, await gateway.Process.WaitForExitAsync(HttpGateway.Patience));
        return [.. gateway.Process.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(line => JsonElement.Parse(line))];
    }

    private static string? Property(JsonElement line, string name) => line.TryGetProperty(name, out JsonElement value) ? value.GetString() : null;
}
