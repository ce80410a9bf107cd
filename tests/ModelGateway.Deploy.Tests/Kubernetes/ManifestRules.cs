using System.Globalization;
using k8s.Models;
using Xunit;

namespace ModelGateway.Deploy.Tests.Kubernetes;

/// <summary>What must fit together in any set of manifests of the gateway, whoever rendered them.</summary>
internal static class ManifestRules
{
    // Users of the image: the one that docker/Dockerfile names.
    private const long User = 1654;
    private const string Delay = "Gateway__Shutdown__Delay";

    public static void Check(Manifests manifests)
    {
        CheckSelectors(manifests);
        CheckEnvironment(manifests.Container, "deployment");
        CheckVolumes(manifests.Pod);
        CheckDrain(manifests);
        CheckSecurity(manifests.Pod);
        CheckProbes(manifests);
        CheckCache(manifests);
        CheckScaling(manifests);
    }

    /// <summary>Variables of the gateway are settings of the gateway, and none is there twice.</summary>
    public static void CheckEnvironment(V1Container container, string where)
    {
        Assert.Equal(container.Env.Count, container.Env.Select(variable => variable.Name).Distinct(StringComparer.OrdinalIgnoreCase).Count());
        foreach (V1EnvVar variable in container.Env.Where(variable => variable.Name.StartsWith("Gateway__", StringComparison.Ordinal)))
        {
            GatewaySettings.AssertExists(variable.Name, where);
        }
    }

    /// <summary>Grace period &gt; delay and shutdown timeout of the gateway, and that timeout &gt; longest request: its body, then its run.</summary>
    /// <param name="environment">The gateway's variables; all but the delay must be there, so that no default of the gateway decides.</param>
    /// <param name="grace">After that it is killed.</param>
    public static void CheckStop(IReadOnlyDictionary<string, string> environment, TimeSpan grace)
    {
        TimeSpan request = Time("Gateway__Limits__BodyTimeout") + Time("Gateway__Limits__PredictTimeout");
        Assert.True(Time("Gateway__Shutdown__Timeout") > request, "The shutdown timeout is not longer than the longest request.");
        TimeSpan delay = environment.ContainsKey(Delay) ? Time(Delay) : TimeSpan.Zero;
        Assert.True(grace > delay + Time("Gateway__Shutdown__Timeout"), "The grace period is not longer than what the gateway gives itself.");

        TimeSpan Time(string variable) => TimeSpan.Parse(environment[variable], CultureInfo.InvariantCulture);
    }

    /// <summary>The gateway goes on for a while after a pod is told to stop.</summary>
    public static void CheckDelay(IReadOnlyDictionary<string, string> environment) =>
        Assert.True(TimeSpan.Parse(environment[Delay], CultureInfo.InvariantCulture) > TimeSpan.Zero, "Without a delay, requests arrive after the listener closed.");

    private static void CheckSelectors(Manifests manifests)
    {
        V1Deployment deployment = manifests.Deployment;
        IDictionary<string, string> labels = deployment.Spec.Template.Metadata.Labels;
        var selectors = new List<(string Who, IDictionary<string, string>? Labels)>
        {
            ("Deployment", deployment.Spec.Selector.MatchLabels),
            ("Service", manifests.One<V1Service>().Spec.Selector),
        };
        selectors.AddRange(manifests.All.OfType<V1PodDisruptionBudget>().Select(budget => ("PodDisruptionBudget", (IDictionary<string, string>?)budget.Spec.Selector.MatchLabels)));
        selectors.AddRange(manifests.All.OfType<V1NetworkPolicy>().Select(policy => ("NetworkPolicy", (IDictionary<string, string>?)policy.Spec.PodSelector.MatchLabels)));
        selectors.AddRange((manifests.Pod.TopologySpreadConstraints ?? []).Select(spread => ("topology spread", (IDictionary<string, string>?)spread.LabelSelector.MatchLabels)));
        foreach ((string who, IDictionary<string, string>? selector) in selectors)
        {
            // An empty selector selects everybody's pods.
            Assert.True(selector is { Count: > 0 }, $"{who} selects everything.");
            Assert.All(selector!, label => Assert.Equal(label.Value, labels[label.Key]));
        }

        foreach (ServiceMonitor monitor in manifests.All.OfType<ServiceMonitor>())
        {
            Assert.All(monitor.Spec.Selector.MatchLabels, label => Assert.Equal(label.Value, manifests.One<V1Service>().Metadata.Labels[label.Key]));
            Assert.Contains(manifests.One<V1Service>().Spec.Ports, port => port.Name == Assert.Single(monitor.Spec.Endpoints).Port);
        }

        Assert.Equal(manifests.Pod.ServiceAccountName, manifests.All.OfType<V1ServiceAccount>().SingleOrDefault()?.Metadata.Name ?? manifests.Pod.ServiceAccountName);
        Assert.All(manifests.One<V1Service>().Spec.Ports, port => Assert.Contains(manifests.Container.Ports, own => own.Name == port.TargetPort.Value));
        Assert.All(
            manifests.All.OfType<V1NetworkPolicy>().SelectMany(policy => policy.Spec.Ingress).SelectMany(rule => rule.Ports),
            port => Assert.Contains(manifests.Container.Ports, own => own.Name == port.Port.Value));
        foreach (V1IngressServiceBackend backend in manifests.All.OfType<V1Ingress>().SelectMany(ingress => ingress.Spec.Rules).SelectMany(rule => rule.Http.Paths).Select(path => path.Backend.Service))
        {
            Assert.Equal(manifests.One<V1Service>().Metadata.Name, backend.Name);
            Assert.Contains(manifests.One<V1Service>().Spec.Ports, port => port.Name == backend.Port.Name);
        }
    }

    private static void CheckVolumes(V1PodSpec pod)
    {
        V1Container container = Assert.Single(pod.Containers);
        Assert.Equal(container.VolumeMounts.Select(mount => mount.Name).Order(), pod.Volumes.Select(volume => volume.Name).Order());
        Assert.All(pod.Volumes, volume => Assert.Matches("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", volume.Name));

        // A setting that names a file below a secret's folder names a secret that is mounted there.
        foreach (V1EnvVar variable in container.Env.Where(variable => variable.Value?.StartsWith("/etc/modelgateway/secrets/", StringComparison.Ordinal) == true))
        {
            V1VolumeMount mount = Assert.Single(container.VolumeMounts, mount => variable.Value.StartsWith(mount.MountPath + "/", StringComparison.Ordinal));
            V1SecretVolumeSource secret = Assert.Single(pod.Volumes, volume => volume.Name == mount.Name).Secret;
            Assert.Equal(Path.GetFileName(mount.MountPath), secret.SecretName);
            string file = variable.Value[(mount.MountPath.Length + 1)..];
            Assert.True(secret.Items is null || secret.Items.Any(item => item.Path == file), $"{variable.Name} names {file}, which the volume does not have.");
            Assert.EndsWith("File", variable.Name, StringComparison.Ordinal);
        }

        // The root file system is read-only: the folder that is written to is a volume, and so is that for temporary files.
        Assert.Contains(container.VolumeMounts, mount => mount.MountPath == container.Env.Single(variable => variable.Name == "Gateway__ArtifactFolder").Value && mount.ReadOnlyProperty != true);
        Assert.Contains(container.VolumeMounts, mount => mount.MountPath == "/tmp");
    }

    private static void CheckDrain(Manifests manifests)
    {
        CheckStop(manifests.Environment, TimeSpan.FromSeconds(manifests.Pod.TerminationGracePeriodSeconds ?? 30));
        CheckDelay(manifests.Environment);
        Assert.Null(manifests.Container.Lifecycle);
    }

    private static void CheckSecurity(V1PodSpec pod)
    {
        V1SecurityContext container = Assert.Single(pod.Containers).SecurityContext;
        Assert.True(pod.SecurityContext.RunAsNonRoot);
        Assert.Equal(User, pod.SecurityContext.RunAsUser);
        Assert.Equal(User, pod.SecurityContext.FsGroup);
        Assert.Equal("RuntimeDefault", pod.SecurityContext.SeccompProfile.Type);
        Assert.True(container.ReadOnlyRootFilesystem);
        Assert.False(container.AllowPrivilegeEscalation);
        Assert.Equal(["ALL"], container.Capabilities.Drop);
        Assert.False(pod.AutomountServiceAccountToken);
    }

    private static void CheckProbes(Manifests manifests)
    {
        V1Container container = manifests.Container;
        (V1Probe Probe, string Path)[] probes =
            [(container.StartupProbe, "/health/live"), (container.LivenessProbe, "/health/live"), (container.ReadinessProbe, "/health/ready")];
        Assert.All(probes, pair =>
        {
            Assert.Equal(pair.Path, pair.Probe.HttpGet.Path);
            Assert.Contains(container.Ports, port => port.Name == pair.Probe.HttpGet.Port.Value);
            Assert.Equal(new Uri(manifests.Environment["ASPNETCORE_URLS"].Replace('+', 'x')).Scheme, (pair.Probe.HttpGet.Scheme ?? "HTTP").ToLowerInvariant());
        });
        Assert.Equal(container.Ports.Single().ContainerPort, new Uri(manifests.Environment["ASPNETCORE_URLS"].Replace('+', 'x')).Port);
        Assert.NotNull(container.Resources.Limits["memory"]);
        Assert.NotNull(container.Resources.Limits["cpu"]);
    }

    // What the gateway may fill fits into the volume: a pod whose emptyDir overflows is evicted.
    private static void CheckCache(Manifests manifests)
    {
        long filled = long.Parse(manifests.Environment["Gateway__ArtifactCache__MaxBytes"], CultureInfo.InvariantCulture) +
            long.Parse(manifests.Environment["Gateway__GraphCache__MaxBytes"], CultureInfo.InvariantCulture);
        V1Volume cache = manifests.Pod.Volumes.Single(volume => volume.Name == "cache");
        ResourceQuantity size = cache.EmptyDir?.SizeLimit ?? cache.Ephemeral.VolumeClaimTemplate.Spec.Resources.Requests["storage"];
        Assert.True(size.ToDecimal() > filled, "The volume is smaller than the caches.");
    }

    private static void CheckScaling(Manifests manifests)
    {
        string name = manifests.Deployment.Metadata.Name;
        bool scaled = manifests.Has<V2HorizontalPodAutoscaler>() || manifests.Has<ScaledObject>();
        Assert.Equal(scaled, manifests.Deployment.Spec.Replicas is null);
        Assert.All(manifests.All.OfType<V2HorizontalPodAutoscaler>(), scaler =>
        {
            Assert.Equal(("Deployment", name), (scaler.Spec.ScaleTargetRef.Kind, scaler.Spec.ScaleTargetRef.Name));
            Assert.True(scaler.Spec.MinReplicas <= scaler.Spec.MaxReplicas);
        });
        Assert.All(manifests.All.OfType<ScaledObject>(), scaler => Assert.Equal(name, scaler.Spec.ScaleTargetRef.Name));
    }
}
