using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Tests.Platforms;

/// <summary>Vertex AI's routes, requests and answers.</summary>
public sealed class VertexTests(VertexHost host) : IClassFixture<VertexHost>
{
    internal static readonly (string, string)[] Variables =
        [("AIP_MODE", "PREDICTION"), ("AIP_PREDICT_ROUTE", Predict), ("AIP_HEALTH_ROUTE", Health), ("AIP_ENDPOINT_ID", "12"), ("AIP_DEPLOYED_MODEL_ID", "34")];

    private const string Predict = "/v1/endpoints/12/deployedModels/34:predict";
    private const string Health = "/v1/endpoints/12/deployedModels/34";

    [Fact]
    public async Task Health_ModelReady_200()
    {
        await using GatewayHost broken = await StartAsync(repository => repository.AddVersion("m", 1, TestModels.Broken()));

        Assert.Equal(200, (await PlatformCall.GetAsync(host.Client, Health)).Status);
        Assert.Equal(503, (await PlatformCall.GetAsync(broken.Client, Health)).Status);
    }

    [Theory]
    [InlineData("""{"instances":[[1,2],[3,4]]}""")]
    [InlineData("""{"instances":[[1,2],[3,4]],"parameters":{}}""")]
    [InlineData("""{"parameters":{"timeout":30000000},"instances":[{"x":[1,2]},{"x":[3,4]}]}""")]
    public async Task Predict_OneOutput_OnePredictionAnInstance(string body)
    {
        PlatformCall answer = await PlatformCall.PostAsync(host.Client, Predict, body);

        Assert.Equal((200, "application/json"), (answer.Status, answer.ContentType));
        Assert.Equal("""{"predictions":[[11,12],[13,14]]}""", answer.Body);
        Assert.Equal(("12", "34"), (answer.Headers["X-Vertex-AI-Endpoint-Id"], answer.Headers["X-Vertex-AI-Deployed-Model-Id"]));
    }

    [Fact]
    public async Task Predict_SeveralOutputs_OneObjectAnInstance()
    {
        await using GatewayHost maps = await StartAsync(repository => repository.AddVersion("m", 1, TestModels.ZipMap("a", "b")));
        await using GatewayHost mixed = await StartAsync(repository => repository.AddVersion("m", 1, TestModels.MixedTypes()));

        PlatformCall scores = await PlatformCall.PostAsync(maps.Client, Predict, """{"instances":[[0.25,0.75],[1,0]]}""");
        PlatformCall types = await PlatformCall.PostAsync(
            mixed.Client, Predict, """{"instances":[{"ids":1,"text":"a\"","flags":true,"pixels":[1,2]},{"ids":2,"text":"b","flags":false,"pixels":[3,4]}]}""");

        Assert.Equal("""{"predictions":[{"label":"b","scores":{"a":0.25,"b":0.75}},{"label":"a","scores":{"a":1,"b":0}}]}""", scores.Body);
        Assert.Equal(
            """{"predictions":[{"ids_out":1,"text_out":"a\"","flags_out":true,"pixels_out":[1,2]},{"ids_out":2,"text_out":"b","flags_out":false,"pixels_out":[3,4]}]}""", types.Body);
    }

    [Fact]
    public async Task RawPredict_OtherBodies_AreAnsweredInTheirDialect()
    {
        PlatformCall native = await PlatformCall.PostAsync(host.Client, Predict, """{"inputs":[[1]]}""");
        PlatformCall open = await PlatformCall.PostAsync(host.Client, Predict, """{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"data":[1]}]}""");

        Assert.Equal("""{"model":"m","version":"1","outputs":{"y":[[11]]}}""", native.Body);
        Assert.StartsWith("""{"model_name":"m",""", open.Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"instances":[]}""", "instances")]
    [InlineData("{}", "instances")]
    [InlineData("""{"instances":[["a"]]}""", "a string")]
    public async Task Predict_FaultyRequest_400(string body, string fault)
    {
        PlatformCall answer = await PlatformCall.PostAsync(host.Client, Predict, body);

        Assert.Equal((400, "application/problem+json"), (answer.Status, answer.ContentType));
        Assert.Contains(fault, answer.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Predict_RouteThatIsOneOfOurs_IsThePlatforms()
    {
        await using GatewayHost own = await StartAsync(
            repository => repository.AddVersion("m", 1, TestModels.AddConstant(1)), ("AIP_PREDICT_ROUTE", "/predict"), ("AIP_HEALTH_ROUTE", "/health/live"), ("Gateway:Swagger:Enabled", "true"));

        Assert.Equal("""{"predictions":[[2]]}""", (await PlatformCall.PostAsync(own.Client, "/predict", """{"instances":[[1]]}""")).Body);
        Assert.Equal("ready", (await PlatformCall.GetAsync(own.Client, "/health/live")).Body);
        Assert.Equal(200, (await PlatformCall.GetAsync(own.Client, "/swagger/v1/swagger.json")).Status);
    }

    private static Task<GatewayHost> StartAsync(Action<RepositoryFolder> fill, params (string, string)[] settings) => GatewayHost.StartAsync(fill, [.. Variables, .. settings]);
}
