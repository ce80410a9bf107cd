using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Deploy.Tests.Containers;

/// <summary>The check of the published output's size, on folders with files that have a size and no content.</summary>
public sealed class OutputCheckTests : IDisposable
{
    private const int MiB = 1024 * 1024;
    private const int Limit = 120_000_000;
    private static readonly string Script = Path.Combine(RepositoryRoot.Path, "deploy", "pipelines", "check-output.sh");
    private static readonly string Page = Path.Combine(RepositoryRoot.Path, "docs", "deploying", "container.md");
    private readonly string _folder = Directory.CreateTempSubdirectory("output-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Output_WithinTheBoundAndListed_Passes()
    {
        Add("libonnxruntime.so", Limit - MiB);
        Add("Small.dll", MiB);

        ProgramRun run = await RunAsync();

        Assert.True(run.Code == 0, run.Errors);
        Assert.Equal("The output has 120000000 bytes, at most 120000000.\n", run.Output);
    }

    [Fact]
    public async Task Output_AboveTheBound_Refused()
    {
        Add("libonnxruntime.so", Limit);
        Add("runtimes/small.so", 1);

        ProgramRun run = await RunAsync();

        Assert.Equal(1, run.Code);
        Assert.Equal("check-output: the output has 120000001 bytes, more than 120000000.\n", run.Errors);
    }

    [Theory]
    [InlineData("Unlisted.dll")]
    [InlineData("some folder/Un listed.dll")]
    // A part of a listed name, and names that the page has in another table and in its text.
    [InlineData("Core.dll")]
    [InlineData("aspnet")]
    [InlineData("buildah")]
    public async Task Output_LargeFileThatNobodyListed_Refused(string file)
    {
        Add("libonnxruntime.so", 2 * MiB);
        Add(file, MiB + 1);

        ProgramRun run = await RunAsync();

        Assert.Equal(1, run.Code);
        Assert.Equal($"check-output: '{Path.GetFileName(file)}' has more than 1 MiB; say in the table of {Page} why the output needs it.\n", run.Errors);
    }

    [Fact]
    public async Task Output_NoFolder_Refused()
    {
        ProgramRun run = await ProgramRun.OfAsync(_folder, new Dictionary<string, string>(), "sh", Script, "nowhere", Page);

        Assert.Equal(1, run.Code);
        Assert.Contains("there is no folder 'nowhere'", run.Errors, StringComparison.Ordinal);
    }

    private void Add(string name, long size)
    {
        string path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using FileStream file = File.Create(path);
        file.SetLength(size);
    }

    private Task<ProgramRun> RunAsync() => ProgramRun.OfAsync(_folder, new Dictionary<string, string>(), "sh", Script, _folder, Page);
}
