using System.Text;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Hosting;
using Xunit;

namespace ModelGateway.Storage.MLflow.Tests;

/// <summary>
/// The registry as a repository: what is its own beside what <see cref="RegistryContract"/> asks of it as of every store. Nobody writes single objects
/// into a registry, so <c>KeyedObjectStoreContract</c> is not for it.
/// </summary>
public sealed class MLflowObjectStoreTests : IAsyncLifetime
{
    private static readonly (string, byte[]) Model = MlflowServer.MLmodel("model.onnx", "sepal length (cm)", "it's, \"quoted\": ünï🙂");
    private Registry _registry = null!;

    private MlflowServer Server => _registry.Server;

    public async Task InitializeAsync() => _registry = await Registry.StartAsync();

    public async Task DisposeAsync() => await _registry.DisposeAsync();

    [Fact]
    public async Task ListAsync_EmptyRegistry_IsEmpty() => Assert.Empty(await _registry.Open().KeysAsync());

    [Fact]
    public async Task ListAsync_OnnxModel_HasTheLayoutOfARepository()
    {
        Server.AddVersion("iris", Model, ("model.onnx", Content(10)), ("8a1c-data", Content(3_000_001, 2)), ("conda.yaml", [1]), ("requirements.txt", [1]), ("metadata/MLmodel", [1]), (".hidden", [1]));
        IObjectStore store = _registry.Open();

        Assert.Equal(["iris/1/8a1c-data", "iris/1/columns.txt", "iris/1/model.onnx", "iris/model.yaml"], await store.KeysAsync());
        Assert.Equal(Content(10), await store.ReadAsync("iris/1/model.onnx"));
        Assert.Equal(Content(3_000_001, 2), await store.ReadAsync("iris/1/8a1c-data"));
        Assert.Equal("sepal length (cm)\nit's, \"quoted\": ünï🙂\n", Encoding.UTF8.GetString(await store.ReadAsync("iris/1/columns.txt")));
        Assert.Empty(_registry.Logged);
        Assert.Equal((false, false), (store.SupportsRanges, store.MustSettle));
    }

    [Theory]
    [InlineData("data/net.onnx", "data/net.onnx data/w.bin data/deep/x.bin other.bin", "columns.txt deep/x.bin model.onnx w.bin")]
    [InlineData("net.onnx", "net.onnx model.onnx w.bin", "columns.txt model.onnx w.bin")]
    [InlineData("data", "data/net.onnx data/w.bin", "columns.txt model.onnx w.bin")]
    [InlineData("./model.onnx", "model.onnx golden/one.json code/a.py", "code/a.py columns.txt golden/one.json model.onnx")]
    public async Task ListAsync_OnnxFileElsewhere_IsShownAsModelOnnx(string data, string files, string shown)
    {
        Server.AddVersion("iris", [MlflowServer.MLmodel(data, "a"), .. files.Split(' ').Select(name => (name, Encoding.UTF8.GetBytes(name)))]);
        IObjectStore store = _registry.Open();

        Assert.Equal(shown.Split(' '), (await store.KeysAsync())[..^1].Select(key => key["iris/1/".Length..]));
        Assert.Contains("onnx", Encoding.UTF8.GetString(await store.ReadAsync("iris/1/model.onnx")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("with space.bin")]
    [InlineData("ünï🙂.bin")]
    [InlineData("100%+#?&=.bin")]
    [InlineData("a'b\"c;d,e.bin")]
    public async Task CopyToAsync_UnusualName_IsListedAndCopied(string name)
    {
        Server.AddVersion("iris", Model, ("model.onnx", Content(10)), (name, Content(4)));

        Assert.Equal(Content(4), await _registry.Open().ReadAsync("iris/1/" + name));
    }

    [Fact]
    public async Task ListAsync_NothingChanged_IsNullAndOneRequest()
    {
        for (int i = 0; i < 20; i++)
        {
            Server.AddVersion($"model{i}", Model, ("model.onnx", Content(10)));
        }

        IObjectStore store = _registry.Open();
        ObjectListing first = (await store.ListAsync(null, CancellationToken.None))!;
        Server.ResetRequests();

        for (int poll = 0; poll < 10; poll++)
        {
            Assert.Null(await store.ListAsync(first.Marker, CancellationToken.None));
        }

        Assert.Equal([KeyValuePair.Create("registered-models/search", 10)], Server.Requests);
        Assert.Equal(first.Objects, (await store.ListAsync(null, CancellationToken.None))!.Objects);
        Assert.Equal([KeyValuePair.Create("registered-models/search", 11)], Server.Requests);
        Assert.Equal(12, (await _registry.Harness.RequestsAsync())["list success"] - 20);
    }

    [Fact]
    public async Task ListAsync_MarkerOfAnEarlierProcess_IsNotTrustedBeforeTheFirstListing()
    {
        Server.AddVersion("iris", Model, ("model.onnx", Content(10)));
        ObjectListing first = (await _registry.Open().ListAsync(null, CancellationToken.None))!;

        IObjectStore restarted = _registry.Open();

        Assert.Equal(Content(10), await restarted.ReadAsync(first.Objects.Single(item => item.Key == "iris/1/model.onnx")));
        Assert.Null(await restarted.ListAsync(first.Marker, CancellationToken.None));
        Assert.NotNull(await _registry.Open().ListAsync(first.Marker, CancellationToken.None));
    }

    [Fact]
    public async Task ListAsync_OneModelChanged_AsksForThatOneOnly()
    {
        Server.AddVersion("iris", Model, ("model.onnx", Content(10)));
        Server.AddVersion("wine", Model, ("model.onnx", Content(10)));
        IObjectStore store = _registry.Open();
        ObjectListing first = (await store.ListAsync(null, CancellationToken.None))!;
        Server.ResetRequests();

        Server.AddVersion("wine", Model, ("model.onnx", Content(11)));

        ObjectListing second = (await store.ListAsync(first.Marker, CancellationToken.None))!;
        Assert.Equal(["artifacts/*:1", "artifacts:1", "model-versions/get-download-uri:1", "registered-models/search:1"], Server.Requests.Select(request => $"{request.Key}:{request.Value}").Order(StringComparer.Ordinal));
        Assert.Equal(Of(first, "iris/"), Of(second, "iris/"));
        Assert.Equal(11, second.Objects.Single(item => item.Key == "wine/2/model.onnx").Size);
    }

    [Fact]
    public async Task ListAsync_MoreThanAThousandModels_CostsARequestAThousand()
    {
        for (int i = 0; i < 2001; i++)
        {
            Server.AddModel($"model{i}");
        }

        Server.AddVersion("model1999", Model, ("model.onnx", Content(10)));
        IObjectStore store = _registry.Open();

        Assert.Contains("model1999/1/model.onnx", await store.KeysAsync());
        Assert.Equal(3, Server.Requests["registered-models/search"]);
    }

    [Fact]
    public async Task ListAsync_OtherVersionUnderTheSameNumber_HasOtherTags()
    {
        Server.AddVersion("iris", Model, ("model.onnx", Content(10)));
        IObjectStore store = _registry.Open();
        StoredObject before = await store.FindListedAsync("iris/1/model.onnx");
        Server.RemoveModel("iris");
        Server.AddVersion("iris", Model, ("model.onnx", Content(10, 2)));

        StoredObject after = await store.FindListedAsync("iris/1/model.onnx");

        Assert.NotEqual(before.Tag, after.Tag);
        await Assert.ThrowsAsync<ObjectChangedException>(() => store.ReadAsync(before));
        Assert.Equal(Content(10, 2), await store.ReadAsync(after));
        Assert.Equal(Content(10, 2), await store.ReadAsync(before with { Tag = "" }));
    }

    [Fact]
    public async Task ListAsync_ModelRemoved_IsGone()
    {
        Server.AddVersion("iris", Model, ("model.onnx", Content(10)));
        IObjectStore store = _registry.Open();
        StoredObject listed = await store.FindListedAsync("iris/1/model.onnx");

        Server.RemoveModel("iris");

        Assert.Empty(await store.KeysAsync());
        await Assert.ThrowsAsync<ObjectChangedException>(() => store.ReadAsync(listed));
        Assert.Null(await store.FindAsync("iris/1/model.onnx", CancellationToken.None));
    }

    [Fact]
    public async Task ListAsync_Objects_HaveTheVersionsTime()
    {
        Server.AddVersion("iris", Model, ("model.onnx", Content(10)));

        Assert.All(
            (await _registry.Open().ListAsync(null, CancellationToken.None))!.Objects,
            item => Assert.InRange(item.LastModified, DateTimeOffset.UtcNow.AddMinutes(-5), DateTimeOffset.UtcNow.AddMinutes(5)));
    }

    [Fact]
    public async Task FindAsync_ListedObject_IsTheOneThatWasListed()
    {
        Server.AddVersion("iris", Model, ("model.onnx", Content(10)));
        IObjectStore store = _registry.Open();

        foreach (StoredObject listed in (await store.ListAsync(null, CancellationToken.None))!.Objects)
        {
            Assert.Equal(listed, await store.FindAsync(listed.Key, CancellationToken.None));
        }

        Assert.Null(await store.FindAsync("iris/1", CancellationToken.None));
        Assert.Null(await store.FindAsync("../secret", CancellationToken.None));
    }

    [Fact]
    public async Task CopyToAsync_FileGoneOrOfAnotherSize_IsNeverTaken()
    {
        Server.AddVersion("iris", $"mlflow-artifacts:/1/run/artifacts/model", "run");
        Server.PutArtifact("1/run/artifacts/model/MLmodel", MlflowServer.MLmodel().Content);
        Server.PutArtifact("1/run/artifacts/model/model.onnx", Content(100_000));
        IObjectStore store = _registry.Open();
        StoredObject listed = await store.FindListedAsync("iris/1/model.onnx");

        Server.PutArtifact("1/run/artifacts/model/model.onnx", Content(100_001));
        await Assert.ThrowsAsync<ObjectChangedException>(() => store.ReadAsync(listed));
        Server.PutArtifact("1/run/artifacts/model/model.onnx", Content(99_999));
        await Assert.ThrowsAnyAsync<IOException>(() => store.ReadAsync(listed));
        Server.RemoveArtifact("1/run/artifacts/model/model.onnx");
        await Assert.ThrowsAsync<ObjectChangedException>(() => store.ReadAsync(listed));
    }

    [Fact]
    public async Task CopyRangeAsync_PartOfAnArtifact_SaysThatTheServerSendsWholeFilesOnly()
    {
        Server.AddVersion("iris", Model, ("model.onnx", Content(100)));
        IObjectStore store = _registry.Open();
        StoredObject listed = await store.FindListedAsync("iris/1/model.onnx");

        IOException refused = await Assert.ThrowsAnyAsync<IOException>(() => store.CopyRangeAsync(listed, 10, 20, Stream.Null, CancellationToken.None));

        Assert.Contains("does not send parts", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnyCall_Cancelled_Stops()
    {
        Server.AddVersion("iris", Model, ("model.onnx", Content(10)));
        IObjectStore store = _registry.Open();
        StoredObject listed = await store.FindListedAsync("iris/1/model.onnx");
        var cancelled = new CancellationToken(canceled: true);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => store.ListAsync(null, cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => store.FindAsync(listed.Key, cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => store.CopyToAsync(listed, Stream.Null, cancelled));
    }

    [Fact]
    public async Task Config_Registry_IsWhatTheGatewayReads()
    {
        Server.AddModel("iris", "Which iris\nit is 🙂 \"really\"", ("team", "botany"), ("empty", ""));
        Server.AddVersion("iris", Model, ("model.onnx", Content(10)));
        int second = Server.AddVersion("iris", Model, ("model.onnx", Content(10)));
        Server.SetAlias("iris", "champion", second);
        Server.SetAlias("iris", "old", 1);
        Server.SetStage("iris", second, "Production");
        Server.SetVersionTag("iris", second, "validated by", "Ann\u0007\\");
        Server.DescribeVersion("iris", second, "Trained again");

        ModelConfig config = await _registry.Open().ConfigAsync("iris");

        Assert.Equal("Which iris it is 🙂 \"really\"", config.Description);
        Assert.Equal([2], Assert.IsType<VersionPolicy.Specific>(config.VersionPolicy).Versions);
        Assert.Equal(["champion:2", "production:2"], config.Labels.Select(label => $"{label.Key}:{label.Value}").Order(StringComparer.Ordinal));
        Assert.Equal([KeyValuePair.Create("tag.team", "botany")], config.Metadata);
        IReadOnlyDictionary<string, string> facts = Assert.Single(config.VersionMetadata).Value;
        Assert.Equal(("champion", "Trained again", "Production", @"Ann \"), (facts["aliases"], facts["description"], facts["stage"], facts["tag.validated by"]));
        Assert.Equal(32, facts["run_id"].Length);
        Assert.StartsWith("mlflow-artifacts:/1/", facts["source"], StringComparison.Ordinal);
        Assert.Matches("^20[0-9]{2}-", facts["created"]);
    }

    [Fact]
    public async Task Config_TagOrDescriptionChanges_LoadsNothingAnew()
    {
        Server.AddVersion("iris", Model, ("model.onnx", Content(10)));
        IObjectStore store = _registry.Open();
        ObjectListing before = (await store.ListAsync(null, CancellationToken.None))!;
        string fingerprint = (await store.ConfigAsync("iris")).LoadFingerprint;

        Server.SetVersionTag("iris", 1, "quality", "good");
        Server.DescribeVersion("iris", 1, "It is good");

        ObjectListing after = (await store.ListAsync(before.Marker, CancellationToken.None))!;
        ModelConfig config = await store.ConfigAsync("iris");
        Assert.Equal(("good", fingerprint), (config.VersionMetadata[1]["tag.quality"], config.LoadFingerprint));
        Assert.Equal(Of(before, "iris/1/"), Of(after, "iris/1/"));
    }

    private static StoredObject[] Of(ObjectListing listing, string prefix) => [.. listing.Objects.Where(item => item.Key.StartsWith(prefix, StringComparison.Ordinal)).OrderBy(item => item.Key, StringComparer.Ordinal)];

    private static byte[] Content(int size, byte seed = 1)
    {
        byte[] content = new byte[size];
        new Random(seed).NextBytes(content);
        return content;
    }
}
