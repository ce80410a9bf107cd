using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Deploy.Tests.Kubernetes;

/// <summary>The real gateway, started with the variables that the chart gives a pod.</summary>
public sealed class RenderedSettingsTests
{
    // Where they point to what is not on this machine.
    private static readonly string[] OfThePod = ["ASPNETCORE_URLS", "Gateway__Repository", "Gateway__ArtifactFolder"];

    [Fact]
    public async Task Gateway_WithThePodsVariables_IsReadyAndHasTheScalersMetric()
    {
        Manifests manifests = await HelmChart.RenderAsync("""
            repository: s3://models/live
            config:
              Auth: {Enabled: false}
              Limits: {MaxBodyBytes: 134217728, QueueLength: 500}
              Memory: {BudgetBytes: 17179869184, LoadOnDemand: false}
              Logging: {Level: Warning, Requests: Sampled, SampleRate: 0.25}
            autoscaling: {enabled: true, queue: {enabled: true}}
            """);
        using var repository = new RepositoryFolder();
        repository.AddVersion("m", 1, TestModels.AddConstant(1));
        Dictionary<string, string?> settings = manifests.Environment.Where(variable => !OfThePod.Contains(variable.Key)).ToDictionary(variable => variable.Key, string? (variable) => variable.Value);
        settings["Gateway__Repository"] = repository.Root;
        settings["Gateway__Shutdown__Delay"] = "00:00:00";
        await using GatewayProcess gateway = GatewayProcess.Start(settings);

        await gateway.WaitUntilReadyAsync();

        string metric = manifests.One<k8s.Models.V2HorizontalPodAutoscaler>().Spec.Metrics.Single(metric => metric.Pods is not null).Pods.Metric.Name;
        string page = await gateway.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative));
        Assert.Contains($"# TYPE {metric} gauge", page, StringComparison.Ordinal);
        Assert.Contains($"\n{metric}{{model=\"m\"", page, StringComparison.Ordinal);
        Assert.Contains($"seriesQuery: {metric}{{", TestKit.CheckedInFile.Read("deploy/kubernetes/prometheus-adapter-values.yaml"), StringComparison.Ordinal);

        ScaledObject scaled = (await HelmChart.RenderAsync("repository: a\nconfig: {Auth: {Enabled: false}}\nkeda: {enabled: true}")).One<ScaledObject>();
        Assert.Contains($"({metric}{{namespace=\"serving\",service=\"live-modelgateway\"}})", scaled.Spec.Triggers.Single(trigger => trigger.Type == "prometheus").Metadata["query"], StringComparison.Ordinal);
    }
}
