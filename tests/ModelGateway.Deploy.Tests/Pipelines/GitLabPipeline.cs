using ModelGateway.TestKit;
using YamlDotNet.RepresentationModel;

namespace ModelGateway.Deploy.Tests.Pipelines;

/// <summary>A checked-in GitLab pipeline.</summary>
/// <param name="Stages">Its stages in order.</param>
/// <param name="Jobs">Each job that is no template.</param>
internal sealed record GitLabPipeline(IReadOnlyList<string> Stages, IReadOnlyDictionary<string, GitLabPipeline.Job> Jobs)
{
    // Keys of a pipeline's top level that are no jobs.
    private static readonly string[] Global = ["stages", "workflow", "variables", "default", "include"];

    public static GitLabPipeline Read(string path)
    {
        var stream = new YamlStream();
        using (var reader = new StreamReader(Path.Combine(RepositoryRoot.Path, path)))
        {
            stream.Load(reader);
        }

        var root = (YamlMappingNode)stream.Documents[0].RootNode;
        return new GitLabPipeline(
            Texts(root, "stages"),
            root.Children.Select(pair => (Name: pair.Key.ToString(), Value: pair.Value))
                .Where(pair => !pair.Name.StartsWith('.') && !Global.Contains(pair.Name))
                .ToDictionary(pair => pair.Name, pair => JobOf(root, (YamlMappingNode)pair.Value)));
    }

    private static Job JobOf(YamlMappingNode root, YamlMappingNode job) => new(
        Find(root, job, "stage")?.ToString() ?? throw new InvalidDataException("A job has no stage."),
        Find(root, job, "needs") is { } needs ? Texts(needs) : null,
        [.. Texts(job, "before_script"), .. Texts(job, "script")]);

    // What a job says, or else its template.
    private static YamlNode? Find(YamlMappingNode root, YamlMappingNode job, string key) =>
        job.Children.TryGetValue(key, out YamlNode? value) ? value
        : job.Children.TryGetValue("extends", out YamlNode? template) ? Find(root, (YamlMappingNode)root[template.ToString()], key)
        : null;

    private static string[] Texts(YamlMappingNode node, string key) => node.Children.TryGetValue(key, out YamlNode? list) ? Texts(list) : [];

    private static string[] Texts(YamlNode list) => [.. ((YamlSequenceNode)list).Select(item => item.ToString().Trim())];

    /// <param name="Stage">Its stage.</param>
    /// <param name="Needs">The jobs that it waits for; null where it waits for all stages before its own.</param>
    /// <param name="Commands">Its commands, those before the script among them.</param>
    internal sealed record Job(string Stage, string[]? Needs, string[] Commands);
}
