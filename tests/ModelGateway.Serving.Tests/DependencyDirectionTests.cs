using System.Text.RegularExpressions;
using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Serving.Tests;

/// <summary>Each folder of Serving uses only what stands before it; the sources themselves are read, so an unused reference shows too.</summary>
public partial class DependencyDirectionTests
{
    // In this order; Diagnostics is used by all and uses none.
    private static readonly string[] Order = ["Diagnostics", "Tensors", "Models", "Repository", "Runtime", "Scheduling", "Caching", "Lifecycle", "Inference"];

    // Scheduling and Caching do not know each other.
    private static readonly (string From, string To)[] Strangers = [("Caching", "Scheduling")];

    [Fact]
    public void Sources_OfEachFolder_UseOnlyFoldersBeforeIt()
    {
        var violations = new List<string>();
        foreach ((string file, string folder) in Sources())
        {
            foreach (Match match in ServingName().Matches(WithoutOwnNamespace(File.ReadAllText(file))))
            {
                string used = match.Groups[1].Value;
                bool known = Array.IndexOf(Order, used) is var to && to >= 0;
                if (!known || used == folder)
                {
                    continue;
                }

                if (to > Array.IndexOf(Order, folder) || Strangers.Contains((folder, used)))
                {
                    violations.Add($"{folder}/{Path.GetFileName(file)} uses {used}");
                }
            }
        }

        Assert.Empty(violations);
    }

    [Fact]
    public void Sources_LieInKnownFolders()
    {
        Assert.Empty(Sources().Where(source => !Order.Contains(source.Folder)).Select(source => source.File));
    }

    [Fact]
    public void Sources_NeverUseHttpOrCloudSdks()
    {
        string[] foreign = ["Microsoft.AspNetCore", "Amazon.", "Azure.", "Google.", "StackExchange.Redis", "System.Net.Http"];
        Assert.Empty(Sources().Where(source => foreign.Any(File.ReadAllText(source.File).Contains)).Select(source => source.File));
    }

    [Fact]
    public void OnnxRuntime_IsNamedOnlyInItsFolder()
    {
        IEnumerable<string> others = Sources()
            .Where(source => !source.File.Contains(Path.Combine("Runtime", "Onnx")))
            .Where(source => ForeignRuntime().IsMatch(File.ReadAllText(source.File)))
            .Select(source => source.File);
        Assert.Empty(others);
    }

    private static string WithoutOwnNamespace(string source) => OwnNamespace().Replace(source, "");

    private static IEnumerable<(string File, string Folder)> Sources()
    {
        string root = Path.Combine(RepositoryRoot.Path, "src", "ModelGateway.Serving");
        return Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories)
            .Select(file => (file, Path.GetRelativePath(root, file).Split(Path.DirectorySeparatorChar)[0]))
            .Where(source => source.Item2 is not ("obj" or "bin"));
    }

    [GeneratedRegex(@"ModelGateway\.Serving\.([A-Z]\w+)")]
    private static partial Regex ServingName();

    [GeneratedRegex(@"^namespace .*$", RegexOptions.Multiline)]
    private static partial Regex OwnNamespace();

    [GeneratedRegex(@"Microsoft\.ML\.OnnxRuntime|\bInferenceSession\b(?!\.)|\bOrtValue\b")]
    private static partial Regex ForeignRuntime();
}
