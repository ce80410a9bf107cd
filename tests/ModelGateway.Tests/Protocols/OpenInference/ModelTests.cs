using System.Globalization;
using System.Net;
using System.Text.Json;
using Xunit;

namespace ModelGateway.Tests.Protocols.OpenInference;

/// <summary>List, metadata, readiness, configuration and statistics of models.</summary>
[Collection(OpenInferenceCollection.Name)]
public sealed class ModelTests(OpenInferenceHost host)
{
    [Fact]
    public async Task Models_List_HasEveryModelInOrder()
    {
        JsonElement answer = await GetAsync("");
        string[] names = [.. answer.GetProperty("models").EnumerateArray().Select(name => name.GetString()!)];

        Assert.Contains("mlp", names);
        Assert.Contains("broken", names);
        Assert.Equal(names.Order(StringComparer.Ordinal), names);
    }

    [Fact]
    public async Task Metadata_Tensors_AreDescribed()
    {
        JsonElement answer = await GetAsync("/mlp");

        Assert.Equal("mlp", answer.GetProperty("name").GetString());
        Assert.Equal("""["3"]""", answer.GetProperty("versions").GetRawText());
        Assert.Equal("onnxruntime_onnx", answer.GetProperty("platform").GetString());
        Assert.Equal("""[{"name":"x","datatype":"FP32","shape":[-1,4],"parameters":{"dimensions":"[batch, 4]"}}]""", answer.GetProperty("inputs").GetRawText());
        Assert.Equal("""[{"name":"probabilities","datatype":"FP32","shape":[-1,3],"parameters":{"dimensions":"[batch, 3]"}}]""", answer.GetProperty("outputs").GetRawText());
        JsonElement parameters = answer.GetProperty("parameters");
        Assert.Equal("3", parameters.GetProperty("version").GetString());
        Assert.Equal("A tiny classifier", parameters.GetProperty("description").GetString());
        Assert.StartsWith("ModelGateway.TestKit", parameters.GetProperty("producer").GetString(), StringComparison.Ordinal);
        Assert.Matches("^[0-9a-f]{64}$", parameters.GetProperty("digest").GetString());
    }

    [Fact]
    public async Task Metadata_FactsAndColumns_AreShown()
    {
        JsonElement answer = await GetAsync("/table");

        JsonElement parameters = answer.GetProperty("parameters");
        Assert.Equal("botany", parameters.GetProperty("metadata.team").GetString());
        Assert.Equal("4f1c", parameters.GetProperty("metadata.run_id").GetString());
        Assert.Equal("mine", parameters.GetProperty("metadata.digest").GetString());
        Assert.Matches("^[0-9a-f]{64}$", parameters.GetProperty("digest").GetString());
        Assert.False(parameters.TryGetProperty("metadata.x", out _));
        Assert.Equal("""{"champion":2}""", answer.GetProperty("labels").GetRawText());
        Assert.Equal(
            """["sepal length (cm)","sepal width (cm)","petal length (cm)","petal width (cm)"]""",
            answer.GetProperty("inputs")[0].GetProperty("parameters").GetProperty("columns").GetRawText());
    }

    [Fact]
    public async Task Predict_RowsByColumn_AnswerAsRowsByPlace()
    {
        string byColumn = """{"instances":[{"petal width (cm)":0.2,"petal length (cm)":1.4,"sepal width (cm)":3.5,"sepal length (cm)":5.1}]}""";

        string[] answers = [await PredictAsync(byColumn, HttpStatusCode.OK), await PredictAsync("""{"instances":[[5.1,3.5,1.4,0.2]]}""", HttpStatusCode.OK)];

        Assert.Equal(answers[1], answers[0]);
        Assert.Contains(
            "no column 'petal widht (cm)'. Did you mean 'petal width (cm)'?",
            await PredictAsync(byColumn.Replace("width (cm)\":0.2", "widht (cm)\":0.2", StringComparison.Ordinal), HttpStatusCode.BadRequest),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("scalar", """[{"name":"x","datatype":"FP32","shape":[]}]""")]
    [InlineData("none", "[]")]
    [InlineData("fixed", """[{"name":"x","datatype":"FP32","shape":[2,2]}]""")]
    [InlineData("any_rank", """[{"name":"x","datatype":"FP32","shape":[-1],"parameters":{"dimensions":"any shape"}}]""")]
    [InlineData("optional", """[{"name":"x","datatype":"FP32","shape":[-1,2],"parameters":{"dimensions":"[batch, 2]"}},{"name":"bias","datatype":"FP32","shape":[2],"parameters":{"optional":true}}]""")]
    [InlineData("sum", """[{"name":"a","datatype":"FP32","shape":[-1,-1],"parameters":{"dimensions":"[batch, ?]"}},{"name":"b","datatype":"FP32","shape":[-1,-1],"parameters":{"dimensions":"[batch, ?]"}}]""")]
    public async Task Metadata_InputsOfEveryKind_AreDescribed(string model, string inputs) =>
        Assert.Equal(inputs, (await GetAsync($"/{model}")).GetProperty("inputs").GetRawText());

    [Theory]
    [InlineData("zipmap", "label BYTES [-1], scores FP32 [-1,-1], scores.labels BYTES [-1]")]
    [InlineData("zipmap_numbers", "label INT64 [-1], scores FP32 [-1,-1], scores.labels INT64 [-1]")]
    [InlineData("split", "parts FP32 [-1]")]
    public async Task Metadata_OutputsThatAreNoTensors_AreTakenApart(string model, string expected)
    {
        JsonElement answer = await GetAsync($"/{model}");

        Assert.Equal(expected, string.Join(", ", answer.GetProperty("outputs").EnumerateArray().Select(output =>
            $"{output.GetProperty("name").GetString()} {output.GetProperty("datatype").GetString()} {output.GetProperty("shape").GetRawText()}")));
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("/versions/3", true)]
    public async Task Ready_LoadedModel_Is200(string version, bool ready)
    {
        JsonElement answer = await GetAsync($"/mlp{version}/ready");

        Assert.Equal(("mlp", ready), (answer.GetProperty("name").GetString(), answer.GetProperty("ready").GetBoolean()));
    }

    [Fact]
    public async Task Ready_ModelThatFailed_Is503WithTheReason()
    {
        JsonElement answer = await GetAsync("/broken/ready", HttpStatusCode.ServiceUnavailable);

        Assert.False(answer.GetProperty("ready").GetBoolean());
        Assert.Contains("Failed", answer.GetProperty("reason").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/mlq", "There is no model 'mlq'. Did you mean 'mlp'?")]
    [InlineData("/mlp/versions/4", "The model 'mlp' has no version 4. It has 3.")]
    [InlineData("/mlp/versions/stable", "The model 'mlp' has no version or label 'stable'. It has no labels.")]
    public async Task Model_Unknown_Is404Everywhere(string path, string error)
    {
        foreach (string question in new[] { "", "/ready", "/config", "/stats" })
        {
            JsonElement answer = await GetAsync(path + question, HttpStatusCode.NotFound);
            Assert.Equal(error, answer.GetProperty("error").GetString());
        }
    }

    [Fact]
    public async Task Metadata_ModelThatFailed_Is503()
    {
        JsonElement answer = await GetAsync("/broken", HttpStatusCode.ServiceUnavailable);

        Assert.StartsWith("'broken/1' is not ready: it is Failed.", answer.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Config_Model_IsInTritonsWords()
    {
        JsonElement answer = await GetAsync("/mlp/config");

        Assert.Equal(("mlp", "onnxruntime_onnx", "onnxruntime"), (answer.GetProperty("name").GetString(), answer.GetProperty("platform").GetString(), answer.GetProperty("backend").GetString()));
        Assert.Equal(0, answer.GetProperty("max_batch_size").GetInt32());
        Assert.Equal("""{"latest":{"num_versions":1}}""", answer.GetProperty("version_policy").GetRawText());
        Assert.Equal("""[{"name":"x","data_type":"TYPE_FP32","dims":[-1,4],"optional":false}]""", answer.GetProperty("input").GetRawText());
        Assert.Equal(
            """[{"name":"probabilities","data_type":"TYPE_FP32","dims":[-1,3],"labels":["low","middle","high"]}]""", answer.GetProperty("output").GetRawText());
        Assert.Equal(
            $$"""[{"name":"mlp","kind":"KIND_CPU","count":{{Environment.ProcessorCount}}}]""", answer.GetProperty("instance_group").GetRawText());
        Assert.Equal("model.onnx", answer.GetProperty("default_model_filename").GetString());
    }

    [Theory]
    [InlineData("zipmap", "TYPE_STRING, TYPE_FP32, TYPE_STRING")]
    [InlineData("identity_BF16", "TYPE_BF16")]
    [InlineData("identity_UINT64", "TYPE_UINT64")]
    public async Task Config_Types_HaveTritonsNames(string model, string expected)
    {
        JsonElement answer = await GetAsync($"/{model}/versions/1/config");

        Assert.Equal(expected, string.Join(", ", answer.GetProperty("output").EnumerateArray().Select(output => output.GetProperty("data_type").GetString())));
    }

    [Fact]
    public async Task Stats_AfterRequests_CountThem()
    {
        JsonElement before = await StatisticsAsync("/gather/stats");
        await host.Gateway.InferAsync("gather", """{"inputs":[{"name":"data","shape":[3],"datatype":"FP32","data":[1,2,3]},{"name":"index","shape":[1],"datatype":"INT64","data":[2]}]}""");
        await host.Gateway.InferAsync("gather", """{"inputs":[]}""");
        JsonElement after = await StatisticsAsync("/gather/versions/1/stats");

        Assert.Equal(3, after.GetProperty("inference_count").GetInt64() - before.GetProperty("inference_count").GetInt64());
        Assert.Equal(1, after.GetProperty("execution_count").GetInt64() - before.GetProperty("execution_count").GetInt64());
        Assert.True(after.GetProperty("last_inference").GetInt64() > DateTimeOffset.UtcNow.AddMinutes(-5).ToUnixTimeMilliseconds());
        foreach (string stage in new[] { "success", "fail", "queue", "compute_input", "compute_infer", "compute_output", "cache_miss" })
        {
            Assert.Equal(1, Stage(after, stage, "count") - Stage(before, stage, "count"));
            Assert.True(Stage(after, stage, "ns") >= Stage(before, stage, "ns"));
        }

        Assert.Equal(0, Stage(after, "cache_hit", "count") - Stage(before, "cache_hit", "count"));
        JsonElement batch = Assert.Single(after.GetProperty("batch_stats").EnumerateArray(), batch => batch.GetProperty("batch_size").GetInt64() == 3);
        Assert.True(batch.GetProperty("compute_infer").GetProperty("count").GetInt64() >= 1);
        Assert.True(batch.GetProperty("compute_infer").GetProperty("ns").GetInt64() > 0);
        Assert.True(after.GetProperty("memory_usage")[0].GetProperty("byte_size").GetInt64() > 0);
    }

    [Fact]
    public async Task Stats_OfAll_HaveEveryLoadedVersion()
    {
        JsonElement all = await GetAsync("/stats");
        string[] versions = [.. all.GetProperty("model_stats").EnumerateArray().Select(entry => $"{entry.GetProperty("name").GetString()}/{entry.GetProperty("version").GetString()}")];

        Assert.Contains("mlp/3", versions);
        Assert.Contains("identity_BYTES/1", versions);
        Assert.DoesNotContain("broken/1", versions);
    }

    [Fact]
    public async Task Stats_ModelThatFailed_AreEmpty() =>
        Assert.Equal("[]", (await GetAsync("/broken/stats")).GetProperty("model_stats").GetRawText());

    private static long Stage(JsonElement statistics, string stage, string member) =>
        statistics.GetProperty("inference_stats").GetProperty(stage).GetProperty(member).GetInt64();

    private async Task<JsonElement> StatisticsAsync(string path)
    {
        JsonElement answer = await GetAsync(path);
        JsonElement statistics = Assert.Single(answer.GetProperty("model_stats").EnumerateArray());
        Assert.Equal(1, long.Parse(statistics.GetProperty("version").GetString()!, CultureInfo.InvariantCulture));
        return statistics;
    }

    private async Task<string> PredictAsync(string body, HttpStatusCode status)
    {
        using var content = new StringContent(body);
        using HttpResponseMessage response = await host.Gateway.Client.PostAsync(new Uri("/predict/table", UriKind.Relative), content);
        Assert.Equal(status, response.StatusCode);
        return (await response.Content.ReadAsStringAsync()).Replace("\\u0027", "'", StringComparison.Ordinal);
    }

    private async Task<JsonElement> GetAsync(string path, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using HttpResponseMessage response = await host.Gateway.Client.GetAsync(new Uri($"/v2/models{path}", UriKind.Relative));
        Assert.Equal(expected, response.StatusCode);
        return JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
    }
}
