using System.Net;
using System.Text.Json;
using Xunit;

namespace ModelGateway.Tests.Protocols.OpenInference;

[Collection(OpenInferenceCollection.Name)]
public sealed class ServerTests(OpenInferenceHost host)
{
    [Fact]
    public async Task Server_Metadata_NamesWhatIsThere()
    {
        using JsonDocument answer = JsonDocument.Parse(await host.Gateway.Client.GetStringAsync("/v2"));

        Assert.Equal("modelgateway", answer.RootElement.GetProperty("name").GetString());
        Assert.Matches(@"^\d+\.\d+\.\d+$", answer.RootElement.GetProperty("version").GetString());
        Assert.Equal(
            ["classification", "model_repository", "model_repository(unload_dependents)", "binary_tensor_data", "model_configuration", "statistics", "parameters", "logging"],
            answer.RootElement.GetProperty("extensions").EnumerateArray().Select(extension => extension.GetString()));
    }

    [Fact]
    public async Task Health_Running_IsLiveAndReady()
    {
        Assert.Equal("""{"live":true}""", await host.Gateway.Client.GetStringAsync("/v2/health/live"));
        Assert.Equal("""{"ready":true}""", await host.Gateway.Client.GetStringAsync("/v2/health/ready"));
    }

    [Fact]
    public async Task Health_RepositoryUnreadable_IsLiveAndNotReady()
    {
        await using GatewayHost gateway = await GatewayHost.StartUnreadyAsync(null, ("Gateway:Repository", Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString("N"))));

        using HttpResponseMessage ready = await gateway.Client.GetAsync(new Uri("/v2/health/ready", UriKind.Relative));

        Assert.Equal("""{"live":true}""", await gateway.Client.GetStringAsync("/v2/health/live"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
        Assert.Equal("""{"ready":false}""", await ready.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("/v2/models/mlp/infer")]
    [InlineData("/v2/repository/index")]
    public async Task Path_WrongVerb_Is405WithTheProtocolsError(string path)
    {
        using HttpResponseMessage response = await host.Gateway.Client.GetAsync(new Uri(path, UriKind.Relative));
        using JsonDocument answer = JsonDocument.Parse(await response.Content.ReadAsStringAsync());

        Assert.Equal(HttpStatusCode.MethodNotAllowed, response.StatusCode);
        Assert.NotEmpty(answer.RootElement.GetProperty("error").GetString()!);
    }
}
