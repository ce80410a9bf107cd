using ModelGateway.TestKit;
using Xunit;
using YamlDotNet.RepresentationModel;

namespace ModelGateway.Deploy.Tests.Clouds;

/// <summary>
/// The files below deploy/azure have fields that Microsoft documents ("CLI (v2) managed online deployment YAML schema", "... managed online
/// endpoint YAML schema", and "Use a custom container to deploy a model to an online endpoint"), and the container answers on their routes.
/// </summary>
public sealed class AzureMlTemplateTests
{
    private static readonly string[] Routes = ["liveness_route", "readiness_route", "scoring_route"];

    private static readonly HashSet<string> DeploymentFields =
    [
        "$schema", "name", "description", "endpoint_name", "model", "model_mount_path", "instance_type", "instance_count", "app_insights_enabled",
        "egress_public_network_access", "scale_settings.type", "environment.name", "environment.version", "environment.image",
        .. Routes.SelectMany(route => new[] { $"environment.inference_config.{route}.path", $"environment.inference_config.{route}.port" }),
        .. new[] { "request_timeout_ms", "max_concurrent_requests_per_instance", "max_queue_wait_ms" }.Select(field => "request_settings." + field),
        .. new[] { "liveness_probe", "readiness_probe" }.SelectMany(
            probe => new[] { "period", "initial_delay", "timeout", "success_threshold", "failure_threshold" }.Select(field => $"{probe}.{field}")),
    ];

    private static readonly HashSet<string> EndpointFields =
        ["$schema", "name", "description", "auth_mode", "public_network_access", "identity.type", "mirror_traffic"];

    [Fact]
    public void Files_OfTheTemplate_HaveDocumentedFieldsOnly()
    {
        YamlMappingNode deployment = Read("deployment.yaml");

        Assert.All(
            DocumentedFields.OfYaml(deployment).Where(field => !field.StartsWith("environment_variables.", StringComparison.Ordinal)), field => Assert.Contains(field, DeploymentFields));
        Assert.All(DocumentedFields.OfYaml(Read("endpoint.yaml")), field => Assert.Contains(field, EndpointFields));
        Assert.All(new[] { "name", "endpoint_name", "environment", "instance_type", "instance_count" }, required => Assert.Contains(required, deployment.Children.Keys.Select(key => key.ToString())));
        Assert.Equal(Read("endpoint.yaml")["name"], deployment["endpoint_name"]);
    }

    [Fact]
    public async Task Container_OfTheTemplate_AnswersOnItsRoutes()
    {
        YamlMappingNode deployment = Read("deployment.yaml");
        string[] model = deployment["model"].ToString().Split(':');
        YamlNode routes = deployment["environment"]["inference_config"];
        using var run = new PlatformRun();

        // Where Azure ML mounts a registered model; the port is that of the test's machine.
        run.Environment["AZUREML_MODEL_DIR"] = run.PlaceIris(Path.Combine(model[1], model[2]));
        foreach ((YamlNode name, YamlNode value) in (YamlMappingNode)deployment["environment_variables"])
        {
            run.Environment[name.ToString()] = value.ToString();
        }

        run.Environment["ASPNETCORE_URLS"] = "http://127.0.0.1:{port}";
        await run.StartAsync(routes["readiness_route"]["path"].ToString());

        Assert.All(Routes, route => Assert.Equal("5001", routes[route]["port"].ToString()));
        Assert.Equal(200, await run.GetAsync(routes["liveness_route"]["path"].ToString()));
        (int status, string body) = await run.PostAsync(routes["scoring_route"]["path"].ToString(), """{"instances":[[5.1,3.5,1.4,0.2]]}""");
        Assert.Equal(200, status);
        Assert.StartsWith("""{"model":"iris","version":"3",""", body, StringComparison.Ordinal);
    }

    private static YamlMappingNode Read(string file)
    {
        var stream = new YamlStream();
        using var reader = new StreamReader(Path.Combine(RepositoryRoot.Path, "deploy", "azure", "machine-learning", file));
        stream.Load(reader);
        return (YamlMappingNode)stream.Documents[0].RootNode;
    }
}
