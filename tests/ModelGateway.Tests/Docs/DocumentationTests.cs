using System.Text.RegularExpressions;
using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Tests.Docs;

/// <summary>Pages that name types or paths of this repository must name what exists: prose that no build checks rots.</summary>
public sealed partial class DocumentationTests
{
    private static readonly string[] OwnFolders = ["src/", "tests/", "docs/", "docker/", "deploy/", ".ci/"];

    public static TheoryData<string> Pages =>
        [.. Directory.EnumerateFiles(Path.Combine(RepositoryRoot.Path, "docs"), "*.md", SearchOption.AllDirectories)
            .Append(Path.Combine(RepositoryRoot.Path, "README.md"))
            .Select(page => Path.GetRelativePath(RepositoryRoot.Path, page))
            .Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Page_NamesOnlyPathsThatExist(string page)
    {
        string text = File.ReadAllText(Path.Combine(RepositoryRoot.Path, page));
        IEnumerable<string> missing = Backticked().Matches(text)
            .Select(match => match.Groups[1].Value)
            .Where(name => OwnFolders.Any(folder => name.StartsWith(folder, StringComparison.Ordinal)) && !name.Contains(' ') && !name.Contains('<'))
            .Where(name => !Path.Exists(Path.Combine(RepositoryRoot.Path, name)));

        Assert.Empty(missing);
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Page_LinksOnlyToFilesThatExist(string page)
    {
        string folder = Path.GetDirectoryName(Path.Combine(RepositoryRoot.Path, page))!;
        IEnumerable<string> missing = Link().Matches(File.ReadAllText(Path.Combine(RepositoryRoot.Path, page)))
            .Select(match => match.Groups[1].Value)
            .Where(target => !target.Contains("://") && !target.StartsWith('#') && !target.StartsWith("mailto:", StringComparison.Ordinal))
            .Where(target => !Path.Exists(Path.Combine(folder, target.Split('#')[0])));

        Assert.Empty(missing);
    }

    [Theory]
    [InlineData("docs/architecture.md")]
    [InlineData("docs/adr")]
    public void Pages_OfTheArchitecture_NameOnlyTypesThatExist(string path)
    {
        string full = Path.Combine(RepositoryRoot.Path, path);
        string[] pages = File.Exists(full) ? [full] : Directory.GetFiles(full, "*.md");
        string sources = string.Join('\n', new[] { "src", "tests" }
            .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(RepositoryRoot.Path, folder), "*.cs", SearchOption.AllDirectories))
            .Select(File.ReadAllText));
        IEnumerable<string> missing = pages
            .SelectMany(page => Backticked().Matches(File.ReadAllText(page)))
            .Select(match => match.Groups[1].Value)
            .Where(name => TypeName().IsMatch(name))
            .Distinct()
            .Where(name => !Regex.IsMatch(sources, $@"\b(class|record|struct|enum|interface)\s+{name}\b"));

        Assert.Empty(missing);
    }

    [GeneratedRegex("`([^`\n]+)`")]
    private static partial Regex Backticked();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    // A bare name in Pascal case with at least two humps or an I in front: what a type is called here.
    [GeneratedRegex("^(I?[A-Z][a-z0-9]+([A-Z][a-z0-9]*)+|Predictor|Servable|Tensor|Warmup|Backends)$")]
    private static partial Regex TypeName();
}
