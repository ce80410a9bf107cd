using System.Text.Json.Nodes;
using ModelGateway.TestKit.Repository;
using ModelGateway.Tests.Auth;
using Xunit;

namespace ModelGateway.Tests.OpenApi;

/// <summary>Reads the document of a host that shows it to everybody.</summary>
internal static class OpenedDocument
{
    private const string Path = "/swagger/v1/swagger.json";

    public static Task<GatewayHost> StartAsync(Action<RepositoryFolder> fill, params (string Key, string Value)[] settings) =>
        GatewayHost.StartAsync(fill, [("Gateway:Swagger:Enabled", "true"), ("Gateway:Swagger:RequireToken", "false"), .. settings]);

    public static async Task<JsonObject> ReadAsync(GatewayHost host)
    {
        Answer answer = await GuardedHost.GetAsync(host.Client, Path, null);
        Assert.Equal(200, answer.Status);
        return JsonNode.Parse(answer.Body)!.AsObject();
    }

    public static async Task<string[]> ModelPathsAsync(GatewayHost host) =>
        [.. (await ReadAsync(host))["paths"]!.AsObject().Select(path => path.Key).Where(path => path.StartsWith("/predict/", StringComparison.Ordinal) && !path.Contains('{'))];

    public static JsonNode Body(JsonNode path) => path["post"]!["requestBody"]!["content"]!["application/json"]!;

    public static JsonNode Inputs(JsonObject paths, string model) => Body(paths[$"/predict/{model}"]!)["schema"]!["properties"]!["inputs"]!;

    public static JsonNode Outputs(JsonObject paths, string model) =>
        paths[$"/predict/{model}"]!["post"]!["responses"]!["200"]!["content"]!["application/json"]!["schema"]!["properties"]!["outputs"]!["properties"]!;
}
