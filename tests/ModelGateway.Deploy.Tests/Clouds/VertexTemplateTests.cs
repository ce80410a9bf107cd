using System.Text.Json;
using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Deploy.Tests.Clouds;

/// <summary>
/// The requests below deploy/gcp have fields that the REST reference of Vertex AI documents (projects.locations.models.upload and
/// projects.locations.endpoints.deployModel, v1), and the container that they describe answers as Vertex AI calls it.
/// </summary>
public sealed class VertexTemplateTests
{
    // Model, ModelContainerSpec, Port, EnvVar; DeployedModel, DedicatedResources, MachineSpec, AutoscalingMetricSpec.
    private static readonly HashSet<string> Documented =
    [
        "model.displayName", "model.description", "model.artifactUri",
        .. new[] { "imageUri", "command[]", "args[]", "env[].name", "env[].value", "ports[].containerPort", "predictRoute", "healthRoute", "deploymentTimeout", "sharedMemorySizeMb" }
            .Select(field => "model.containerSpec." + field),
        .. new[]
        {
            "model", "displayName", "serviceAccount", "dedicatedResources.machineSpec.machineType", "dedicatedResources.minReplicaCount", "dedicatedResources.maxReplicaCount",
            "dedicatedResources.autoscalingMetricSpecs[].metricName", "dedicatedResources.autoscalingMetricSpecs[].target",
        }.Select(field => "deployedModel." + field),
        "trafficSplit.0",
    ];

    [Theory]
    [InlineData("upload-model.json")]
    [InlineData("deploy-model.json")]
    public void Request_OfTheTemplate_HasDocumentedFieldsOnly(string file) => Assert.All(DocumentedFields.OfJson(Read(file)), field => Assert.Contains(field, Documented));

    [Fact]
    public async Task Container_OfTheTemplate_AnswersAsVertexCallsIt()
    {
        JsonElement container = Read("upload-model.json").GetProperty("model").GetProperty("containerSpec");
        string health = container.GetProperty("healthRoute").GetString()!;
        string predict = container.GetProperty("predictRoute").GetString()!;
        using var run = new PlatformRun();
        run.PlaceIris("");

        // What Vertex AI sets from the request.
        run.Environment["AIP_MODE"] = "PREDICTION";
        run.Environment["AIP_HTTP_PORT"] = "{port}";
        run.Environment["AIP_HEALTH_ROUTE"] = health;
        run.Environment["AIP_PREDICT_ROUTE"] = predict;
        run.Environment["AIP_STORAGE_URI"] = run.Folder;
        foreach (JsonElement variable in container.GetProperty("env").EnumerateArray())
        {
            run.Environment[variable.GetProperty("name").GetString()!] = variable.GetProperty("value").GetString();
        }

        await run.StartAsync(health);
        (int status, string body) = await run.PostAsync(predict, """{"instances":[[5.1,3.5,1.4,0.2]],"parameters":{}}""");

        Assert.Equal(200, status);
        Assert.StartsWith("""{"predictions":[{"label":"setosa",""", body, StringComparison.Ordinal);
    }

    private static JsonElement Read(string file)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(Path.Combine(RepositoryRoot.Path, "deploy", "gcp", "vertex-ai", file)));
        return document.RootElement.Clone();
    }
}
