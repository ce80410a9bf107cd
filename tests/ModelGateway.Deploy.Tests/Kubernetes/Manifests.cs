using k8s;
using k8s.Models;
using Xunit;

namespace ModelGateway.Deploy.Tests.Kubernetes;

/// <summary>
/// Documents as the cluster would read them, strictly: a key that a type does not have, or that is there twice, is an error. The types
/// are the Kubernetes client's, and for custom resources those beside this file.
/// </summary>
internal sealed class Manifests
{
    private static readonly Dictionary<string, Type> CustomTypes = new()
    {
        ["monitoring.coreos.com/v1/ServiceMonitor"] = typeof(ServiceMonitor),
        ["monitoring.coreos.com/v1/PrometheusRule"] = typeof(PrometheusRule),
        ["keda.sh/v1alpha1/ScaledObject"] = typeof(ScaledObject),
        ["serving.kserve.io/v1alpha1/ServingRuntime"] = typeof(ServingRuntime),
    };

    private Manifests(IReadOnlyList<object> all) => All = all;

    public IReadOnlyList<object> All { get; }

    public V1Deployment Deployment => One<V1Deployment>();

    public V1PodSpec Pod => Deployment.Spec.Template.Spec;

    public V1Container Container => Assert.Single(Pod.Containers);

    /// <summary>Values of the variables that are written out, by name.</summary>
    public IReadOnlyDictionary<string, string> Environment =>
        Container.Env.Where(variable => variable.Value is not null).ToDictionary(variable => variable.Name, variable => variable.Value);

    public static Manifests Load(string yaml) => new(KubernetesYaml.LoadAllFromString(yaml, CustomTypes, strict: true));

    public T One<T>() => Assert.Single(All.OfType<T>());

    public bool Has<T>() => All.OfType<T>().Any();
}
