using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Deploy.Tests.Pipelines;

/// <summary>The check of licences, on what is shipped and on packages that it must refuse.</summary>
public sealed class LicenceTests : IDisposable
{
    private static readonly string Script = Path.Combine(RepositoryRoot.Path, "deploy", "pipelines", "licences.sh");
    private readonly string _folder = Directory.CreateTempSubdirectory("licences-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Licences_OfAllThatIsShipped_AreAllowed()
    {
        ProgramRun run = await ProgramRun.OfAsync(_folder, new Dictionary<string, string>(), "sh", Script);

        Assert.True(run.Code == 0, run.Errors);
        Assert.Contains("yamldotnet 18.1.0 MIT", run.Output, StringComparison.Ordinal);
        Assert.Contains("microsoft.ml.onnxruntime 1.31.1 MIT", run.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<license type=\"expression\">MIT</license>", 0, "some.package 1.2.3 MIT")]
    [InlineData("<license type=\"expression\">GPL-3.0-only</license>", 1, "some.package 1.2.3 has the licence 'GPL-3.0-only', which is not allowed")]
    [InlineData("<license type=\"expression\">MIT AND GPL-3.0-only</license>", 1, "has the licence 'MIT AND GPL-3.0-only', which is not allowed")]
    [InlineData("<license type=\"file\">LICENSE.txt</license>", 1, "some.package 1.2.3 does not say its licence in a word")]
    [InlineData("<licenseUrl>https://example.com/licence</licenseUrl>", 1, "some.package 1.2.3 does not say its licence in a word")]
    [InlineData(null, 1, "some.package 1.2.3 is not restored")]
    public async Task Licences_OfOnePackage_AllowedOrRefusedByItsMetadata(string? metadata, int code, string message)
    {
        if (metadata is not null)
        {
            string package = Directory.CreateDirectory(Path.Combine(_folder, "some.package", "1.2.3")).FullName;
            await File.WriteAllTextAsync(Path.Combine(package, "some.package.nuspec"), $"<package>\r\n  <metadata>\r\n    <id>Some.Package</id>\r\n    {metadata}\r\n  </metadata>\r\n</package>");
        }

        ProgramRun run = await RunAsync("1.2.3");

        Assert.Equal(code, run.Code);
        Assert.Contains(message, run.All, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Licences_ThatWereReadForAnotherVersion_AreReadAgain()
    {
        foreach (string version in new[] { "1.2.3", "1.2.4" })
        {
            string package = Directory.CreateDirectory(Path.Combine(_folder, "some.package", version)).FullName;
            await File.WriteAllTextAsync(Path.Combine(package, "some.package.nuspec"), "<package><metadata><license type=\"file\">LICENSE</license></metadata></package>");
        }

        string allowed = Path.Combine(_folder, "allowed.txt");
        await File.WriteAllTextAsync(allowed, "BSD-3-Clause\nSome.Package 1.2.3 BSD-3-Clause\n");

        ProgramRun read = await RunAsync("1.2.3", ("MODELGATEWAY_LICENCES", allowed));
        ProgramRun unread = await RunAsync("1.2.4", ("MODELGATEWAY_LICENCES", allowed));

        Assert.True(read.Code == 0, read.Errors);
        Assert.Equal(1, unread.Code);
    }

    private async Task<ProgramRun> RunAsync(string version, params (string Name, string Value)[] settings)
    {
        string file = Path.Combine(_folder, "packages.lock.json");
        await File.WriteAllTextAsync(file, $$"""
            {
              "version": 2,
              "dependencies": {
                "net10.0": {
                  "Some.Package": {
                    "type": "Direct",
                    "requested": "[{{version}}, )",
                    "resolved": "{{version}}"
                  },
                  "a.project": {
                    "type": "Project"
                  }
                }
              }
            }
            """);
        Dictionary<string, string> all = settings.ToDictionary(setting => setting.Name, setting => setting.Value);
        all["NUGET_PACKAGES"] = _folder;
        return await ProgramRun.OfAsync(_folder, all, "sh", Script, file);
    }
}
