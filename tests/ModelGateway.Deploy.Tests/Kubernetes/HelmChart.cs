using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Deploy.Tests.Kubernetes;

/// <summary>The chart, rendered by Helm (artifacts/tools/kubernetes, which tests/run.sh fills).</summary>
internal static class HelmChart
{
    // Helm itself shows the notes only where it has a cluster.
    private const string NotesTemplate = """
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: notes}
        data:
          notes: |
        {{ include "modelgateway/templates/NOTES.txt" . | indent 4 }}
        """;

    public static string Folder { get; } = Path.Combine(RepositoryRoot.Path, "deploy/helm/modelgateway");

    /// <summary>Helm.</summary>
    public static string Program { get; } = KubernetesTools.Find("helm");

    /// <summary>Renders it for a release <c>live</c> in the namespace <c>serving</c>, and loads every document strictly.</summary>
    /// <param name="values">YAML, stronger than the chart's own values.</param>
    public static async Task<Manifests> RenderAsync(string values)
    {
        (int code, string output, string errors) = await RunAsync(Folder, values);
        Assert.True(code == 0, errors);
        return Manifests.Load(output);
    }

    /// <summary>What the chart tells whoever installed it.</summary>
    public static async Task<string> NotesAsync(string values)
    {
        DirectoryInfo copy = Directory.CreateTempSubdirectory("chart-");
        try
        {
            foreach (string file in Directory.EnumerateFiles(Folder, "*", SearchOption.AllDirectories))
            {
                string place = Path.Combine(copy.FullName, Path.GetRelativePath(Folder, file));
                Directory.CreateDirectory(Path.GetDirectoryName(place)!);
                File.Copy(file, place);
            }

            await File.WriteAllTextAsync(Path.Combine(copy.FullName, "templates", "notes.yaml"), NotesTemplate);
            (int code, string output, string errors) = await RunAsync(copy.FullName, values, "--show-only", "templates/notes.yaml");
            Assert.True(code == 0, errors);
            return output;
        }
        finally
        {
            copy.Delete(recursive: true);
        }
    }

    /// <summary>Why the chart cannot be rendered.</summary>
    public static async Task<string> RefusalAsync(string values)
    {
        (int code, string output, string errors) = await RunAsync(Folder, values);
        Assert.True(code != 0, $"It was rendered: {output}");
        return errors;
    }

    private static async Task<ProgramRun> RunAsync(string chart, string values, params string[] more)
    {
        string file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, values);
            return await Command.TryRunAsync(Program, ["template", "live", chart, "--namespace", "serving", "--values", file, .. more]);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
