using System.Security.Cryptography;
using System.Text.Json;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Serving.Tests.TestKit;

public sealed class RepositoryFolderTests : IDisposable
{
    private readonly RepositoryFolder _repository = new();

    public void Dispose() => _repository.Dispose();

    [Fact]
    public void AddVersion_NewAndReplaced_HoldsExactlyItsFiles()
    {
        _repository.AddVersion("iris", 1, [1], ("labels.txt", [2]), ("golden/one.json", [3]));
        string folder = _repository.AddVersion("iris", 1, [4]);

        Assert.Equal(Path.Combine(_repository.Root, "iris", "1"), folder);
        Assert.Equal(["model.onnx"], Names(folder));
        Assert.Equal<byte>([4], File.ReadAllBytes(Path.Combine(folder, "model.onnx")));
    }

    [Fact]
    public void AddVersionWithManifest_Files_AreListedWithSizeAndHash()
    {
        byte[] labels = [1, 2, 3];
        string folder = _repository.AddVersionWithManifest("iris", 2, [9], ("labels.txt", labels));

        using JsonDocument manifest = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "manifest.json")));
        JsonElement second = manifest.RootElement.GetProperty("files")[1];

        Assert.Equal(["labels.txt", "manifest.json", "model.onnx"], Names(folder));
        Assert.Equal("labels.txt", second.GetProperty("name").GetString());
        Assert.Equal(3, second.GetProperty("size").GetInt32());
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(labels)), second.GetProperty("sha256").GetString());
    }

    [Fact]
    public void Remove_ConfigVersionModel_EachGoesAlone()
    {
        _repository.AddVersion("iris", 1, [1]);
        _repository.AddVersion("iris", 2, [1]);
        _repository.AddConfig("iris", "a: 1");
        _repository.AddConfig("iris", "a: 2");
        Assert.Equal("a: 2", File.ReadAllText(Path.Combine(_repository.ModelFolder("iris"), "model.yaml")));

        _repository.RemoveConfig("iris");
        _repository.RemoveVersion("iris", 1);
        Assert.Equal(["2"], Names(_repository.ModelFolder("iris")));

        _repository.RemoveModel("iris");
        Assert.Empty(Names(_repository.Root));
    }

    [Fact]
    public void Dispose_FilesInside_LeavesNothing()
    {
        var repository = new RepositoryFolder();
        repository.WriteFile("iris", 1, "model.onnx", [1]);

        repository.Dispose();

        Assert.False(Directory.Exists(Path.GetDirectoryName(repository.Root)));
    }

    private static string[] Names(string folder) => [.. Directory.EnumerateFileSystemEntries(folder).Select(entry => Path.GetFileName(entry)).Order()];
}
