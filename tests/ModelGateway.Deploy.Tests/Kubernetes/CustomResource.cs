using k8s;
using k8s.Models;

namespace ModelGateway.Deploy.Tests.Kubernetes;

/// <summary>What all custom resources have; the shapes derived from it hold the fields that our manifests may use, as their definitions name them.</summary>
internal abstract class CustomResource : IKubernetesObject<V1ObjectMeta>
{
    public string ApiVersion { get; set; } = "";

    public string Kind { get; set; } = "";

    public V1ObjectMeta Metadata { get; set; } = new();
}

/// <summary>Prometheus Operator: whom to scrape.</summary>
internal sealed class ServiceMonitor : CustomResource
{
    public SpecShape Spec { get; set; } = new();

    internal sealed class SpecShape
    {
        public V1LabelSelector Selector { get; set; } = new();

        public NamespaceShape NamespaceSelector { get; set; } = new();

        public IList<EndpointShape> Endpoints { get; set; } = [];
    }

    internal sealed class NamespaceShape
    {
        public bool? Any { get; set; }

        public IList<string> MatchNames { get; set; } = [];
    }

    internal sealed class EndpointShape
    {
        public string? Port { get; set; }

        public string? Path { get; set; }

        public string? Scheme { get; set; }

        public string? Interval { get; set; }

        public TlsShape? TlsConfig { get; set; }

        public IList<RelabelShape> Relabelings { get; set; } = [];

        public AuthorizationShape? Authorization { get; set; }
    }

    internal sealed class RelabelShape
    {
        public string? TargetLabel { get; set; }

        public string? Replacement { get; set; }
    }

    internal sealed class AuthorizationShape
    {
        public string? Type { get; set; }

        public V1SecretKeySelector? Credentials { get; set; }
    }

    internal sealed class TlsShape
    {
        public bool? InsecureSkipVerify { get; set; }
    }
}

/// <summary>Prometheus Operator: alerts and recorded series.</summary>
internal sealed class PrometheusRule : CustomResource
{
    public SpecShape Spec { get; set; } = new();

    internal sealed class SpecShape
    {
        public IList<GroupShape> Groups { get; set; } = [];
    }

    internal sealed class GroupShape
    {
        public string Name { get; set; } = "";

        public string? Interval { get; set; }

        public int? Limit { get; set; }

        public IList<RuleShape> Rules { get; set; } = [];
    }

    internal sealed class RuleShape
    {
        public string? Alert { get; set; }

        public string? Record { get; set; }

        public string Expr { get; set; } = "";

        public string? For { get; set; }

        [System.Text.Json.Serialization.JsonPropertyName("keep_firing_for")]
        public string? KeepFiringFor { get; set; }

        public IDictionary<string, string> Labels { get; set; } = new Dictionary<string, string>();

        public IDictionary<string, string> Annotations { get; set; } = new Dictionary<string, string>();
    }
}

/// <summary>KEDA: replicas by what triggers say.</summary>
internal sealed class ScaledObject : CustomResource
{
    public SpecShape Spec { get; set; } = new();

    internal sealed class SpecShape
    {
        public TargetShape ScaleTargetRef { get; set; } = new();

        public int? MinReplicaCount { get; set; }

        public int? MaxReplicaCount { get; set; }

        public int? PollingInterval { get; set; }

        public int? CooldownPeriod { get; set; }

        public IList<TriggerShape> Triggers { get; set; } = [];
    }

    internal sealed class TargetShape
    {
        public string? ApiVersion { get; set; }

        public string? Kind { get; set; }

        public string Name { get; set; } = "";
    }

    internal sealed class TriggerShape
    {
        public string Type { get; set; } = "";

        public string? MetricType { get; set; }

        public IDictionary<string, string> Metadata { get; set; } = new Dictionary<string, string>();
    }
}

/// <summary>KServe: how pods that serve models look.</summary>
internal sealed class ServingRuntime : CustomResource
{
    public SpecShape Spec { get; set; } = new();

    internal sealed class SpecShape
    {
        public IDictionary<string, string> Annotations { get; set; } = new Dictionary<string, string>();

        public IDictionary<string, string> Labels { get; set; } = new Dictionary<string, string>();

        public IList<FormatShape> SupportedModelFormats { get; set; } = [];

        public IList<string> ProtocolVersions { get; set; } = [];

        public bool? MultiModel { get; set; }

        public bool? Disabled { get; set; }

        public IList<V1Container> Containers { get; set; } = [];

        public IList<V1Volume> Volumes { get; set; } = [];
    }

    internal sealed class FormatShape
    {
        public string Name { get; set; } = "";

        public string? Version { get; set; }

        public bool? AutoSelect { get; set; }

        public int? Priority { get; set; }
    }
}
