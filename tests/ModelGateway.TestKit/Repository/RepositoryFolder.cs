using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Onnx;

namespace ModelGateway.TestKit.Repository;

/// <summary>
/// A model repository in a temporary folder, gone when disposed. What is added appears whole, by a rename, unless the name of the method says
/// otherwise: a test that wants a half-copied version writes its files one by one.
/// </summary>
public sealed class RepositoryFolder : IDisposable
{
    // Staging lies beside the repository, not inside: on the same disk, so that a rename is atomic, but out of the watcher's sight.
    private readonly string _base = Directory.CreateTempSubdirectory("repository-").FullName;
    private readonly string _staging;
    private int _stagedCount;

    public RepositoryFolder()
    {
        Root = Directory.CreateDirectory(Path.Combine(_base, "repository")).FullName;
        _staging = Directory.CreateDirectory(Path.Combine(_base, "staging")).FullName;
    }

    /// <summary>The repository's root: the folder of the model folders.</summary>
    public string Root { get; }

    public string ModelFolder(string model) => Path.Combine(Root, model);

    public string VersionFolder(string model, long version) => Path.Combine(Root, model, version.ToString(CultureInfo.InvariantCulture));

    /// <summary>Adds a version, or replaces it (then it is absent between two renames).</summary>
    /// <param name="model">The model's name.</param>
    /// <param name="version">The version.</param>
    /// <param name="onnx">The content of <c>model.onnx</c>.</param>
    /// <param name="files">More files of the version folder; a name may hold a folder (<c>golden/one.json</c>).</param>
    /// <returns>The version folder.</returns>
    public string AddVersion(string model, long version, byte[] onnx, params (string Name, byte[] Content)[] files)
    {
        string staged = NextStagingPath();
        WriteFiles(staged, [(ModelArtifact.ModelFileName, onnx), .. files]);

        string folder = VersionFolder(model, version);
        Directory.CreateDirectory(ModelFolder(model));
        MoveAway(folder);
        Directory.Move(staged, folder);
        return folder;
    }

    /// <summary>A model with the second file that holds its weights.</summary>
    public string AddVersion(string model, long version, ExternalDataModel onnx) =>
        AddVersion(model, version, onnx.Model, (onnx.FileName, onnx.Data));

    /// <summary>Writes the files in place, one after the other, and <c>manifest.json</c> last, as an uploader without rename does.</summary>
    /// <returns>The version folder.</returns>
    public string AddVersionWithManifest(string model, long version, byte[] onnx, params (string Name, byte[] Content)[] files)
    {
        (string Name, byte[] Content)[] all = [(ModelArtifact.ModelFileName, onnx), .. files];
        string folder = VersionFolder(model, version);
        WriteFiles(folder, all);
        WriteFiles(folder, [("manifest.json", Manifest(all))]);
        return folder;
    }

    /// <summary>The content of a <c>manifest.json</c>: name, size and SHA-256 of each file.</summary>
    public static byte[] Manifest(params (string Name, byte[] Content)[] files) =>
        JsonSerializer.SerializeToUtf8Bytes(new
        {
            files = files.Select(file => new { name = file.Name, size = file.Content.Length, sha256 = Convert.ToHexStringLower(SHA256.HashData(file.Content)) }),
        });

    /// <summary>Writes one file of a version in place, for what is half copied or changed afterwards.</summary>
    public void WriteFile(string model, long version, string name, byte[] content) => WriteFiles(VersionFolder(model, version), [(name, content)]);

    /// <summary>Adds or replaces <c>model.yaml</c>.</summary>
    public void AddConfig(string model, string yaml)
    {
        string staged = NextStagingPath();
        File.WriteAllText(staged, yaml, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
        Directory.CreateDirectory(ModelFolder(model));
        File.Move(staged, ConfigFile(model), overwrite: true);
    }

    public void RemoveConfig(string model) => File.Delete(ConfigFile(model));

    public void RemoveVersion(string model, long version) => MoveAway(VersionFolder(model, version));

    public void RemoveModel(string model) => MoveAway(ModelFolder(model));

    public void Dispose() => Directory.Delete(_base, recursive: true);

    private static void WriteFiles(string folder, IEnumerable<(string Name, byte[] Content)> files)
    {
        foreach ((string name, byte[] content) in files)
        {
            string path = Path.Combine(folder, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, content);
        }
    }

    private void MoveAway(string folder)
    {
        if (Directory.Exists(folder))
        {
            string trash = NextStagingPath();
            Directory.Move(folder, trash);
            Directory.Delete(trash, recursive: true);
        }
    }

    private string ConfigFile(string model) => Path.Combine(ModelFolder(model), "model.yaml");

    private string NextStagingPath() => Path.Combine(_staging, Interlocked.Increment(ref _stagedCount).ToString(CultureInfo.InvariantCulture));
}
