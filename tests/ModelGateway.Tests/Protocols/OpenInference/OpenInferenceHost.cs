using ModelGateway.Serving.Tensors;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Tests.Protocols.OpenInference;

/// <summary>One host for all tests that change nothing, with a model of every kind.</summary>
public sealed class OpenInferenceHost : IAsyncLifetime
{
    private GatewayHost? _gateway;

    public GatewayHost Gateway => _gateway!;

    public async Task InitializeAsync() => _gateway = await GatewayHost.StartAsync(Fill);

    public async Task DisposeAsync() => await Gateway.DisposeAsync();

    private static void Fill(RepositoryFolder repository)
    {
        foreach (string type in TensorTypes.AllNames)
        {
            _ = TensorTypes.TryParse(type, out TensorType parsed);
            repository.AddVersion($"identity_{type}", 1, TestModels.Identity(parsed.ToOnnx(), "n"));
        }

        repository.AddVersion("mlp", 3, TestModels.Mlp(), ("labels.txt", "low\nmiddle\nhigh\n"u8.ToArray()));
        repository.AddVersion("table", 2, TestModels.Mlp(), ("columns.txt", "sepal length (cm)\nsepal width (cm)\npetal length (cm)\npetal width (cm)\n"u8.ToArray()));
        repository.AddConfig("table", "{labels: {champion: 2}, metadata: {team: botany, run_id: none, digest: mine}, version_metadata: {2: {run_id: 4f1c}, 9: {x: y}}}");
        repository.AddVersion("sum", 1, TestModels.TwoInputsSum());
        repository.AddVersion("add", 1, TestModels.AddConstant(1));
        repository.AddVersion("mixed", 1, TestModels.MixedTypes());
        repository.AddVersion("none", 1, TestModels.NoInputs());
        repository.AddVersion("scalar", 1, TestModels.Scalar());
        repository.AddVersion("any_rank", 1, TestModels.UnknownRank());
        repository.AddVersion("optional", 1, TestModels.OptionalInput());
        repository.AddVersion("empty", 1, TestModels.ZeroSize());
        repository.AddVersion("zipmap", 1, TestModels.ZipMap("cat", "dög"));
        repository.AddVersion("zipmap_numbers", 1, TestModels.ZipMap(7, -8));
        repository.AddVersion("split", 1, TestModels.SplitToSequence());
        repository.AddVersion("slow", 1, TestModels.Slow(1));
        repository.AddVersion("gather", 1, TestModels.FailsAtRun());
        repository.AddVersion("image", 1, TestModels.Identity(OnnxElementType.UInt8, 2, "width", 3));
        repository.AddVersion("fixed", 1, TestModels.Identity(OnnxElementType.Float, 2, 2));
        repository.AddVersion("text", 1, TestModels.Identity(OnnxElementType.String, 1, 1));
        repository.AddVersion("broken", 1, TestModels.Broken());
    }
}

[CollectionDefinition(Name)]
[System.Diagnostics.CodeAnalysis.SuppressMessage("Naming", "CA1711", Justification = "xUnit's word for tests that share a fixture.")]
public sealed class OpenInferenceCollection : ICollectionFixture<OpenInferenceHost>
{
    public const string Name = "OpenInference";
}
