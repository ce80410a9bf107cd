using ModelGateway.TestKit;

namespace ModelGateway.Deploy.Tests.Kubernetes;

/// <summary>Helm and kubectl of known versions, where tests/run.sh puts them.</summary>
internal static class KubernetesTools
{
    /// <summary>The path of a tool.</summary>
    /// <exception cref="FileNotFoundException">tests/run.sh was not run.</exception>
    public static string Find(string tool)
    {
        string path = Path.Combine(RepositoryRoot.Path, "artifacts/tools/kubernetes/bin", tool, tool);
        return File.Exists(path) ? path : throw new FileNotFoundException($"{path} is missing: tests/run.sh puts it there.");
    }
}
