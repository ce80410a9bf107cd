using ModelGateway.TestKit;
using YamlDotNet.RepresentationModel;

namespace ModelGateway.Deploy.Tests.Pipelines;

/// <summary>A checked-in GitLab pipeline.</summary>
/// <param name="Stages">Its stages in order.</param>
/// <param name="Jobs">The stage and the commands of each job that is no template; those before the script among them.</param>
internal sealed record GitLabPipeline(IReadOnlyList<string> Stages, IReadOnlyDictionary<string, (string Stage, string[] Commands)> Jobs)
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
                .ToDictionary(pair => pair.Name, pair => (StageOf(root, (YamlMappingNode)pair.Value), Texts((YamlMappingNode)pair.Value, "before_script").Concat(Texts((YamlMappingNode)pair.Value, "script")).ToArray())));
    }

    private static string StageOf(YamlMappingNode root, YamlMappingNode job) =>
        job.Children.TryGetValue("stage", out YamlNode? stage) ? stage.ToString()
        : job.Children.TryGetValue("extends", out YamlNode? template) ? StageOf(root, (YamlMappingNode)root[template.ToString()])
        : throw new InvalidDataException("A job has no stage.");

    private static string[] Texts(YamlMappingNode node, string key) =>
        node.Children.TryGetValue(key, out YamlNode? list) ? [.. ((YamlSequenceNode)list).Select(item => item.ToString().Trim())] : [];
}
