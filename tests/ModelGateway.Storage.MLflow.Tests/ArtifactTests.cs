using System.Text;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Storage.MLflow.Tests;

/// <summary>Where a version's files may be, and what is refused.</summary>
public sealed class ArtifactTests : IAsyncLifetime
{
    private Registry _registry = null!;

    private MlflowServer Server => _registry.Server;

    public async Task InitializeAsync()
    {
        _registry = await Registry.StartAsync();
        Server.PutArtifact("1/run/artifacts/model/MLmodel", MlflowServer.MLmodel().Content);
        Server.PutArtifact("1/run/artifacts/model/model.onnx", [1, 2, 3]);
        Server.Runs["run"] = "mlflow-artifacts:/1/run/artifacts";
        Server.LoggedModels["m-0123"] = "mlflow-artifacts:/1/run/artifacts/model";
    }

    public async Task DisposeAsync() => await _registry.DisposeAsync();

    [Theory]
    [InlineData("mlflow-artifacts:/1/run/artifacts/model")]
    [InlineData("mlflow-artifacts:/1/run/artifacts/model/")]
    [InlineData("mlflow-artifacts:///1/run/artifacts/model")]
    [InlineData("mlflow-artifacts://SERVER/1/run/artifacts/model")]
    [InlineData("runs:/run/model")]
    [InlineData("models:/m-0123")]
    public async Task ListAsync_SourceBehindTheServer_IsRead(string source)
    {
        Server.AddVersion("iris", source.Replace("SERVER", new Uri(Server.Address).Authority, StringComparison.Ordinal), "run");

        Assert.Equal([1, 2, 3], await _registry.Open().ReadAsync("iris/1/model.onnx"));
        Assert.Empty(_registry.Logged);
    }

    [Fact]
    public async Task Copies_ThroughTheServer_CountTheBytesThatArrive()
    {
        Server.AddVersion("iris", "runs:/run/model");
        IObjectStore store = _registry.Open();
        StoredObject listed = await store.FindListedAsync("iris/1/model.onnx");
        long before = await _registry.Harness.ReceivedBytesAsync();

        await store.ReadAsync(listed);

        Assert.Equal(before + 3, await _registry.Harness.ReceivedBytesAsync());
    }

    [Fact]
    public async Task ListAsync_SourceIsAnotherVersion_IsFollowed()
    {
        Server.AddVersion("iris", "runs:/run/model");
        Server.AddVersion("copy", "models:/iris/1");

        Assert.Equal([1, 2, 3], await _registry.Open("?models=copy").ReadAsync("copy/1/model.onnx"));
    }

    [Theory]
    [InlineData("s3://bucket/1/run/model", "s3://bucket/1/run/model")]
    [InlineData("gs://bucket/with space", "gs://bucket/with%20space")]
    [InlineData("azblob://account/container/model", "azblob://account/container/model")]
    [InlineData("wasbs://container@account.blob.core.windows.net/a/model", "azblob://account/container/a/model")]
    [InlineData("abfss://container@account.dfs.core.windows.net/a/model", "azblob://account/container/a/model")]
    public async Task ListAsync_SourceInAnotherStore_IsReadThere(string source, string opened)
    {
        using var folder = new RepositoryFolder();
        Fill(folder.Root);
        Uri? asked = null;
        _registry.Harness.OpenOther = location =>
        {
            asked = location;
            return new FileObjectStore(folder.Root);
        };
        Server.AddVersion("iris", source);
        IObjectStore store = _registry.Open();

        StoredObject listed = await store.FindListedAsync("iris/1/model.onnx");

        Assert.Equal(opened, asked?.AbsoluteUri);
        Assert.Equal(["iris/1/data/w.bin", "iris/1/model.onnx", "iris/model.yaml"], await store.KeysAsync());
        Assert.Equal([4, 5, 6], await store.ReadAsync(listed));
        using var part = new MemoryStream();
        await store.CopyRangeAsync(listed, 1, 1, part, CancellationToken.None);
        Assert.Equal([5], part.ToArray());
        Assert.Equal((listed.Key, listed.Size, listed.Tag), (await store.FindAsync(listed.Key, CancellationToken.None)) is { } found ? (found.Key, found.Size, found.Tag) : default);
        Assert.DoesNotContain(Server.Requests.Keys, path => path.StartsWith("artifacts", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("file:///etc", "its files are on a disk")]
    [InlineData("/etc", "its files are on a disk")]
    [InlineData("./mlruns/1", "its files are on a disk")]
    [InlineData("FILE:///etc", "its files are on a disk")]
    [InlineData("http://169.254.169.254/latest", "its files are on a web server, which is not read")]
    [InlineData("https://files.example/model/index.json", "its files are on a web server, which is not read")]
    [InlineData("mlflow+http://127.0.0.1/", "its files are in a store of the kind 'mlflow+http'")]
    [InlineData("dbfs:/databricks/model", "its files are in a store of the kind 'dbfs'")]
    [InlineData("s3://key:secret@bucket/model", "its source is not a URI")]
    [InlineData("s3://bucket/a/../b", "its source is not a URI")]
    [InlineData("wasbs://container@account.blob.core.chinacloudapi.cn/a", "other clouds of Azure are not known")]
    [InlineData("mlflow-artifacts://evil.example/1/run/artifacts/model", "behind the artifact proxy of another server")]
    [InlineData("mlflow-artifacts:/1/../../etc", "no plain path below the tracking server's artifacts")]
    [InlineData("mlflow-artifacts:/", "no plain path below the tracking server's artifacts")]
    [InlineData("runs:/other/model", "its source names a run that the tracking server does not have")]
    [InlineData("runs:/..%2Fx/model", "its source names a run that the tracking server does not have")]
    [InlineData("models:/m-none", "its source names a logged model that the tracking server does not have")]
    [InlineData("models:/self/1", "its source leads from one name to the next without an end")]
    [InlineData("models:/none/1", "its source names another version that the registry does not have")]
    public async Task ListAsync_SourceThatMayNotBeRead_IsPassedOverWithTheReason(string source, string reason)
    {
        bool isOpened = false;
        _registry.Harness.OpenOther = _ =>
        {
            isOpened = true;
            throw new IOException();
        };
        Server.AddVersion("self", source);
        IObjectStore store = _registry.Open();

        Assert.Empty(await store.KeysAsync());

        Assert.False(isOpened);
        Assert.Contains(reason, Assert.Single(_registry.Logged), StringComparison.Ordinal);
        Assert.DoesNotContain("secret", _registry.Logged[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListAsync_SamePlaceNamedTwiceOrTriedAgain_IsOpenedOnce()
    {
        using var folder = new RepositoryFolder();
        int opened = 0;
        _registry.Harness.OpenOther = _ =>
        {
            opened++;
            return new FileObjectStore(Path.Combine(folder.Root, "model"));
        };
        Server.AddVersion("iris", "s3://bucket/model");
        Server.AddVersion("wine", "s3://bucket/model");
        IObjectStore store = _registry.Open();

        Assert.Empty(await store.KeysAsync());
        Fill(Path.Combine(folder.Root, "model"));

        Assert.Contains("iris/1/model.onnx", await store.KeysAsync());
        Assert.Equal(1, opened);
    }

    [Fact]
    public async Task ListAsync_RootsInTheSettings_AreTheOnlyPlaces()
    {
        using var folder = new RepositoryFolder();
        Fill(Path.Combine(folder.Root, "model"));
        await using Registry registry = await Registry.StartAsync(("ArtifactRoots", $"s3://bucket/ml, file://{folder.Root}"));
        registry.Harness.OpenOther = static location => throw new IOException($"{location} was asked of the host.");
        registry.Server.AddVersion("inside", $"file://{folder.Root}/model");
        registry.Server.AddVersion("plain", $"{folder.Root}/model");
        registry.Server.AddVersion("outside", "file:///etc");
        registry.Server.AddVersion("around", $"file://{folder.Root}/..%2Fmodel");
        registry.Server.AddVersion("above", $"{folder.Root}/model/../../etc");
        registry.Server.AddVersion("host", $"file://elsewhere{folder.Root}/model");
        registry.Server.AddVersion("beside", $"file://{folder.Root}2/model");
        registry.Server.AddVersion("bucket", "s3://bucket/mlflow/model");

        string[] keys = await registry.Open().KeysAsync();

        Assert.Equal(["inside", "plain"], keys.Select(key => key.Split('/')[0]).Distinct());
        Assert.Equal(6, registry.Logged.Count);
    }

    [Fact]
    public async Task ListAsync_StoreThatCannotBeOpened_IsThatVersionsTrouble()
    {
        Server.AddVersion("iris", "s3://bucket/model");
        Server.AddVersion("wine", "runs:/run/model");
        _registry.Harness.OpenOther = _ => throw new IOException("No store is known for 's3'.");
        IObjectStore store = _registry.Open();

        Assert.Equal(["wine/1/model.onnx", "wine/model.yaml"], await store.KeysAsync());
        Assert.Contains("'iris/1' is passed over: the store with its files cannot be opened: No store is known for 's3'.", Assert.Single(_registry.Logged), StringComparison.Ordinal);
        Assert.NotNull((await store.ListAsync(null, CancellationToken.None))!.Marker);
    }

    [Theory]
    [InlineData("../../etc/passwd")]
    [InlineData("..\\secret")]
    [InlineData("a:b")]
    [InlineData("line\nbreak")]
    public async Task ListAsync_NameThatLeavesTheFolder_IsPassedOver(string name)
    {
        Server.PutArtifact($"1/run/artifacts/model/{name}", [1]);
        Server.AddVersion("iris", "runs:/run/model");
        IObjectStore store = _registry.Open();

        Assert.Equal(["iris/1/model.onnx", "iris/model.yaml"], await store.KeysAsync());
        Assert.Contains("which is passed over: that is no plain name", Assert.Single(_registry.Logged), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, "it has no file MLmodel")]
    [InlineData("flavors:\n  sklearn:\n    data: model.pkl\n  python_function: {}\n", "it has no ONNX flavour; its flavours are python_function, sklearn")]
    [InlineData("", "it has no ONNX flavour")]
    [InlineData("flavors: [onnx]", "it has no ONNX flavour")]
    [InlineData("flavors: {onnx: {data: other.onnx}}", "the file 'other.onnx' of its ONNX flavour is not there")]
    [InlineData("flavors: {onnx: {data: ../../model.onnx}}", "the data of its ONNX flavour is no plain path below its folder")]
    [InlineData("flavors: {onnx: {data: /etc/passwd}}", "the data of its ONNX flavour is no plain path below its folder")]
    [InlineData("flavors: {onnx: [", "its file MLmodel is not YAML")]
    public async Task ListAsync_NoOnnxModel_IsPassedOverWithTheReason(string? text, string reason)
    {
        Server.AddVersion("iris", text is null ? [("model.onnx", [1])] : [("MLmodel", Encoding.UTF8.GetBytes(text)), ("model.onnx", [1])]);
        Server.AddVersion("wine", "runs:/run/model");
        IObjectStore store = _registry.Open();
        string[] keys = await store.KeysAsync();
        Server.ResetRequests();
        await store.KeysAsync();

        Assert.Equal(["wine/1/model.onnx", "wine/model.yaml"], keys);
        Assert.Contains($"'iris/1' is passed over: {reason}", Assert.Single(_registry.Logged), StringComparison.Ordinal);
        Assert.Equal([KeyValuePair.Create("registered-models/search", 1)], Server.Requests);
    }

    private static void Fill(string folder)
    {
        Directory.CreateDirectory(Path.Combine(folder, "data"));
        File.WriteAllBytes(Path.Combine(folder, "MLmodel"), MlflowServer.MLmodel().Content);
        File.WriteAllBytes(Path.Combine(folder, "model.onnx"), [4, 5, 6]);
        File.WriteAllBytes(Path.Combine(folder, "data", "w.bin"), [7]);
    }
}
