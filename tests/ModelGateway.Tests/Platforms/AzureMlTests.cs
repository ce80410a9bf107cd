using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Tests.Platforms;

/// <summary>Azure ML's routes, and that a gateway without a platform has none of any platform's.</summary>
public sealed class AzureMlTests
{
    private static readonly (string, string) On = ("Gateway:Platform", "azureml");

    [Fact]
    public async Task Routes_ModelReady_AnswerAsTheInferenceServerDoes()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository => repository.AddVersion("iris", 3, TestModels.AddConstant(1)), On);

        PlatformCall health = await PlatformCall.GetAsync(host.Client, "/");
        PlatformCall score = await PlatformCall.PostAsync(host.Client, "/score", """{"instances":[[1,2]]}""");
        PlatformCall open = await PlatformCall.PostAsync(host.Client, "/score", """{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"data":[1]}]}""");
        PlatformCall faulty = await PlatformCall.PostAsync(host.Client, "/score", """{"instances":"none"}""");

        Assert.Equal((200, "Healthy"), (health.Status, health.Body));
        Assert.Equal((200, """{"model":"iris","version":"3","outputs":{"y":[[2,3]]}}"""), (score.Status, score.Body));
        Assert.StartsWith("""{"model_name":"iris","model_version":"3",""", open.Body, StringComparison.Ordinal);
        Assert.Equal(400, faulty.Status);
    }

    [Fact]
    public async Task Health_ModelFails_503()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository => repository.AddVersion("iris", 3, TestModels.Broken()), On);

        Assert.Equal(503, (await PlatformCall.GetAsync(host.Client, "/")).Status);
        Assert.Equal(503, (await PlatformCall.PostAsync(host.Client, "/score", """{"instances":[[1,2]]}""")).Status);
    }

    [Fact]
    public async Task Routes_NoPlatform_AreNotThereAndNotInTheDocument()
    {
        (string, string) swagger = ("Gateway:Swagger:Enabled", "true");
        await using GatewayHost off = await GatewayHost.StartAsync(repository => repository.AddVersion("m", 1, TestModels.AddConstant(1)), swagger);
        await using GatewayHost on = await GatewayHost.StartAsync(repository => repository.AddVersion("m", 1, TestModels.AddConstant(1)), swagger, ("Gateway:Platform", "sagemaker"), ("SAGEMAKER_MULTI_MODEL", "true"));

        foreach (string path in new[] { "/ping", "/invocations", "/models", "/", "/score" })
        {
            Assert.Equal(404, (await PlatformCall.GetAsync(off.Client, path)).Status);
        }

        string hidden = (await PlatformCall.GetAsync(off.Client, "/swagger/v1/swagger.json")).Body;
        string shown = (await PlatformCall.GetAsync(on.Client, "/swagger/v1/swagger.json")).Body;
        foreach (string path in new[] { "\"/ping\"", "\"/invocations\"", "\"/models\"", "\"/models/{name}/invoke\"" })
        {
            Assert.DoesNotContain(path, hidden, StringComparison.Ordinal);
            Assert.Contains(path, shown, StringComparison.Ordinal);
        }
    }
}
