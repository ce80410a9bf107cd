using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;

namespace ModelGateway.Platforms.Artifacts;

/// <summary>
/// Where, in what a platform put into a folder or bucket, the models lie. Keys of the store become keys of a repository:
/// </summary>
/// <remarks>
/// <code>
/// in the store                       in the repository
/// model.onnx, labels.txt             model/1/model.onnx, model/1/labels.txt     one version; a model.yaml beside it is model/model.yaml
/// 3/model.onnx, 4/model.onnx         model/3/model.onnx, model/4/model.onnx     one model
/// iris/1/model.onnx                  iris/1/model.onnx                          a repository
/// iris/model.onnx                    iris/1/model.onnx                          any of these in one folder, however deep
/// models/iris/1/model.onnx           iris/1/model.onnx
/// </code>
/// </remarks>
internal sealed class ArtifactLayout
{
    private const string ConfigFile = "model.yaml";
    private readonly string _from;
    private readonly string _to;
    private readonly string? _config;

    // A store's key that begins with `from` begins with `to` in the repository; `config` is where a model.yaml at the start goes.
    private ArtifactLayout(string from, string to, string? config)
    {
        _from = from;
        _to = to;
        _config = config;
    }

    /// <summary>The layout of these keys.</summary>
    /// <param name="keys">All keys of the store.</param>
    /// <param name="placed">Names for what has none.</param>
    /// <param name="isOneModel">There is one model, of the name in <paramref name="placed"/> whatever its folder is called.</param>
    public static ArtifactLayout Of(IReadOnlyCollection<string> keys, PlacedArtifacts placed, bool isOneModel)
    {
        string inside = "";
        while (true)
        {
            List<string[]> paths = [.. keys.Where(key => key.StartsWith(inside, StringComparison.Ordinal)).Select(key => key[inside.Length..].Split('/'))];
            string model = isOneModel ? placed.Model : NameOf(inside) ?? placed.Model;
            if (paths.Any(static path => path.Length == 1 && IsModelFile(path[0])))
            {
                return new ArtifactLayout(inside, $"{model}/{placed.Version}/", $"{model}/{ConfigFile}");
            }

            if (paths.Any(static path => path.Length == 2 && IsVersion(path[0]) && IsModelFile(path[1])))
            {
                return new ArtifactLayout(inside, $"{model}/", config: null);
            }

            List<string> models = [.. paths.Where(static path => path.Length == 3 && IsVersion(path[1]) && IsModelFile(path[2])).Select(static path => path[0]).Distinct()];
            if (models.Count > 0 && !(isOneModel && models.Count == 1))
            {
                return new ArtifactLayout(inside, "", config: null);
            }

            // One folder around it all; of one model, the folder with the model.
            List<string> folders = models.Count == 1 ? models : [.. paths.Where(static path => path.Length > 1).Select(static path => path[0]).Distinct()];
            if (folders.Count != 1)
            {
                return new ArtifactLayout("", "", config: null);
            }

            inside += folders[0] + "/";
        }
    }

    /// <summary>The repository's key for one of the store; null where it is no part of the repository.</summary>
    public string? ToRepository(string key) =>
        !key.StartsWith(_from, StringComparison.Ordinal) ? null
        : _config is not null && key.AsSpan(_from.Length).SequenceEqual(ConfigFile) ? _config
        : _to + key[_from.Length..];

    /// <summary>The store's key for one that <see cref="ToRepository"/> made; null for any other.</summary>
    public string? ToStore(string key) =>
        key == _config ? _from + ConfigFile
        : key.StartsWith(_to, StringComparison.Ordinal) ? _from + key[_to.Length..]
        : null;

    private static string? NameOf(string inside) =>
        inside.Length > 0 && inside[..^1].Split('/')[^1] is var folder && ModelName.IsValid(folder) ? folder : null;

    private static bool IsModelFile(string name) => name is ModelArtifact.ModelFileName or ModelArtifact.EncryptedModelFileName;

    private static bool IsVersion(string name) => name.Length is > 0 and <= 18 && name[0] != '0' && name.All(char.IsAsciiDigit);
}
