using System.Text;
using System.Text.Json.Nodes;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Tests.OpenApi;

/// <summary>The examples of the document, sent as they stand.</summary>
public sealed class ModelExampleTests
{
    [Fact]
    public async Task Examples_OfEachModel_Answer200()
    {
        await using GatewayHost host = await OpenedDocument.StartAsync(repository =>
        {
            repository.AddVersion("add", 1, TestModels.AddConstant(1));
            repository.AddVersion("sum", 1, TestModels.TwoInputsSum());
            repository.AddVersion("mixed", 1, TestModels.MixedTypes());
            repository.AddVersion("none", 1, TestModels.NoInputs());
            repository.AddVersion("scalar", 1, TestModels.Scalar());
            repository.AddVersion("any-rank", 1, TestModels.UnknownRank());
            repository.AddConfig("any-rank", "warmup:\n  - inputs:\n      x: [[1, 2], [3, 4]]\n");
            repository.AddVersion("optional", 1, TestModels.OptionalInput());
            repository.AddVersion("zero", 1, TestModels.ZeroSize());
            repository.AddVersion("maps", 1, TestModels.ZipMap("a", "b"));
            repository.AddVersion("parts", 1, TestModels.SplitToSequence());
            repository.AddVersion("picture", 1, TestModels.Identity(OnnxElementType.Float, 1, 3, 224, 224));
            foreach (OnnxElementType type in new[]
            {
                OnnxElementType.Bool, OnnxElementType.Int8, OnnxElementType.Int16, OnnxElementType.Int32, OnnxElementType.Int64, OnnxElementType.UInt8,
                OnnxElementType.UInt16, OnnxElementType.UInt32, OnnxElementType.UInt64, OnnxElementType.Float16, OnnxElementType.BFloat16, OnnxElementType.Double,
                OnnxElementType.String,
            })
            {
                repository.AddVersion($"type-{type}", 1, TestModels.Identity(type, "n", 2));
            }
        });

        JsonObject paths = (await OpenedDocument.ReadAsync(host))["paths"]!.AsObject();
        string[] models = [.. paths.Select(path => path.Key).Where(path => path.StartsWith("/predict/", StringComparison.Ordinal) && !path.Contains('{'))];

        Assert.Equal(24, models.Length);
        foreach (string path in models)
        {
            string example = OpenedDocument.Body(paths[path]!)["example"]!.ToJsonString();
            using var content = new StringContent(example, Encoding.UTF8, "application/json");
            using HttpResponseMessage response = await host.Client.PostAsync(path, content);
            Assert.True(response.IsSuccessStatusCode, $"{path}: {await response.Content.ReadAsStringAsync()}");
        }
    }

    [Fact]
    public async Task Example_NoneKnown_SaysHowToGiveOne()
    {
        await using GatewayHost host = await OpenedDocument.StartAsync(repository => repository.AddVersion("any-rank", 1, TestModels.UnknownRank()));
        JsonNode path = (await OpenedDocument.ReadAsync(host))["paths"]!["/predict/any-rank"]!;

        Assert.Null(OpenedDocument.Body(path)["example"]);
        Assert.Contains("model.yaml", (string?)path["post"]!["description"]);
    }
}
