using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using ModelGateway.Repositories;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Repository;
using ModelGateway.Storage.MLflow;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Repository;
using Prometheus;
using Xunit;

namespace ModelGateway.Tests.Repositories;

public sealed class StoreCatalogTests
{
    private readonly FakeProvider _provider = new();
    private readonly StoreCatalog _catalog;

    public StoreCatalogTests() => _catalog = new StoreCatalog([_provider, new FileObjectStoreProvider(), new MLflowObjectStoreProvider(static _ => null)]);

    [Fact]
    public void Open_OwnSettings_LieOverThoseForAllKeyByKey()
    {
        IConfiguration gateway = Gateway(
            ("Fake:Region", "for-all"), ("Fake:Endpoint", "for-all"), ("Repositories:0:Uri", "fake://one"), ("Repositories:0:Fake:Region", "own"), ("Repositories:1:Uri", "fake://two"));
        IReadOnlyList<ConfiguredRepository> repositories = ConfiguredRepository.Read(Bound(gateway), gateway);

        foreach (ConfiguredRepository repository in repositories)
        {
            Assert.Empty(_catalog.FindFaults(repository.Uri, repository.Key, repository.Settings));
            _catalog.Open(repository.Uri, "/", repository.Settings, gateway.GetSection, Context());
        }

        Assert.Equal(
            ["fake://one/ own for-all", "fake://two/ for-all for-all"],
            _provider.Opened.Select(opened => $"{opened.Location} {opened.Context.Settings["Region"]} {opened.Context.Settings["Endpoint"]}"));
    }

    [Fact]
    public void FindFaults_OfTheProvider_NameTheSetting() =>
        Assert.Equal(["Gateway:Repositories:0:Uri: Region is missing."], _catalog.FindFaults("fake://faulty", "Gateway:Repositories:0:Uri", Gateway().GetSection));

    [Fact]
    public void OpenOther_KnownScheme_UsesTheSettingsForAll()
    {
        Func<Uri, IObjectStore> openOther = OpenOther(Gateway(("Fake:Region", "for-all")), own: Gateway(("Fake:Region", "own")));

        openOther(new Uri("fake://elsewhere/artifacts"));

        FakeProvider.Call other = _provider.Opened[^1];
        Assert.Equal(("fake://elsewhere/artifacts", "for-all"), (other.Location, other.Context.Settings["Region"]));
        Assert.Throws<IOException>(() => other.Context.OpenOther(new Uri("fake://third")));
    }

    [Theory]
    [InlineData("file:///etc", "local path")]
    [InlineData("/etc/passwd", "local path")]
    [InlineData("FILE:///etc", "local path")]
    [InlineData("ftp://host/x", "No store is known for 'ftp://host/x'")]
    [InlineData("fake://user:hidden-word@elsewhere/x", "has a user name or password")]
    [InlineData("fake://faulty/x?sig=hidden-word", "Region is missing")]
    public void OpenOther_WhatMustNotBe_IsAnIOException(string location, string reason)
    {
        Func<Uri, IObjectStore> openOther = OpenOther(Gateway(), own: Gateway());

        IOException exception = Assert.Throws<IOException>(() => openOther(new Uri(location, UriKind.RelativeOrAbsolute)));

        Assert.Contains(reason, exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hidden-word", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OpenOther_AnyWebServer_IsNotGivenTheOperatorsCredentials()
    {
        Func<Uri, IObjectStore> openOther = OpenOther(Gateway(("Fake:BearerToken", "hidden-word")), own: Gateway());

        openOther(new Uri("https://elsewhere/index.json"));

        Assert.Null(_provider.Opened[^1].Context.Settings["BearerToken"]);
    }

    [Fact]
    public async Task Open_RegistryWithArtifactsOnAMountedDisk_ReadsOnlyTheFolderThatTheSettingsName()
    {
        using var mounted = new RepositoryFolder();
        foreach (string folder in new[] { "mlruns/model", "other/model" })
        {
            Directory.CreateDirectory(Path.Combine(mounted.Root, folder));
            await File.WriteAllBytesAsync(Path.Combine(mounted.Root, folder, "MLmodel"), MlflowServer.MLmodel().Content);
            await File.WriteAllBytesAsync(Path.Combine(mounted.Root, folder, "model.onnx"), [1, 2, 3]);
        }

        await using MlflowServer server = await MlflowServer.StartAsync();
        server.AddVersion("iris", $"{mounted.Root}/mlruns/model");
        server.AddVersion("wine", $"file://{mounted.Root}/other/model");
        var catalog = new StoreCatalog([new MLflowObjectStoreProvider(static _ => null)]);
        IConfiguration gateway = Gateway(("MLflow:ArtifactRoots", $"file://{mounted.Root}/mlruns"));

        IObjectStore store = catalog.Open(server.Repository, "/", gateway.GetSection, gateway.GetSection, Context());

        ObjectListing listing = (await store.ListAsync(null, CancellationToken.None))!;
        Assert.Equal(["iris/1/model.onnx", "iris/model.yaml"], listing.Objects.Select(listed => listed.Key).Order(StringComparer.Ordinal));
        using var copy = new MemoryStream();
        await store.CopyRangeAsync(listing.Objects.Single(listed => listed.Key == "iris/1/model.onnx"), 0, 3, copy, CancellationToken.None);
        Assert.Equal([1, 2, 3], copy.ToArray());
    }

    [Theory]
    [InlineData("models", "file:///root/models")]
    [InlineData("/models/", "file:///models")]
    [InlineData("file:///models/", "file:///models")]
    [InlineData("s3://bucket/a/b/", "s3://bucket/a/b")]
    [InlineData("s3://bucket", "s3://bucket")]
    [InlineData("https://host:8443/a/index.json?sig=secret", "https://host:8443/a/index.json")]
    [InlineData("mlflow+https://host/base/?alias=champion", "mlflow+https://host/base?alias=champion")]
    [InlineData("mlflow+http://host:5000?models=iris,a%20b", "mlflow+http://host:5000?models=iris,a%20b")]
    [InlineData("mlflow+https://host", "mlflow+https://host")]
    public void LocationOf_Repository_IsThatOfItsStore(string repository, string location)
    {
        Assert.Equal(location, _catalog.LocationOf(repository, "/root"));
        if (!location.StartsWith("s3:", StringComparison.Ordinal) && !location.StartsWith("https:", StringComparison.Ordinal))
        {
            Assert.Equal(location, _catalog.Open(repository, "/root", Gateway().GetSection, Gateway().GetSection, Context()).Location);
        }
    }

    // Requests are counted under the one, everything else goes by the other.
    [Theory]
    [InlineData("s3://bucket/my models/a%3Fb/", "s3://bucket/my%20models/a%3Fb")]
    [InlineData("gs://bucket/my models/a%3Fb/", "gs://bucket/my%20models/a%3Fb")]
    [InlineData("azblob://account/container/my models/a%3Fb/", "azblob://account/container/my%20models/a%3Fb")]
    [InlineData("azblob://account/container", "azblob://account/container")]
    [InlineData("https://host:8443/my models/index.json", "https://host:8443/my%20models/index.json")]
    [InlineData("mlflow+https://host/", "mlflow+https://host")]
    [InlineData("mlflow+https://host:8443/base/?alias=champion", "mlflow+https://host:8443/base?alias=champion")]
    [InlineData("mlflow+https://host?models=iris", "mlflow+https://host?models=iris")]
    public void LocationOf_RepositoryOfEachBackend_IsThatOfItsStore(string repository, string location)
    {
        IObjectStore store = Backends.Stores.Open(repository, "/", Gateway().GetSection, Gateway().GetSection, Context());

        Assert.Equal((location, location), (store.Location, Backends.Stores.LocationOf(repository, "/")));
    }

    private Func<Uri, IObjectStore> OpenOther(IConfiguration forAll, IConfiguration own)
    {
        _catalog.Open("fake://registry", "/", own.GetSection, forAll.GetSection, Context());
        return _provider.Opened[^1].Context.OpenOther;
    }

    private static IConfiguration Gateway(params (string Key, string Value)[] settings) =>
        new ConfigurationBuilder().AddInMemoryCollection(settings.ToDictionary(setting => setting.Key, setting => (string?)setting.Value)).Build();

    private static GatewayOptions Bound(IConfiguration gateway)
    {
        var options = new GatewayOptions();
        gateway.Bind(options);
        return options;
    }

    private static StoreContext Context() => new(
        Gateway(), new ServingMetrics(Metrics.NewCustomRegistry()).ForStore("test"), TimeProvider.System, NullLoggerFactory.Instance, static _ => throw new IOException());

    private sealed class FakeProvider : IObjectStoreProvider
    {
        public List<Call> Opened { get; } = [];

        public IReadOnlyList<string> Schemes => ["fake", "https"];

        public string? SettingsName => "Fake";

        public Type? SettingsType => null;

        public bool TakesIndex => false;

        public IReadOnlyList<string> FindFaults(Uri location, IConfiguration settings) => location.Host == "faulty" ? ["Region is missing."] : [];

        public IObjectStore Open(Uri location, StoreContext context)
        {
            Opened.Add(new Call(location.AbsoluteUri, context));
            return new MemoryObjectStore(location.AbsoluteUri);
        }

        public sealed record Call(string Location, StoreContext Context);
    }
}
