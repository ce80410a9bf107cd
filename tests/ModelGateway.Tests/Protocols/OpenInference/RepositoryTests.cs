using System.Net;
using System.Text.Json;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Tests.Protocols.OpenInference;

/// <summary>The model repository extension. Each test has a host of its own, since it changes what is loaded.</summary>
public sealed class RepositoryTests : IAsyncLifetime
{
    private GatewayHost? _host;

    private GatewayHost Host => _host!;

    public async Task InitializeAsync() => _host = await GatewayHost.StartAsync(Fill);

    public async Task DisposeAsync() => await Host.DisposeAsync();

    [Fact]
    public async Task Index_Everything_HasStatesAndReasons()
    {
        (HttpStatusCode status, JsonElement entries) = await PostAsync("index", null);

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal(["add/1 UNAVAILABLE", "add/2 READY", "broken/1 UNAVAILABLE", "empty UNAVAILABLE"], Entries(entries));
        Assert.Equal("The version policy does not select it.", entries[0].GetProperty("reason").GetString());
        Assert.Equal("", entries[1].GetProperty("reason").GetString());
        Assert.NotEmpty(entries[2].GetProperty("reason").GetString()!);
        Assert.Equal("The model has no versions yet.", entries[3].GetProperty("reason").GetString());
    }

    [Fact]
    public async Task Index_Everything_HasSourcesAndTheDigestsOfWhatWasFetched()
    {
        (_, JsonElement entries) = await PostAsync("index", null);

        Assert.Equal(new Uri(Host.Repository.VersionFolder("add", 2)).AbsoluteUri, entries[1].GetProperty("source").GetString());
        Assert.Matches("^[0-9a-f]{64}$", entries[1].GetProperty("digest").GetString());
        Assert.Equal(new Uri(Host.Repository.VersionFolder("broken", 1)).AbsoluteUri, entries[2].GetProperty("source").GetString());
        Assert.Matches("^[0-9a-f]{64}$", entries[2].GetProperty("digest").GetString());
        Assert.False(entries[0].TryGetProperty("digest", out _));
        Assert.False(entries[3].TryGetProperty("source", out _));
    }

    [Theory]
    [InlineData("""{"ready":true}""", 1)]
    [InlineData("""{"ready":false}""", 4)]
    [InlineData("""{"ready":null,"more":1}""", 4)]
    [InlineData("null", 4)]
    [InlineData("{}", 4)]
    [InlineData("  ", 4)]
    public async Task Index_Ready_Filters(string body, int expected)
    {
        (_, JsonElement entries) = await PostAsync("index", body);

        Assert.Equal(expected, entries.GetArrayLength());
    }

    [Theory]
    [InlineData("index", "[]")]
    [InlineData("index", """{"ready":"yes"}""")]
    [InlineData("models/add/load", "{")]
    [InlineData("models/add/unload", """{"parameters":[]}""")]
    public async Task Post_BodyAtFault_Is400(string path, string body)
    {
        (HttpStatusCode status, JsonElement answer) = await PostAsync(path, body);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.StartsWith("The body is not what is expected here; it may be empty or, for example, {", answer.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unload_ThenLoad_LeavesAndComesBack()
    {
        (HttpStatusCode unloaded, _) = await PostAsync("models/add/unload", """{"parameters":{"unload_dependents":true}}""");
        (_, JsonElement gone) = await PostAsync("index", null);
        InferReply refused = await Host.InferAsync("add", Request);
        using HttpResponseMessage notReady = await Host.Client.GetAsync(new Uri("/v2/models/add/ready", UriKind.Relative));
        (HttpStatusCode loaded, _) = await PostAsync("models/add/load", null);
        InferReply answered = await Host.InferAsync("add", Request);

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (unloaded, loaded));
        Assert.Equal("add/2 UNAVAILABLE It was unloaded by request.", Entries(gone).ElementAt(1) + " " + gone[1].GetProperty("reason").GetString());
        Assert.Equal((HttpStatusCode.ServiceUnavailable, HttpStatusCode.ServiceUnavailable), (refused.Status, notReady.StatusCode));
        Assert.Equal("[3]", answered.Data("y"));
    }

    [Fact]
    public async Task Load_Again_IsLoadedAnew()
    {
        await Host.InferAsync("add", Request);
        (HttpStatusCode status, _) = await PostAsync("models/add/load", """{"parameters":{"anything":1}}""");
        string statistics = await Host.Client.GetStringAsync("/v2/models/add/versions/2/stats");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Contains("\"inference_count\":0", statistics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_ModelThatJustArrived_IsFoundAndLoaded()
    {
        Host.Repository.AddVersion("late", 1, TestModels.AddConstant(5));
        (HttpStatusCode status, _) = await PostAsync("models/late/load", "{}");

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("[6]", (await Host.InferAsync("late", Request)).Data("y"));
    }

    [Theory]
    [InlineData("broken", "The model 'broken' is not loaded as asked. ")]
    [InlineData("empty", "The model 'empty' is not loaded as asked. The model has no version that can be loaded.")]
    public async Task Load_ModelThatCannotBe_Is400WithTheReason(string model, string error)
    {
        (HttpStatusCode status, JsonElement answer) = await PostAsync($"models/{model}/load", null);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.StartsWith(error, answer.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("index")]
    [InlineData("models/add/load")]
    [InlineData("models/add/unload")]
    public async Task Post_BodyOfMegabytes_Is413(string path)
    {
        (HttpStatusCode status, _) = await PostAsync(path, $$$"""{"parameters":{"config":"{{{new string('#', 1 << 20)}}}"}}""");

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, status);
    }

    [Theory]
    [InlineData("load")]
    [InlineData("unload")]
    public async Task Post_UnknownModel_Is404WithASuggestion(string act)
    {
        (HttpStatusCode status, JsonElement answer) = await PostAsync($"models/ad/{act}", null);

        Assert.Equal((HttpStatusCode.NotFound, "There is no model 'ad'. Did you mean 'add'?"), (status, answer.GetProperty("error").GetString()));
    }

    [Theory]
    [InlineData("""{"file:1/model.onnx":"AAAA"}""", "The parameter 'file:...' is not taken: a model's files come from the repository alone. Put them there and load the model again.")]
    [InlineData("""{"config":7}""", "The parameter 'config' must be a string that holds the keys of a model.yaml, as JSON or YAML.")]
    public async Task Load_ParameterAtFault_Is400(string parameters, string error)
    {
        (HttpStatusCode status, JsonElement answer) = await PostAsync("models/add/load", $$"""{"parameters":{{parameters}}}""");

        Assert.Equal((HttpStatusCode.BadRequest, error), (status, answer.GetProperty("error").GetString()));
    }

    private const string Request = """{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[1]}]}""";

    private static void Fill(RepositoryFolder repository)
    {
        repository.AddVersion("add", 1, TestModels.AddConstant(1));
        repository.AddVersion("add", 2, TestModels.AddConstant(2));
        repository.AddVersion("broken", 1, TestModels.Broken());
        repository.AddConfig("empty", "");
    }

    private static IEnumerable<string> Entries(JsonElement index) => index.EnumerateArray().Select(entry =>
        $"{entry.GetProperty("name").GetString()}{(entry.TryGetProperty("version", out JsonElement version) ? "/" + version.GetString() : "")} {entry.GetProperty("state").GetString()}");

    private async Task<(HttpStatusCode Status, JsonElement Answer)> PostAsync(string path, string? json)
    {
        using HttpContent? body = json is null ? null : InferCalls.Json(json);
        using HttpResponseMessage response = await Host.Client.PostAsync(new Uri($"/v2/repository/{path}", UriKind.Relative), body);
        string text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, text.Length == 0 ? default : JsonDocument.Parse(text).RootElement);
    }
}
