using System.Runtime.InteropServices;

namespace ModelGateway.TestKit.Pipelines;

/// <summary>A project with a GitLab pipeline in a temporary folder, whose jobs a runner for local use checks and runs; gone when disposed.</summary>
public sealed class GitLabProject : IDisposable
{
    private static readonly Dictionary<string, string> NoSettings = [];
    private static readonly string Tools = Path.Combine(RepositoryRoot.Path, "artifacts", "tools");
    private static readonly string Runner = Path.Combine(Tools, "gitlab-ci-local", "node_modules", "gitlab-ci-local", "dist", "index.js");

    // It needs a newer Node than Debian has; the one beside the S3 server.
    private static readonly string Node = Path.Combine(
        Tools, "fauxqs", "node_modules", $"node-linux-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}", "bin", "node");

    private GitLabProject()
    {
    }

    /// <summary>The project's folder.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("gitlab-project-").FullName;

    /// <summary>A project whose pipeline is that of a file.</summary>
    /// <param name="pipeline">The content of its <c>.gitlab-ci.yml</c>.</param>
    /// <exception cref="FileNotFoundException">The runner is not installed.</exception>
    public static async Task<GitLabProject> CreateAsync(string pipeline)
    {
        if (!File.Exists(Runner) || !File.Exists(Node))
        {
            throw new FileNotFoundException($"gitlab-ci-local is not installed ('{Runner}', '{Node}'): run tests/run.sh.");
        }

        var project = new GitLabProject();
        await File.WriteAllTextAsync(Path.Combine(project.Folder, ".gitlab-ci.yml"), pipeline);
        await ProgramRun.OfAsync(project.Folder, NoSettings, "git", "init", "--quiet", "--initial-branch", "main", ".");
        return project;
    }

    /// <summary>Checks the pipeline against GitLab's schema and lists its jobs as JSON.</summary>
    /// <param name="variables">Variables of the pipeline, for example <c>CI_COMMIT_TAG=v1</c>.</param>
    public Task<ProgramRun> ListAsync(params string[] variables) =>
        RunnerAsync(["--list-json", "--ignore-predefined-vars", string.Join(',', variables.Select(variable => variable.Split('=')[0])), .. Variables(variables)]);

    /// <summary>Runs one job in a shell of this machine, whatever its image.</summary>
    public Task<ProgramRun> RunAsync(string job, IReadOnlyDictionary<string, string> variables) =>
        RunnerAsync(["--force-shell-executor", .. Variables([.. variables.Select(pair => $"{pair.Key}={pair.Value}")]), job]);

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static IEnumerable<string> Variables(string[] variables) => variables.SelectMany(variable => (string[])["--variable", variable]);

    // Its notes on a project that was never pushed go to standard error.
    private Task<ProgramRun> RunnerAsync(string[] arguments) =>
        ProgramRun.OfAsync(Folder, new Dictionary<string, string> { ["HOME"] = Folder }, [Node, Runner, "--cwd", ".", .. arguments]);
}
