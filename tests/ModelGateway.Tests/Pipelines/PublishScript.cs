using ModelGateway.TestKit;
using ModelGateway.TestKit.Onnx;

namespace ModelGateway.Tests.Pipelines;

/// <summary>The checked-in script that publishes a model, with a folder of a developer to publish from.</summary>
internal sealed class PublishScript : IDisposable
{
    private static readonly string Script = Path.Combine(RepositoryRoot.Path, "deploy", "pipelines", "model", "publish-model.sh");

    // The tool cannot stand in one folder with the gateway: their names differ in case alone.
    private static readonly string Tool = Path.Combine(
        RepositoryRoot.Path, "src", "ModelGateway.Cli", Path.GetRelativePath(Path.Combine(RepositoryRoot.Path, "tests", "ModelGateway.Tests"), AppContext.BaseDirectory), "modelgateway.dll");

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("publish-model-");

    /// <summary>Its environment.</summary>
    public Dictionary<string, string> Settings { get; } = new() { ["MODELGATEWAY"] = $"dotnet {Tool}", ["MODELGATEWAY_TIMEOUT"] = "60" };

    /// <summary>Makes a version of a model that adds its number, or holds what is given.</summary>
    /// <param name="model">The model.</param>
    /// <param name="version">The version.</param>
    /// <param name="expect">A part that the answer to x = 1 must have; null where any answer will do.</param>
    /// <param name="onnx">The file's content.</param>
    /// <returns>The version's folder.</returns>
    public string Make(string model, long version, string? expect, byte[]? onnx = null)
    {
        string folder = Directory.CreateDirectory(Path.Combine(_folder.FullName, model, $"{version}")).FullName;
        File.WriteAllBytes(Path.Combine(folder, "model.onnx"), onnx ?? TestModels.AddConstant(version));
        string smoke = Directory.CreateDirectory(Path.Combine(_folder.FullName, model, "smoke")).FullName;
        File.WriteAllText(Path.Combine(smoke, "one.json"), """{"inputs":{"x":[[1]]}}""");
        File.WriteAllText(Path.Combine(smoke, "one.expect"), expect ?? "");
        return folder;
    }

    /// <summary>Runs it to its end.</summary>
    public Task<ProgramRun> RunAsync(params string[] arguments) => ProgramRun.OfAsync(_folder.FullName, Settings, ["sh", Script, .. arguments]);

    /// <summary>Runs a command of the shell where it runs.</summary>
    public Task<ProgramRun> RunCommandAsync(string command) => ProgramRun.OfAsync(_folder.FullName, Settings, ["sh", "-c", command]);

    /// <summary>Puts it, and what was made, into a project whose pipeline calls it.</summary>
    public void CopyTo(string folder)
    {
        File.Copy(Script, Path.Combine(folder, Path.GetFileName(Script)));
        foreach (string file in Directory.EnumerateFiles(_folder.FullName, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(folder, Path.GetRelativePath(_folder.FullName, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
