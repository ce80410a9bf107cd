using k8s.Models;
using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Deploy.Tests.Kubernetes;

/// <summary>The runtime for KServe.</summary>
public sealed class ServingRuntimeTests
{
    [Fact]
    public void ServingRuntime_Loaded_FitsKServe()
    {
        ServingRuntime runtime = Manifests.Load(CheckedInFile.Read("deploy/kserve/serving-runtime.yaml")).One<ServingRuntime>();

        // KServe looks for this name, mounts the models there, and sends to this port.
        V1Container container = Assert.Single(runtime.Spec.Containers);
        Assert.Equal("kserve-container", container.Name);
        Assert.Equal("/mnt/models", container.Env.Single(variable => variable.Name == "Gateway__Repository").Value);
        Assert.Equal(8080, Assert.Single(container.Ports).ContainerPort);
        Assert.Equal(["v2"], runtime.Spec.ProtocolVersions);
        Assert.Contains(runtime.Spec.SupportedModelFormats, format => format.Name == "onnx");
        Assert.Equal("/v2/health/ready", container.ReadinessProbe.HttpGet.Path);
        ManifestRules.CheckEnvironment(container, "serving runtime");
    }

    [Fact]
    public void ServingRuntime_Stopping_FitsTheDefaultGracePeriod()
    {
        V1Container container = Assert.Single(Manifests.Load(CheckedInFile.Read("deploy/kserve/serving-runtime.yaml")).One<ServingRuntime>().Spec.Containers);
        Dictionary<string, string> environment = container.Env.ToDictionary(variable => variable.Name, variable => variable.Value);

        // What a pod has that names none; a ServingRuntime has no field for it.
        ManifestRules.CheckStop(environment, TimeSpan.FromSeconds(30));
        ManifestRules.CheckDelay(environment);
    }
}
