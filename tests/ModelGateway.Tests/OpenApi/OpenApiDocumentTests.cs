using System.Text.Json.Nodes;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Tests.OpenApi;

/// <summary>The document over HTTP: one typed operation a loaded model, with an example that can be sent as it stands.</summary>
public sealed class OpenApiDocumentTests
{
    [Fact]
    public async Task Schema_OfInputs_FollowsTheSignature()
    {
        await using GatewayHost host = await OpenedDocument.StartAsync(repository =>
        {
            repository.AddVersion("typed", 1, TestModels.MixedTypes());
            repository.AddVersion("optional", 1, TestModels.OptionalInput());
            repository.AddVersion("any-rank", 1, TestModels.UnknownRank());
            repository.AddVersion("scalar", 1, TestModels.Scalar());
            repository.AddConfig("typed", "description: All sorts\nlimits: {max_batch_size: 7}\n");
        });
        JsonObject paths = (await OpenedDocument.ReadAsync(host))["paths"]!.AsObject();

        JsonNode typed = OpenedDocument.Inputs(paths, "typed");
        Assert.Equal("All sorts", (string?)paths["/predict/typed"]!["post"]!["summary"]);
        Assert.Equal(["ids", "text", "flags", "pixels"], typed["required"]!.AsArray().Select(name => (string)name!));
        Assert.Equal(
            """{"maxItems":7,"type":"array","items":{"maximum":9223372036854775807,"minimum":-9223372036854775808,"type":"integer","format":"int64"},"description":"INT64 [batch]"}""",
            typed["properties"]!["ids"]!.ToJsonString());
        Assert.Equal("string", (string?)typed["properties"]!["text"]!["items"]!["type"]);
        Assert.Equal("boolean", (string?)typed["properties"]!["flags"]!["items"]!["type"]);
        Assert.Equal(
            """{"maxItems":2,"minItems":2,"type":"array","items":{"maximum":255,"minimum":0,"type":"integer"}}""",
            typed["properties"]!["pixels"]!["items"]!.ToJsonString());
        Assert.Equal(["x"], OpenedDocument.Inputs(paths, "optional")["required"]!.AsArray().Select(name => (string)name!));
        Assert.NotNull(OpenedDocument.Inputs(paths, "optional")["properties"]!["bias"]);
        Assert.Equal("""{"description":"FP32 any shape"}""", OpenedDocument.Inputs(paths, "any-rank")["properties"]!["x"]!.ToJsonString());
        Assert.Equal("""{"type":"number","description":"FP32 []","format":"float"}""", OpenedDocument.Inputs(paths, "scalar")["properties"]!["x"]!.ToJsonString());
    }

    [Fact]
    public async Task Schema_OfOutputs_MapsAndSequences()
    {
        await using GatewayHost host = await OpenedDocument.StartAsync(repository =>
        {
            repository.AddVersion("maps", 1, TestModels.ZipMap("a", "b"));
            repository.AddVersion("parts", 1, TestModels.SplitToSequence());
            repository.AddVersion("classes", 1, TestModels.AddConstant(1));
            repository.AddConfig("classes", "class_labels:\n  y: [cat, dog]\n");
        });
        JsonObject paths = (await OpenedDocument.ReadAsync(host))["paths"]!.AsObject();

        JsonNode scores = OpenedDocument.Outputs(paths, "maps")["scores"]!;
        Assert.Equal("array", (string?)scores["type"]);
        Assert.Equal("number", (string?)scores["items"]!["additionalProperties"]!["type"]);
        Assert.Equal("array", (string?)OpenedDocument.Outputs(paths, "parts")["parts"]!["type"]);
        Assert.Contains("cat, dog", (string?)OpenedDocument.Outputs(paths, "classes")["y"]!["description"]);
    }

    [Theory]
    [InlineData(false, new[] { "Retry-After" })]
    [InlineData(true, new[] { "RateLimit", "RateLimit-Policy", "Retry-After" })]
    public async Task Document_TooManyRequests_NamesItsHeaders(bool isLimited, string[] headers)
    {
        await using GatewayHost host = await OpenedDocument.StartAsync(
            repository => repository.AddVersion("first", 1, TestModels.AddConstant(1)), isLimited ? [("Gateway:RateLimits:Subjects:0:Rate", "1000")] : []);

        JsonObject paths = (await OpenedDocument.ReadAsync(host))["paths"]!.AsObject();

        foreach (string path in new[] { "/predict/first", "/predict/{model}", "/v2/models/{model}/infer" })
        {
            Assert.Equal(headers, paths[path]!["post"]!["responses"]!["429"]!["headers"]!.AsObject().Select(header => header.Key).Order(StringComparer.Ordinal));
        }
    }

    [Fact]
    public async Task Document_Predictions_NameTheHeadersThatCallersMaySend()
    {
        await using GatewayHost host = await OpenedDocument.StartAsync(repository => repository.AddVersion("first", 1, TestModels.AddConstant(1)));
        JsonObject paths = (await OpenedDocument.ReadAsync(host))["paths"]!.AsObject();

        foreach (string path in new[] { "/predict/first", "/predict/{model}", "/predict/{model}/versions/{version}", "/v2/models/{model}/infer" })
        {
            IEnumerable<string?> headers = paths[path]!["post"]!["parameters"]!.AsArray().Where(parameter => (string?)parameter!["in"] == "header").Select(parameter => (string?)parameter!["name"]);
            Assert.Equal(["X-Request-Timeout", "grpc-timeout", "Cache-Control", "X-Request-Id"], headers);
        }
    }

    [Fact]
    public async Task Document_ModelsComeAndGo_Changes()
    {
        await using GatewayHost host = await OpenedDocument.StartAsync(repository => repository.AddVersion("first", 1, TestModels.AddConstant(1)));
        Assert.Equal(["/predict/first"], await OpenedDocument.ModelPathsAsync(host));

        host.Repository.AddVersion("second", 3, TestModels.TwoInputsSum());
        await host.WaitUntilReadyAsync("second", 3);
        Assert.Equal(["/predict/first", "/predict/second"], await OpenedDocument.ModelPathsAsync(host));
        Assert.Contains("Version 3", (string?)(await OpenedDocument.ReadAsync(host))["paths"]!["/predict/second"]!["post"]!["description"]);

        host.Repository.RemoveModel("first");
        await host.WaitUntilAsync(manager => manager.Find("first")?.Default is null);
        Assert.Equal(["/predict/second"], await OpenedDocument.ModelPathsAsync(host));
    }

    [Fact]
    public async Task Document_BrokenModel_HasNoOperation()
    {
        await using GatewayHost host = await OpenedDocument.StartAsync(repository => repository.AddVersion("broken", 1, TestModels.Broken()));
        Assert.Empty(await OpenedDocument.ModelPathsAsync(host));
    }

    [Fact]
    public async Task Document_GenericOperations_StayWithErrors()
    {
        await using GatewayHost host = await OpenedDocument.StartAsync(_ => { });
        JsonObject document = await OpenedDocument.ReadAsync(host);

        JsonNode predict = document["paths"]!["/predict/{model}/versions/{version}"]!["post"]!;
        Assert.Equal(["model", "version"], predict["parameters"]!.AsArray().Where(parameter => (string?)parameter!["in"] == "path").Select(parameter => (string)parameter!["name"]!));
        Assert.Equal("#/components/schemas/Problem", (string?)predict["responses"]!["4XX"]!["content"]!["application/problem+json"]!["schema"]!["$ref"]);
        Assert.NotNull(document["components"]!["schemas"]!["Problem"]!["properties"]!["error"]);
        Assert.NotNull(document["paths"]!["/health/ready"]);
        Assert.NotNull(document["paths"]!["/v2/models/{model}/infer"]!["post"]!["requestBody"]);
        Assert.DoesNotContain("ProblemDetails", document.ToJsonString());

        // Switched off, nothing asks for a token.
        Assert.Null(document["components"]!["securitySchemes"]);
        Assert.Null(predict["security"]);
    }

    [Fact]
    public async Task Operations_AuthEnabled_AskForBearer()
    {
        await using GatewayHost host = await OpenedDocument.StartAsync(
            repository => repository.AddVersion("m", 1, TestModels.AddConstant(1)), ("environment", "Development"), ("Gateway:Auth:Enabled", "true"));
        JsonObject document = await OpenedDocument.ReadAsync(host);

        Assert.Equal("bearer", (string?)document["components"]!["securitySchemes"]!["bearer"]!["scheme"]);
        foreach (string path in new[] { "/predict/m", "/predict/{model}" })
        {
            JsonNode operation = document["paths"]![path]!["post"]!;
            Assert.NotNull(operation["security"]![0]!["bearer"]);
            Assert.NotNull(operation["responses"]!["401"]);
            Assert.NotNull(operation["responses"]!["403"]);
        }

        Assert.Null(document["paths"]!["/health/live"]!["get"]!["security"]);
    }
}
