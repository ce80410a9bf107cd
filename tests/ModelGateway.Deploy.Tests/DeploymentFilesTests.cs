using System.Text.Json;
using ModelGateway.TestKit;
using Xunit;
using YamlDotNet.RepresentationModel;

namespace ModelGateway.Deploy.Tests;

/// <summary>Every file that a tool of the field reads can at least be read.</summary>
public sealed class DeploymentFilesTests
{
    [Fact]
    public void Files_OfDeployAndDocker_CanBeParsed()
    {
        List<string> files = [Path.Combine(RepositoryRoot.Path, ".gitlab-ci.yml")];
        foreach (string folder in new[] { "deploy", "docker" }.Select(name => Path.Combine(RepositoryRoot.Path, name)).Where(Directory.Exists))
        {
            // Templates of the chart are no YAML before they are rendered; that is tested apart.
            files.AddRange(Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Where(file => !file.Contains($"{Path.DirectorySeparatorChar}templates{Path.DirectorySeparatorChar}", StringComparison.Ordinal)));
        }

        foreach (string file in files)
        {
            Exception? fault = Record.Exception(() => Parse(file));
            Assert.True(fault is null, $"{file}: {fault?.Message}");
        }
    }

    private static void Parse(string file)
    {
        switch (Path.GetExtension(file))
        {
            case ".yaml" or ".yml":
                using (var reader = new StreamReader(file))
                {
                    new YamlStream().Load(reader);
                }

                break;
            case ".json":
                using (JsonDocument.Parse(File.ReadAllText(file)))
                {
                }

                break;
            default:
                break;
        }
    }
}
