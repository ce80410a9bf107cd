using k8s.Models;
using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Deploy.Tests.Kubernetes;

/// <summary>The manifests for those without Helm, rendered by kubectl.</summary>
public sealed class KustomizeTests
{
    public static TheoryData<string> Overlays =>
        [.. Directory.EnumerateDirectories(Path.Combine(RepositoryRoot.Path, "deploy/kustomize/overlays")).Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Overlays))]
    public async Task Overlay_Rendered_FitsTogether(string overlay)
    {
        Manifests manifests = await RenderAsync($"overlays/{overlay}");

        ManifestRules.Check(manifests);
        Assert.StartsWith("modelgateway:", manifests.Container.Image, StringComparison.Ordinal);
        Assert.True(manifests.Environment.ContainsKey("Gateway__Repository"), "It does not say where the models are.");
        Assert.True(
            manifests.Environment.ContainsKey("Gateway__Auth__Authority") || manifests.Environment.GetValueOrDefault("Gateway__Auth__Enabled") == "false",
            "It does not say who may call.");
        Assert.All(manifests.All.OfType<k8s.IKubernetesObject<V1ObjectMeta>>(), item => Assert.Equal("modelgateway", item.Metadata.NamespaceProperty));
    }

    [Fact]
    public async Task Eks_Rendered_HasTheRole() =>
        Assert.StartsWith("arn:aws:iam::", (await RenderAsync("overlays/eks")).One<V1ServiceAccount>().Metadata.Annotations["eks.amazonaws.com/role-arn"], StringComparison.Ordinal);

    private static async Task<Manifests> RenderAsync(string path) =>
        Manifests.Load(await Command.RunAsync(KubernetesTools.Find("kubectl"), ["kustomize", Path.Combine(RepositoryRoot.Path, "deploy/kustomize", path)]));
}
