using System.Text;
using ModelGateway.Serving.Repository;

namespace ModelGateway.Storage.MLflow;

/// <summary>
/// From the folder of an MLflow model to the files of a version folder: the ONNX file as <c>model.onnx</c>, what lies beside it (external data
/// has names that only the graph knows), and <c>columns.txt</c> from the signature.
/// </summary>
internal static class VersionReader
{
    private const string ColumnsFileName = "columns.txt";
    private const int MostFiles = 1000;
    private const int MostFolders = 32;

    // MLflow's own files: Python environments, examples, and a copy of them that some registries want.
    private static readonly HashSet<string> Others = new(StringComparer.Ordinal)
    {
        MLmodel.FileName, "conda.yaml", "python_env.yaml", "requirements.txt", "constraints.txt", "input_example.json", "serving_input_example.json",
        "registered_model_meta", "metadata/",
    };

    /// <summary>The files, with keys below <paramref name="prefix"/>.</summary>
    /// <exception cref="IOException">The files cannot be read now.</exception>
    /// <exception cref="ModelNotServableException">There is nothing to serve.</exception>
    public static async Task<IReadOnlyList<VersionFile>> ReadAsync(ArtifactSource source, string prefix, DateTimeOffset created, CancellationToken cancellationToken)
    {
        ArtifactFolder root = await source.ListAsync("", cancellationToken);
        MLmodel model = MLmodel.Parse(await ReadTextAsync(source, root, cancellationToken));
        string onnx = await FindOnnxAsync(source, root, model, cancellationToken);
        string folder = onnx[..(onnx.LastIndexOf('/') + 1)];
        var files = new List<VersionFile>();
        foreach (StoredObject file in await ListAllAsync(source, folder.Length == 0 ? root : null, folder, model, cancellationToken))
        {
            string name = file.Key == onnx ? ModelArtifact.ModelFileName : file.Key[folder.Length..];
            if (file.Key == onnx || name != ModelArtifact.ModelFileName)
            {
                files.Add(VersionFile.OfSource(prefix + name, source, file with { LastModified = created }));
            }
        }

        if (model.ReadColumns() is { } columns && files.All(file => file.Shown.Key != prefix + ColumnsFileName))
        {
            files.Add(VersionFile.OfText(prefix + ColumnsFileName, Encoding.UTF8.GetBytes(string.Concat(columns.Select(column => column + "\n"))), created));
        }

        return files;
    }

    private static async Task<string> ReadTextAsync(ArtifactSource source, ArtifactFolder root, CancellationToken cancellationToken)
    {
        StoredObject file = root.Files.FirstOrDefault(file => file.Key == MLmodel.FileName);
        if (file.Key is null)
        {
            throw new ModelNotServableException($"it has no file {MLmodel.FileName}");
        }

        if (file.Size > MLmodel.LargestSize)
        {
            throw new ModelNotServableException($"its file {MLmodel.FileName} has more than {MLmodel.LargestSize} bytes");
        }

        using var content = new MemoryStream();
        await source.CopyRangeAsync(file, 0, file.Size, content, cancellationToken);
        return Encoding.UTF8.GetString(content.ToArray());
    }

    // The flavour names a file; should it name a folder, the one ONNX file in it is meant.
    private static async Task<string> FindOnnxAsync(ArtifactSource source, ArtifactFolder root, MLmodel model, CancellationToken cancellationToken)
    {
        string data = model.OnnxData ?? throw new ModelNotServableException(model.Flavors.Count == 0
            ? "it has no ONNX flavour"
            : $"it has no ONNX flavour; its flavours are {RegistryText.OneLine(string.Join(", ", model.Flavors.Take(10)))}");
        data = data.StartsWith("./", StringComparison.Ordinal) ? data[2..] : data;
        if (!ObjectKey.IsListed(data))
        {
            throw new ModelNotServableException($"the data of its ONNX flavour is no plain path below its folder");
        }

        ArtifactFolder parent = data.Contains('/') ? await source.ListAsync(data[..(data.LastIndexOf('/') + 1)], cancellationToken) : root;
        if (parent.Files.Any(file => file.Key == data))
        {
            return data;
        }

        StoredObject[] inside = parent.Folders.Contains(data + "/")
            ? [.. (await source.ListAsync(data + "/", cancellationToken)).Files.Where(file => file.Key.EndsWith(".onnx", StringComparison.Ordinal))]
            : [];
        return inside.Length == 1 ? inside[0].Key : throw new ModelNotServableException($"the file '{data}' of its ONNX flavour is not there");
    }

    private static async Task<List<StoredObject>> ListAllAsync(
        ArtifactSource source, ArtifactFolder? root, string folder, MLmodel model, CancellationToken cancellationToken)
    {
        var files = new List<StoredObject>();
        var folders = new Queue<string>([folder]);
        for (int listed = 0; folders.TryDequeue(out string? next); listed++)
        {
            ArtifactFolder found = root is not null && next == folder ? root : await source.ListAsync(next, cancellationToken);
            files.AddRange(found.Files.Where(file => root is null || !Others.Contains(file.Key)));
            foreach (string below in found.Folders.Where(below => below.TrimEnd('/') != model.Code && (root is null || !Others.Contains(below))))
            {
                folders.Enqueue(below);
            }

            if (files.Count > MostFiles || listed > MostFolders)
            {
                throw new ModelNotServableException($"its folder has more than {MostFiles} files or {MostFolders} folders");
            }
        }

        return files;
    }
}
