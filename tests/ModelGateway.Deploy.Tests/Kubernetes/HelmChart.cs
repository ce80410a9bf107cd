using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Deploy.Tests.Kubernetes;

/// <summary>The chart, rendered by the template engine that Helm uses (tests/helm-render, which tests/run.sh builds).</summary>
internal static class HelmChart
{
    private static readonly string Renderer = Path.Combine(RepositoryRoot.Path, "artifacts/tools/helm-render");

    public static string Folder { get; } = Path.Combine(RepositoryRoot.Path, "deploy/helm/modelgateway");

    /// <summary>Renders it for a release <c>live</c> in the namespace <c>serving</c>, and loads every document strictly; without NOTES.txt.</summary>
    /// <param name="values">YAML, stronger than the chart's own values.</param>
    public static async Task<Manifests> RenderAsync(string values) => Manifests.Load(Documents(await TextAsync(values)));

    /// <summary>As above, the text as it is.</summary>
    public static async Task<string> TextAsync(string values)
    {
        (int code, string output, string errors) = await RunAsync(values);
        Assert.True(code == 0, errors);
        return output;
    }

    /// <summary>Why the chart cannot be rendered.</summary>
    public static async Task<string> RefusalAsync(string values)
    {
        (int code, string output, string errors) = await RunAsync(values);
        Assert.True(code != 0, $"It was rendered: {output}");
        return errors;
    }

    private static async Task<(int Code, string Output, string Errors)> RunAsync(string values)
    {
        Assert.True(File.Exists(Renderer), $"{Renderer} is missing: tests/run.sh builds it.");
        string file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, values);
            return await Command.TryRunAsync(Renderer, ["-name", "live", "-namespace", "serving", "-f", file, Folder]);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static string Documents(string output) =>
        string.Join("\n---\n", output.Split("---\n").Where(document => !document.Contains("# Source: templates/NOTES.txt", StringComparison.Ordinal)));
}
