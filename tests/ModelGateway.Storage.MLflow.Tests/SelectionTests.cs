using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Hosting;
using Xunit;

namespace ModelGateway.Storage.MLflow.Tests;

/// <summary>Which models and versions are shown, and what happens when the selection moves.</summary>
public sealed class SelectionTests : IAsyncLifetime
{
    private Registry _registry = null!;

    private MlflowServer Server => _registry.Server;

    public async Task InitializeAsync()
    {
        _registry = await Registry.StartAsync();
        for (int version = 1; version <= 4; version++)
        {
            AddVersion("iris");
        }

        AddVersion("churn-eu");
        AddVersion("churn-us");
        Server.SetAlias("iris", "champion", 2);
        Server.SetAlias("iris", "challenger", 3);
        Server.SetStage("iris", 1, "Production");
        Server.SetStage("iris", 3, "Production");
        Server.SetStage("iris", 4, "Archived");
    }

    public async Task DisposeAsync() => await _registry.DisposeAsync();

    [Theory]
    [InlineData("", "churn-eu/1 churn-us/1 iris/4")]
    [InlineData("?versions=latest", "churn-eu/1 churn-us/1 iris/4")]
    [InlineData("?alias=champion", "iris/2")]
    [InlineData("?alias=@champion", "iris/2")]
    [InlineData("?alias=champion,challenger,none", "iris/2 iris/3")]
    [InlineData("?stage=production", "iris/3")]
    [InlineData("?stage=None", "churn-eu/1 churn-us/1 iris/2")]
    [InlineData("?models=churn*", "churn-eu/1 churn-us/1")]
    [InlineData("?models=*-us,iris@champion", "churn-us/1 iris/2")]
    [InlineData("?models=iris/1", "iris/1")]
    [InlineData("?models=iris/Archived", "iris/4")]
    [InlineData("?models=iris/latest,*&alias=champion", "iris/4")]
    [InlineData("?models=Iris", "")]
    [InlineData("?models=iri", "")]
    [InlineData("?models=c*n-*s", "churn-us/1")]
    [InlineData("?models=iris/9", "")]
    public async Task ListAsync_Query_SelectsModelsAndVersions(string query, string versions) =>
        Assert.Equal(versions, await VersionsAsync(_registry.Open(query)));

    [Fact]
    public async Task ListAsync_SettingsInPlaceOfTheQuery_SelectTheSame()
    {
        await using Registry other = await Registry.StartAsync(("Alias", "champion"), ("Models", "iris"));
        other.Server.AddVersion("iris", MlflowServer.MLmodel(), ("model.onnx", [1]));
        other.Server.AddVersion("iris", MlflowServer.MLmodel(), ("model.onnx", [1]));
        other.Server.SetAlias("iris", "champion", 1);

        Assert.Equal("iris/1", await VersionsAsync(other.Open()));
        Assert.Equal("iris/2", await VersionsAsync(other.Open("?versions=latest")));
    }

    [Theory]
    [InlineData("?models=iris", "name = 'iris'")]
    [InlineData("?models=churn*", "name LIKE 'churn%'")]
    [InlineData("?models=a_b*", null)]
    [InlineData("?models=iris,churn*", null)]
    [InlineData("", null)]
    public void Filter_OnePattern_IsTheRegistrysToApply(string query, string? filter) =>
        Assert.Equal(filter, VersionSelection.Parse(query, new MLflowOptions(), []).Filter);

    [Fact]
    public async Task ListAsync_VersionThatTheListingDoesNotShow_IsAskedForOnce()
    {
        IObjectStore store = _registry.Open("?alias=champion");
        ObjectListing first = (await store.ListAsync(null, CancellationToken.None))!;
        Assert.Null(await store.ListAsync(first.Marker, CancellationToken.None));
        Assert.False(Server.Requests.ContainsKey("model-versions/get"));

        Server.SetAlias("iris", "champion", 1);
        Server.ResetRequests();
        ObjectListing second = (await store.ListAsync(first.Marker, CancellationToken.None))!;

        Assert.Null(await store.ListAsync(second.Marker, CancellationToken.None));
        Assert.Equal((1, 2), (Server.Requests["model-versions/get"], Server.Requests["registered-models/search"]));
    }

    [Fact]
    public async Task ListAsync_AliasMoves_SelectsTheNewAndStillShowsTheOld()
    {
        IObjectStore store = _registry.Open("?alias=champion");
        ObjectListing before = (await store.ListAsync(null, CancellationToken.None))!;
        Assert.Equal([2], Selected(await store.ConfigAsync("iris")));

        Server.SetAlias("iris", "champion", 3);

        ObjectListing after = (await store.ListAsync(before.Marker, CancellationToken.None))!;
        ModelConfig config = await store.ConfigAsync("iris");
        Assert.NotEqual(before.Marker, after.Marker);
        Assert.Equal([3], Selected(config));
        Assert.Equal((3, 3), (config.Labels["champion"], config.Labels["challenger"]));
        Assert.Equal("iris/2 iris/3", await VersionsAsync(store));
        Server.SetAlias("iris", "champion", 4);
        Assert.Equal("iris/3 iris/4", await VersionsAsync(store));
        Server.SetAlias("iris", "champion", 3);
        Assert.Equal([3], Selected(await store.ConfigAsync("iris")));
    }

    [Fact]
    public async Task ListAsync_AliasRemoved_TakesTheModelAway()
    {
        IObjectStore store = _registry.Open("?alias=champion");
        Assert.Equal("iris/2", await VersionsAsync(store));

        Server.RemoveAlias("iris", "champion");
        Assert.Equal("", await VersionsAsync(store));
        Server.SetAlias("iris", "champion", 1);
        Assert.Equal("iris/1", await VersionsAsync(store));
        Server.RemoveVersion("iris", 1);
        Assert.Equal("", await VersionsAsync(store));
    }

    [Fact]
    public async Task ScanAsync_VersionThatIsPassedOver_WaitsBesideTheOneThatIsServed()
    {
        int version = Server.AddVersion("iris", ("MLmodel", "flavors:\n  sklearn: {}\n"u8.ToArray()));
        Server.SetAlias("iris", "challenger", version);
        Server.AddVersion("sklearn-only", ("MLmodel", "flavors:\n  sklearn: {}\n"u8.ToArray()));
        Server.SetAlias("sklearn-only", "challenger", 1);
        var repository = new ModelRepository(_registry.Open("?alias=champion,challenger"), TimeSpan.Zero, TimeProvider.System);

        for (int scan = 0; scan < 2; scan++)
        {
            RepositoryListing listing = await repository.ScanAsync(null, CancellationToken.None);

            // A model of which nothing can be served is none: another repository may have that name.
            ModelListing model = Assert.Single(listing.Models.Values);
            Assert.Equal([(2, null), (5, "It has no ONNX flavour; its flavours are sklearn.")], model.Versions.Select(item => (item.Version, item.WaitReason)));
            Assert.Empty(model.Versions[1].Files);
        }

        Server.SetAlias("iris", "challenger", 3);
        Assert.Equal([2, 3], (await repository.ScanAsync(null, CancellationToken.None)).Models["iris"].Versions.Select(item => item.Version));
    }

    [Theory]
    [InlineData("PENDING_REGISTRATION")]
    [InlineData("FAILED_REGISTRATION")]
    public async Task ListAsync_VersionThatIsNotReady_WaitsWhileTheOneBeforeIsServed(string status)
    {
        IObjectStore store = _registry.Open("?alias=champion");
        await store.KeysAsync();
        int version = AddVersion("iris");
        Server.SetStatus("iris", version, status);
        Server.SetAlias("iris", "champion", version);

        ModelConfig config = await store.ConfigAsync("iris");
        await store.KeysAsync();

        Assert.Equal([2], Selected(config));
        Assert.Equal(2, config.Labels["champion"]);
        Assert.Contains($"'iris/5' is passed over: its status is {status}.", Assert.Single(_registry.Logged), StringComparison.Ordinal);
        Server.SetStatus("iris", version, "READY");
        Assert.Equal([5], Selected(await store.ConfigAsync("iris")));
    }

    [Fact]
    public async Task ListAsync_PendingVersionThatTheListingDoesNotShow_IsAskedForUntilItIsReady()
    {
        AddVersion("wine");
        Server.SetStatus("wine", 1, "PENDING_REGISTRATION");
        AddVersion("wine");
        IObjectStore store = _registry.Open("?models=wine/1");
        Assert.Equal("", await VersionsAsync(store));

        Server.SetStatus("wine", 1, "READY");

        Assert.Equal("wine/1", await VersionsAsync(store));
    }

    [Fact]
    public async Task ListAsync_NamesAndAliasesThatTheGatewayCannotTake_AreToldOnce()
    {
        AddVersion("my model");
        AddVersion("_private");
        Server.SetAlias("iris", "1st", 4);
        Server.AddModel("a prompt", null, ("mlflow.prompt.is_prompt", "true"));
        IObjectStore store = _registry.Open();
        await store.KeysAsync();

        Assert.Equal("churn-eu/1 churn-us/1 iris/4", await VersionsAsync(store));
        Assert.Equal(3, _registry.Logged.Count);
        Assert.Single(_registry.Logged, line => line.Contains("The registered model 'my model' is passed over", StringComparison.Ordinal));
        Assert.Single(_registry.Logged, line => line.Contains("'iris': its alias '1st' is no label", StringComparison.Ordinal));
    }

    private static IReadOnlyList<long> Selected(ModelConfig config) => Assert.IsType<VersionPolicy.Specific>(config.VersionPolicy).Versions;

    private static async Task<string> VersionsAsync(IObjectStore store) =>
        string.Join(' ', (await store.KeysAsync()).Where(key => key.EndsWith("/model.onnx", StringComparison.Ordinal)).Select(key => key[..^"/model.onnx".Length]));

    private int AddVersion(string model) => Server.AddVersion(model, MlflowServer.MLmodel(), ("model.onnx", [1, 2, 3]));
}
