using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Repository.Signing;
using ModelGateway.TestKit;
using Xunit;

namespace ModelGateway.Tests.Docs;

/// <summary>The examples of the pages about folders, and about signed and encrypted models: taken from there, and run as they stand with the real tools.</summary>
public sealed class FolderExampleTests : IAsyncLifetime
{
    private const string Heading = "## Example";
    private const string Publishing = "## Publishing";
    private const string Sample = "docs/samples/models/iris/1/model.onnx";
    private readonly DocumentedExample _example = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _example.DisposeAsync();

    [Fact]
    public async Task Folder_Example_Answers()
    {
        var page = new DocumentedPage("storage/file.md");
        await _example.RunAsync(page.Block(Heading, "bash"));

        await _example.StartAsync();

        await _example.AssertAnswersAsync(page.Block(Heading, "bash", 1));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Folder_WayOfPublishing_Answers(int way)
    {
        var page = new DocumentedPage("storage/file.md");
        string models = Directory.CreateDirectory(_example.PathOf("models")).FullName;
        Directory.CreateDirectory(_example.PathOf("build/iris/1"));
        File.Copy(_example.PathOf(Sample), _example.PathOf("build/iris/1/model.onnx"));

        await _example.RunAsync(page.Block(Publishing, "bash", way).Replace("/models/", $"{models}/", StringComparison.Ordinal));
        await _example.StartAsync(("Gateway__Repository", models));

        await _example.AssertAnswersAsync(page.Block(Heading, "bash", 1));
        Assert.Equal(way == 0, File.Exists(_example.PathOf("models/iris/1/manifest.json")));
    }

    [Fact]
    public async Task Signing_WithTheCommand_Answers()
    {
        var page = new DocumentedPage("storage/signing-and-encryption.md");
        await _example.RunAsync(page.Block(Publishing, "sh") + page.Block(Heading, "sh"));
        Assert.False(File.Exists(_example.PathOf("models/iris/1/model.onnx")));

        await _example.StartAsync();

        await _example.AssertAnswersAsync(page.Block(Heading, "sh", 1));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Signing_WithOpenSsl_Answers(int way)
    {
        var page = new DocumentedPage("storage/signing-and-encryption.md");
        string version = Directory.CreateDirectory(_example.PathOf("models/iris/1")).FullName;
        File.Copy(_example.PathOf(Sample), Path.Combine(version, "model.onnx"));
        byte[] onnx = await File.ReadAllBytesAsync(Path.Combine(version, "model.onnx"));
        await File.WriteAllBytesAsync(
            _example.PathOf(VersionManifest.FileName), VersionManifest.Format("iris", 1, [new ManifestFile("model.onnx", onnx.Length, Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(onnx)))]));

        await _example.RunAsync(page.Block(Publishing, "sh", way) + "openssl rand -base64 32 > k1.key\n" + page.Block(Heading, "sh"));
        File.Move(_example.PathOf(ManifestSignature.FileName), Path.Combine(version, ManifestSignature.FileName));
        File.Move(_example.PathOf(VersionManifest.FileName), Path.Combine(version, VersionManifest.FileName));
        await _example.StartAsync();

        await _example.AssertAnswersAsync(page.Block(Heading, "sh", 1));
    }
}
