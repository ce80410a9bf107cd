using System.Text.Json;
using ModelGateway.TestKit;

namespace ModelGateway.Deploy.Tests.Pipelines;

/// <summary>What a declarative Jenkinsfile declares, as Groovy itself understood it.</summary>
/// <param name="Name">A directive's or step's name; <c>=</c> for an assignment.</param>
/// <param name="Arguments">Texts; the arguments by name are left out.</param>
/// <param name="Children">What its block declares.</param>
internal sealed record Directive(string Name, IReadOnlyList<string> Arguments, IReadOnlyList<Directive> Children)
{
    private static readonly Dictionary<string, string> NoSettings = [];

    /// <summary>Runs a Jenkinsfile; see tests/jenkinsfile.groovy.</summary>
    public static async Task<(Directive? Pipeline, string Fault)> ReadAsync(string file)
    {
        ProgramRun run = await ProgramRun.OfAsync(
            RepositoryRoot.Path, NoSettings, "java", "-cp", "/usr/share/java/groovy-all.jar", "groovy.ui.GroovyMain", Path.Combine(RepositoryRoot.Path, "tests", "jenkinsfile.groovy"), file);
        if (run.Code != 0)
        {
            return (null, run.All);
        }

        using JsonDocument tree = JsonDocument.Parse(run.Output);
        return (Of(tree.RootElement.EnumerateArray().Single()), "");
    }

    /// <summary>The directives of a name in this one's block.</summary>
    public IEnumerable<Directive> Of(string name) => Children.Where(child => child.Name == name);

    /// <summary>This one and all below it.</summary>
    public IEnumerable<Directive> All() => Children.SelectMany(child => child.All()).Prepend(this);

    private static Directive Of(JsonElement node) => new(
        node.GetProperty("name").GetString()!,
        [.. node.GetProperty("args").EnumerateArray().Where(argument => argument.ValueKind == JsonValueKind.String).Select(argument => argument.GetString()!)],
        [.. node.GetProperty("children").EnumerateArray().Select(Of)]);
}
