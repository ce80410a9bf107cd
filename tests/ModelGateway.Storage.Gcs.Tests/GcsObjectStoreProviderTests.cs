using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Hosting.Gcs;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Storage.Gcs.Tests;

public sealed class GcsObjectStoreProviderTests(GcsFixture fixture) : IClassFixture<GcsFixture>
{
    private static readonly GcsObjectStoreProvider Provider = new(static _ => null);

    [Theory]
    [InlineData("gs://my-models", "gs://my-models")]
    [InlineData("gs://my-models/", "gs://my-models")]
    [InlineData("gs://my_models.example.com/a/b/", "gs://my_models.example.com/a/b")]
    [InlineData("gs://my-models/team%20a/%C3%BC", "gs://my-models/team%20a/%C3%BC")]
    public void Open_Uri_IsKnownByIt(string uri, string location)
    {
        Assert.Equal(location, new StoreHarness().Open(Provider, uri).Location);
    }

    [Theory]
    [InlineData("gs:///models", "bucket")]
    [InlineData("gs://ab/models", "bucket")]
    [InlineData("gs://-models/a", "bucket")]
    [InlineData("gs://models:443/a", "gs://bucket/prefix")]
    [InlineData("gs://user:c2VjcmV0@models/a", "gs://bucket/prefix")]
    [InlineData("gs://models/a?b", "%3F")]
    [InlineData("gs://models/a#b", "%3F")]
    [InlineData("s3://models/a", "gs://bucket/prefix")]
    [InlineData("models/a", "gs://bucket/prefix")]
    public void FindFaults_WrongUri_SaysHowToWriteIt(string uri, string words)
    {
        string fault = Assert.Single(Provider.FindFaults(new Uri(uri, UriKind.RelativeOrAbsolute), new StoreHarness().Settings));

        Assert.Contains(words, fault, StringComparison.Ordinal);
        Assert.DoesNotContain("c2VjcmV0", fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Gateway:Gcs:CredentialsFile", "CredentialsFile", "/no/such/file.json")]
    [InlineData("Gateway:Gcs:UserProject", "UserProject", "My Project")]
    [InlineData("Gateway:Gcs:Endpoint", "Endpoint", "storage.googleapis.com")]
    [InlineData("Gateway:Gcs:Endpoint", "Endpoint", "ftp://storage.googleapis.com")]
    [InlineData("Gateway:Gcs:Endpoint", "Endpoint", "https://storage.googleapis.com/?a=b")]
    [InlineData("use https", "Endpoint", "http://storage.example.com")]
    [InlineData("Anonymous", "Anonymous", "perhaps")]
    [InlineData("Gateway:Gcs:Anonymous, UserProject", "Anonymous", "true", "UserProject", "payer")]
    public void FindFaults_WrongSetting_NamesTheKey(string words, params string[] settings)
    {
        var harness = new StoreHarness([.. settings.Chunk(2).Select(pair => (pair[0], (string?)pair[1]))]);

        Assert.Contains(words, Assert.Single(Provider.FindFaults(new Uri("gs://models/a"), harness.Settings)), StringComparison.Ordinal);
    }

    [Fact]
    public void FindFaults_AnonymousWithCredentials_NamesBoth()
    {
        StoreHarness harness = new(("Anonymous", "true"), ("CredentialsFile", fixture.KeyFile));

        Assert.Contains("Anonymous, CredentialsFile", Assert.Single(Provider.FindFaults(new Uri("gs://models"), harness.Settings)), StringComparison.Ordinal);
    }

    [Fact]
    public void FindFaults_OverHttpWithoutCredentials_AreNone()
    {
        StoreHarness harness = new(("Anonymous", "true"), ("Endpoint", "http://fake-gcs:4443"));

        Assert.Empty(Provider.FindFaults(new Uri("gs://models"), harness.Settings));
    }

    [Fact]
    public void FindFaults_EmulatorVariableNamesNoHost_NamesTheVariable()
    {
        var provider = new GcsObjectStoreProvider(static name => name == "STORAGE_EMULATOR_HOST" ? "not a host" : null);

        Assert.Contains("STORAGE_EMULATOR_HOST", Assert.Single(provider.FindFaults(new Uri("gs://models"), new StoreHarness().Settings)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("http://")]
    public async Task ListAsync_EmulatorVariable_IsAskedWithoutCredentials(string scheme)
    {
        GcsBucket bucket = fixture.Server.CreateBucket();
        bucket.IsPublic = true;
        bucket.Put("models/a", [1]);
        string emulator = scheme + fixture.Server.Address.Authority;
        var harness = new StoreHarness();

        IObjectStore store = GcsFixture.Open(harness, $"gs://{bucket.Name}/models", name => name == "STORAGE_EMULATOR_HOST" ? emulator : null);

        Assert.Equal("a", Assert.Single(await GcsFixture.ListAsync(store)).Key);
        Assert.Equal(["list success"], (await harness.RequestsAsync()).Keys);
    }

    [Fact]
    public async Task ListAsync_VariablesOfTheProcess_AreRead()
    {
        GcsBucket bucket = fixture.Server.CreateBucket();
        bucket.Put("models/a", [1]);
        string? home = Environment.GetEnvironmentVariable("HOME");
        string? file = Environment.GetEnvironmentVariable("GOOGLE_APPLICATION_CREDENTIALS");
        try
        {
            // Only this test makes a provider that reads the process's own environment.
            Environment.SetEnvironmentVariable("HOME", fixture.CreateFolder("empty"));
            Environment.SetEnvironmentVariable("GOOGLE_APPLICATION_CREDENTIALS", null);
            Environment.SetEnvironmentVariable("GCE_METADATA_HOST", fixture.Server.Address.Authority);

            IObjectStore store = fixture.Harness().Open(new GcsObjectStoreProvider(), $"gs://{bucket.Name}/models");

            Assert.Equal("a", Assert.Single(await GcsFixture.ListAsync(store)).Key);
        }
        finally
        {
            Environment.SetEnvironmentVariable("HOME", home);
            Environment.SetEnvironmentVariable("GOOGLE_APPLICATION_CREDENTIALS", file);
            Environment.SetEnvironmentVariable("GCE_METADATA_HOST", null);
        }
    }
}
