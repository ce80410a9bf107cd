using System.Net;
using System.Text.Json;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Tests.Protocols.OpenInference;

/// <summary>What model.yaml, or a configuration sent with a load, changes in the protocol's answers: labels, versions, class names.</summary>
public sealed class ModelConfigTests : IAsyncLifetime
{
    private const string One = """{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[1]}]}""";
    private GatewayHost? _host;

    private GatewayHost Host => _host!;

    public async Task InitializeAsync() => _host = await GatewayHost.StartAsync(Fill);

    public async Task DisposeAsync() => await Host.DisposeAsync();

    [Theory]
    [InlineData("stable", "[11]", "1")]
    [InlineData("canary", "[13]", "3")]
    [InlineData("2", "[12]", "2")]
    public async Task Infer_VersionByLabelOrNumber_AnswersFromIt(string version, string data, string number)
    {
        using HttpContent body = InferCalls.Json(One);
        InferReply reply = await InferReply.ReadAsync(await Host.Client.PostAsync($"/v2/models/add/versions/{version}/infer", body));

        Assert.Equal((number, data), (reply.Root.GetProperty("model_version").GetString(), reply.Data("y")));
    }

    [Fact]
    public async Task Metadata_Labels_AreListedAndLeadToTheVersion()
    {
        JsonElement newest = await GetAsync("add");
        JsonElement stable = await GetAsync("add/versions/stable");

        Assert.Equal("""["1","2","3"]""", newest.GetProperty("versions").GetRawText());
        Assert.Equal("3", newest.GetProperty("parameters").GetProperty("version").GetString());
        Assert.Equal("1", stable.GetProperty("parameters").GetProperty("version").GetString());
        Assert.Equal("""["1","2","3"]""", stable.GetProperty("versions").GetRawText());
        Assert.Equal("adds a number", stable.GetProperty("parameters").GetProperty("description").GetString());
        Assert.Equal("""{"stable":1,"canary":3}""", stable.GetProperty("labels").GetRawText());
    }

    [Theory]
    [InlineData("add/versions/stabel", "The model 'add' has no version or label 'stabel'. Did you mean 'stable'? Its labels are 'canary', 'stable'.")]
    [InlineData("add/versions/stabel/ready", "The model 'add' has no version or label 'stabel'. Did you mean 'stable'? Its labels are 'canary', 'stable'.")]
    [InlineData("add/versions/9/config", "The model 'add' has no version 9. It has 1, 2, 3.")]
    public async Task Version_Unknown_Is404(string path, string error) =>
        Assert.Equal(error, (await GetAsync(path, HttpStatusCode.NotFound)).GetProperty("error").GetString());

    [Fact]
    public async Task Config_Settings_AreShown()
    {
        JsonElement answer = await GetAsync("add/versions/canary/config");

        Assert.Equal("""{"all":{}}""", answer.GetProperty("version_policy").GetRawText());
        Assert.Equal(2, answer.GetProperty("instance_group")[0].GetProperty("count").GetInt32());
        Assert.Equal(
            """{"graph_optimization":{"string_value":"basic"},"intra_op_thread_count":{"string_value":"1"},"enable_mem_arena":{"string_value":"1"}}""",
            answer.GetProperty("parameters").GetRawText());
    }

    [Fact]
    public async Task Classification_LabelsOfModelYaml_AreWritten()
    {
        InferReply reply = await Host.InferAsync("classes", """
            {"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,3,2]}],"outputs":[{"name":"y","parameters":{"classification":3}}]}
            """);

        Assert.Equal("""["3.000000:1:żółw","2.000000:2","1.000000:0:ant"]""", reply.Data("y"));
    }

    [Theory]
    [InlineData("""{"parameters":{"config":"{\"version_policy\":{\"specific\":[2]}}"}}""")]
    [InlineData("""{"parameters":{"config":"version_policy:\n  specific: [2]\n"}}""")]
    [InlineData("""{"parameters":{"config":{"version_policy":{"specific":[2]}}}}""")]
    public async Task Load_ConfigGiven_TakesThePlaceOfTheFile(string body)
    {
        (HttpStatusCode status, _) = await LoadAsync(body);
        await Host.WaitUntilAsync(manager => manager.Find("add")!.Versions.Count(version => version.Servable is not null) == 1);
        JsonElement metadata = await GetAsync("add");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("""["2"]""", metadata.GetProperty("versions").GetRawText());
        Assert.False(metadata.TryGetProperty("labels", out _));
        Assert.Equal("""{"specific":{"versions":[2]}}""", (await GetAsync("add/config")).GetProperty("version_policy").GetRawText());
    }

    [Fact]
    public async Task Load_ConfigAtFault_Is400AndChangesNothing()
    {
        (HttpStatusCode status, JsonElement answer) = await LoadAsync("""{"parameters":{"config":"instnces: 2"}}""");

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains("Did you mean 'instances'?", answer.GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.Equal("""["1","2","3"]""", (await GetAsync("add")).GetProperty("versions").GetRawText());
    }

    private static void Fill(RepositoryFolder repository)
    {
        repository.AddVersion("add", 1, TestModels.AddConstant(10));
        repository.AddVersion("add", 2, TestModels.AddConstant(11));
        repository.AddVersion("add", 3, TestModels.AddConstant(12));
        repository.AddConfig("add", """
            description: adds a number
            version_policy: all
            labels: {stable: 1, canary: 3}
            instances: 2
            threads: 1
            graph_optimization: basic
            memory_arena: true
            """);
        repository.AddVersion("classes", 1, TestModels.Identity(OnnxElementType.Float, "batch", 3));
        repository.AddConfig("classes", "class_labels: {y: [ant, żółw]}");
    }

    private async Task<(HttpStatusCode Status, JsonElement Answer)> LoadAsync(string json)
    {
        using HttpContent body = InferCalls.Json(json);
        using HttpResponseMessage response = await Host.Client.PostAsync(new Uri("/v2/repository/models/add/load", UriKind.Relative), body);
        string text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, text.Length == 0 ? default : JsonDocument.Parse(text).RootElement);
    }

    private async Task<JsonElement> GetAsync(string path, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using HttpResponseMessage response = await Host.Client.GetAsync(new Uri($"/v2/models/{path}", UriKind.Relative));
        Assert.Equal(expected, response.StatusCode);
        return JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
    }
}
