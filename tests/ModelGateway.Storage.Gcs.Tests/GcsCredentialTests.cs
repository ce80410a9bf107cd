using System.Text.Json;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Hosting.Gcs;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Storage.Gcs.Tests;

public sealed class GcsCredentialTests : IAsyncLifetime
{
    private readonly GcsFixture _fixture = new();
    private readonly Dictionary<string, string> _environment = new(StringComparer.Ordinal);
    private GcsBucket _bucket = null!;

    public async Task InitializeAsync()
    {
        await _fixture.InitializeAsync();
        _bucket = _fixture.Server.CreateBucket();
        _bucket.Put("models/a", [1]);
        _bucket.Readers = new HashSet<string> { GcsFixture.Reader };
    }

    public Task DisposeAsync() => _fixture.DisposeAsync();

    [Fact]
    public async Task Open_AnyCredentials_AsksForNothingYet()
    {
        Open(_fixture.HarnessWithKey());

        Assert.Equal(0, _fixture.Server.Tokens.Requests);
        Assert.Empty(_bucket.Requests);
        await Task.CompletedTask;
    }

    [Fact]
    public async Task ListAsync_ServiceAccount_GetsOneTokenForManyCalls()
    {
        StoreHarness harness = _fixture.HarnessWithKey();
        IObjectStore store = Open(harness);

        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => GcsFixture.ListAsync(store)));
        await GcsFixture.ListAsync(store);

        Assert.Equal(1, _fixture.Server.Tokens.Requests);
        Assert.Equal(1, (await harness.RequestsAsync())["token success"]);
        Assert.Equal(21, (await harness.RequestsAsync())["list success"]);
    }

    [Fact]
    public async Task ListAsync_TokenAboutToExpire_GetsAnother()
    {
        _fixture.Server.Tokens.Lifetime = TimeSpan.FromMinutes(1);
        IObjectStore store = Open(_fixture.HarnessWithKey());

        await GcsFixture.ListAsync(store);
        await GcsFixture.ListAsync(store);

        Assert.Equal(2, _fixture.Server.Tokens.Requests);
    }

    [Fact]
    public async Task EveryOperation_TokenRevoked_GetsAnotherAndIsDone()
    {
        StoreHarness harness = _fixture.HarnessWithKey();
        IObjectStore store = Open(harness);
        StoredObject listed = Assert.Single(await GcsFixture.ListAsync(store));

        _fixture.Server.Tokens.Revoke(GcsFixture.Reader);
        Assert.Equal([1], await GcsFixture.CopyAsync(store, listed));
        _fixture.Server.Tokens.Revoke(GcsFixture.Reader);
        Assert.NotNull(await store.FindAsync("a", CancellationToken.None));

        Assert.Equal(3, _fixture.Server.Tokens.Requests);
        Assert.Equal(1, (await harness.RequestsAsync())["get refused"]);
    }

    [Fact]
    public async Task ListAsync_NoTokenIsTaken_TriesOnceMoreAndSaysSoWithoutTheToken()
    {
        _bucket.OnRequest = _ => throw new GcsException(401, "authError", "Invalid Credentials");
        IObjectStore store = Open(_fixture.HarnessWithKey());

        IOException exception = await Assert.ThrowsAsync<IOException>(() => store.ListAsync(null, CancellationToken.None));

        Assert.Equal(2, _bucket.Requests.Count);
        Assert.Equal(2, _fixture.Server.Tokens.Requests);
        Assert.Contains("clock", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("ya29", exception.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListAsync_KeyWasRemovedAndReplaced_SaysSoAndGoesOnWithTheNewFile()
    {
        IObjectStore store = Open(_fixture.HarnessWithKey());
        await GcsFixture.ListAsync(store);
        _fixture.Server.Tokens.Revoke(GcsFixture.Reader);
        _fixture.Server.Tokens.RemoveServiceAccount(GcsFixture.Reader);

        IOException exception = await Assert.ThrowsAsync<IOException>(() => store.ListAsync(null, CancellationToken.None));
        await File.WriteAllTextAsync(_fixture.KeyFile, _fixture.Server.Tokens.CreateServiceAccount(GcsFixture.Reader));

        Assert.Single(await GcsFixture.ListAsync(store));
        Assert.Contains("Gateway:Gcs:CredentialsFile", exception.Message, StringComparison.Ordinal);
        Assert.Contains("invalid_grant", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("PRIVATE", exception.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, GcsFixture.Reader, 1)]
    [InlineData(true, "federated@elsewhere", 2)]
    public async Task ListAsync_FederatedIdentity_ExchangesItsToken(bool actsAsTheReader, string account, int requests)
    {
        string folder = _fixture.CreateFolder("federated");
        await File.WriteAllTextAsync(Path.Combine(folder, "token"), "pod-token-1");
        await File.WriteAllTextAsync(Path.Combine(folder, "config.json"), JsonSerializer.Serialize(new
        {
            type = "external_account",
            audience = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/provider",
            subject_token_type = "urn:ietf:params:oauth:token-type:jwt",
            token_url = new Uri(_fixture.Server.Address, "sts/v1/token").AbsoluteUri,
            service_account_impersonation_url = actsAsTheReader ? ActAsReader : null,
            credential_source = new { file = Path.Combine(folder, "token") },
        }));
        _fixture.Server.Tokens.FederatedTokens["pod-token-1"] = account;
        StoreHarness harness = _fixture.Harness(("CredentialsFile", Path.Combine(folder, "config.json")));
        IObjectStore store = Open(harness);

        await GcsFixture.ListAsync(store);
        Assert.Single(await GcsFixture.ListAsync(store));

        Assert.Equal(requests, (await harness.RequestsAsync())["token success"]);
    }

    [Fact]
    public async Task ListAsync_AccountThatActsAsAnother_ReadsAsThatOne()
    {
        string file = Path.Combine(_fixture.CreateFolder("other"), "config.json");
        await File.WriteAllTextAsync(file, $$"""
            {
              "type": "impersonated_service_account",
              "service_account_impersonation_url": "{{ActAsReader}}",
              "source_credentials": {{_fixture.Server.Tokens.CreateServiceAccount("deployer@project.iam.gserviceaccount.com")}}
            }
            """);

        Assert.Single(await GcsFixture.ListAsync(Open(_fixture.Harness(("CredentialsFile", file)))));
        Assert.Equal(2, _fixture.Server.Tokens.Requests);
    }

    [Fact]
    public async Task ListAsync_DefaultCredentialsInAPod_AreThoseOfTheMetadataServer()
    {
        _fixture.Server.Tokens.MachineAccount = GcsFixture.Reader;
        _environment["GCE_METADATA_HOST"] = _fixture.Server.Address.Authority;
        StoreHarness harness = _fixture.Harness();
        IObjectStore store = Open(harness);

        await GcsFixture.ListAsync(store);
        Assert.Single(await GcsFixture.ListAsync(store));

        Assert.Equal(1, (await harness.RequestsAsync())["token success"]);
    }

    [Fact]
    public async Task ListAsync_NoCredentialsAtFirst_NamesTheRemedyAndFindsThemLater()
    {
        _fixture.Server.Tokens.MachineAccount = null;
        _environment["GCE_METADATA_HOST"] = _fixture.Server.Address.Authority;
        IObjectStore store = Open(_fixture.Harness());

        IOException exception = await Assert.ThrowsAsync<IOException>(() => store.ListAsync(null, CancellationToken.None));
        _fixture.Server.Tokens.MachineAccount = GcsFixture.Reader;

        Assert.Single(await GcsFixture.ListAsync(store));
        Assert.Contains("Gateway:Gcs:CredentialsFile", exception.Message, StringComparison.Ordinal);
        Assert.Contains("GOOGLE_APPLICATION_CREDENTIALS", exception.Message, StringComparison.Ordinal);
        Assert.Contains("Gateway:Gcs:Anonymous", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListAsync_FileOfTheVariableIsWritten_IsReadThen()
    {
        string file = Path.Combine(_fixture.CreateFolder("mounted"), "later.json");
        _environment["GOOGLE_APPLICATION_CREDENTIALS"] = file;
        IObjectStore store = Open(_fixture.Harness());

        IOException exception = await Assert.ThrowsAsync<IOException>(() => store.ListAsync(null, CancellationToken.None));
        File.Copy(_fixture.KeyFile, file);

        Assert.Single(await GcsFixture.ListAsync(store));
        Assert.Contains("GOOGLE_APPLICATION_CREDENTIALS", exception.Message, StringComparison.Ordinal);
        Assert.Contains(file, exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("HOME", ".config/gcloud")]
    [InlineData("CLOUDSDK_CONFIG", "")]
    public async Task ListAsync_GcloudWroteDefaultCredentials_AreUsed(string variable, string below)
    {
        string root = _fixture.CreateFolder("home");
        File.Copy(_fixture.KeyFile, Path.Combine(_fixture.CreateFolder(Path.Combine("home", below)), "application_default_credentials.json"));
        _environment[variable] = root;

        Assert.Single(await GcsFixture.ListAsync(Open(_fixture.Harness())));
    }

    [Theory]
    [InlineData("")]
    [InlineData("not JSON")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"type":"service_account"}""")]
    [InlineData("""{"type":"service_account","client_email":"a@b","private_key":"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----"}""")]
    [InlineData("""{"type":"something_else","secret":"c2VjcmV0"}""")]
    public async Task ListAsync_FileHoldsNoCredentials_SaysWhichAndNothingOfIt(string content)
    {
        string file = Path.Combine(_fixture.CreateFolder("broken"), "key.json");
        await File.WriteAllTextAsync(file, content);
        IObjectStore store = Open(_fixture.Harness(("CredentialsFile", file)));

        IOException exception = await Assert.ThrowsAsync<IOException>(() => store.ListAsync(null, CancellationToken.None));

        Assert.Contains(file, exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("c2VjcmV0", exception.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListAsync_Cancelled_IsNoFaultOfTheCredentials()
    {
        IObjectStore store = Open(_fixture.HarnessWithKey());
        using var cancel = new CancellationTokenSource();
        _bucket.OnRequest = async _ =>
        {
            await cancel.CancelAsync();
            return false;
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => store.ListAsync(null, cancel.Token));
        _bucket.OnRequest = null;

        Assert.Single(await GcsFixture.ListAsync(store));
        Assert.Equal(1, _fixture.Server.Tokens.Requests);
    }

    private string ActAsReader => new Uri(_fixture.Server.Address, $"v1/projects/-/serviceAccounts/{GcsFixture.Reader}:generateAccessToken").AbsoluteUri;

    private IObjectStore Open(StoreHarness harness) =>
        GcsFixture.Open(harness, $"gs://{_bucket.Name}/models", name => _environment.GetValueOrDefault(name));
}
