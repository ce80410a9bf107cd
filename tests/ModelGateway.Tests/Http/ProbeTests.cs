using System.Net;
using System.Text.Json;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Tests.Http;

/// <summary>What load balancers ask, and what a changed model.yaml shows without a reload.</summary>
public sealed class ProbeTests
{
    [Theory]
    [InlineData("/health/live")]
    [InlineData("/health/ready")]
    [InlineData("/v2/health/live")]
    [InlineData("/v2/health/ready")]
    public async Task Head_OfAProbe_IsAnsweredWithoutABody(string path)
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository => repository.AddVersion("m", 1, TestModels.AddConstant(1)));
        using var request = new HttpRequestMessage(HttpMethod.Head, path);

        using HttpResponseMessage response = await host.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Empty(await response.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Config_AfterModelYamlChanged_ShowsPolicyAndDescriptionWithoutAReload()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository => repository.AddVersion("m", 1, TestModels.AddConstant(1)));

        host.Repository.AddConfig("m", "description: adds one\nversion_policy: all\n");

        await host.WaitUntilAsync(manager => manager.Find("m")?.Config.Description == "adds one");
        string config = await host.Client.GetStringAsync(new Uri("/v2/models/m/config", UriKind.Relative));
        Assert.True(JsonDocument.Parse(config).RootElement.GetProperty("version_policy").TryGetProperty("all", out _), config);
        string metadata = await host.Client.GetStringAsync(new Uri("/v2/models/m", UriKind.Relative));
        Assert.Contains("adds one", metadata, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Predict_ModelInTheBody_KeepsTheModelsOwnLimit()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository =>
        {
            repository.AddVersion("m", 1, TestModels.AddConstant(1));
            repository.AddConfig("m", "limits: {max_body_bytes: 1KiB}\n");
        });
        string padding = new(' ', 2000);
        using var content = new StringContent("{\"model\":\"m\"," + padding + "\"inputs\":{\"x\":[[1]]}}");

        using HttpResponseMessage response = await host.Client.PostAsync(new Uri("/predict", UriKind.Relative), content);

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
    }

    [Fact]
    public async Task Predict_InputAtFault_TellsItsStages()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(repository => repository.AddVersion("m", 1, TestModels.AddConstant(1)));
        using var content = new StringContent("""{"inputs":{"y":[[1]]}}""");

        using HttpResponseMessage response = await host.Client.PostAsync(new Uri("/predict/m", UriKind.Relative), content);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.StartsWith("read;dur=", response.Headers.GetValues("Server-Timing").Single(), StringComparison.Ordinal);
    }
}
