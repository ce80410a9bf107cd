using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Storage.AzureBlob.Tests;

/// <summary>The process's own identity. It is told by environment variables, so that nothing else runs beside these tests.</summary>
[CollectionDefinition(nameof(WorkloadIdentityTests), DisableParallelization = true)]
[Collection(nameof(WorkloadIdentityTests))]
public sealed class WorkloadIdentityTests : IAsyncLifetime
{
    private const string ClientId = "11111111-2222-3333-4444-555555555555";
    private const string Location = "azblob://account/container";

    private readonly string _folder = Directory.CreateTempSubdirectory("azblob-").FullName;
    private readonly Dictionary<string, string?> _environment = [];
    private AzureCloud _cloud = null!;

    public async Task InitializeAsync()
    {
        foreach (string name in new[] { "AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST", "AZURE_TOKEN_CREDENTIALS", "IDENTITY_ENDPOINT", "MSI_ENDPOINT", "ASPNETCORE_ENVIRONMENT" })
        {
            _environment[name] = Environment.GetEnvironmentVariable(name);
            Environment.SetEnvironmentVariable(name, null);
        }

        _environment["PATH"] = Environment.GetEnvironmentVariable("PATH");
        _cloud = await AzureCloud.StartAsync();
    }

    public async Task DisposeAsync()
    {
        foreach ((string name, string? value) in _environment)
        {
            Environment.SetEnvironmentVariable(name, value);
        }

        await _cloud.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task List_WorkloadIdentity_PresentsItsTokenOnceAndReads()
    {
        SetWorkloadIdentity();
        var harness = new StoreHarness();
        IObjectStore store = harness.Open(Provider(), Location);

        await store.ListAsync(null, CancellationToken.None);
        StoredObject listed = Assert.Single((await store.ListAsync(null, CancellationToken.None))!.Objects);

        Assert.Equal(("iris/1/model.onnx", 3), (listed.Key, listed.Size));
        Assert.Equal((ClientId, "projected-token", "https://storage.azure.com/.default"),
            (_cloud.Presented["client_id"], _cloud.Presented["client_assertion"], _cloud.Presented["scope"].Split(' ').First(scope => scope.StartsWith("https:", StringComparison.Ordinal))));
        Assert.Single(_cloud.Requests, request => request == "login.microsoftonline.com/contoso.example/oauth2/v2.0/token");
        Assert.Equal(2, (await harness.RequestsAsync())["list success"]);
        Assert.True((await harness.RequestsAsync())["token success"] >= 1);
    }

    [Fact]
    public async Task List_RoleIsMissing_NamesTheRole()
    {
        SetWorkloadIdentity();
        _cloud.Blobs = (403, "<Error><Code>AuthorizationPermissionMismatch</Code><Message>x</Message></Error>");

        IOException exception = await Assert.ThrowsAsync<IOException>(() => new StoreHarness().Open(Provider(), Location).ListAsync(null, CancellationToken.None));

        Assert.Contains("assign it the role Storage Blob Data Reader on the container 'container' of the account 'account'", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_SignInIsRefused_SaysWhy()
    {
        SetWorkloadIdentity();
        _cloud.Token = (401, """{"error":"invalid_client","error_description":"AADSTS700213: No matching federated identity record found."}""");

        IOException exception = await Assert.ThrowsAsync<IOException>(() => new StoreHarness().Open(Provider(), Location).ListAsync(null, CancellationToken.None));

        Assert.Contains("cannot sign in: AADSTS700213: No matching federated identity record found. Check", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("projected-token", exception.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_NoIdentityAtAll_SaysWhatToSet()
    {
        var harness = new StoreHarness();
        IOException exception = await Assert.ThrowsAsync<IOException>(() => harness.Open(Provider(), Location).ListAsync(null, CancellationToken.None));

        Assert.Contains("there is no identity to sign in with. Give this process a managed or workload identity", exception.Message, StringComparison.Ordinal);
        Assert.Equal(new Dictionary<string, int> { ["token error"] = 1 }, await harness.RequestsAsync());
    }

    [Theory]
    [InlineData("Development", true)]
    [InlineData("Production", false)]
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    public async Task List_SignedInWithTheAzureCli_ReadsInDevelopmentOnly(string environment, bool expected)
    {
        Environment.SetEnvironmentVariable("ASPNETCORE_ENVIRONMENT", environment);
        Environment.SetEnvironmentVariable("PATH", $"{_folder}:{_environment["PATH"]}");
        string az = Path.Combine(_folder, "az");
        await File.WriteAllTextAsync(az, "#!/bin/sh\necho '{\"accessToken\":\"a-token\",\"expiresOn\":\"2099-01-01 00:00:00.000000\",\"expires_on\":4070908800,\"tokenType\":\"Bearer\"}'\n");
        File.SetUnixFileMode(az, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);

        Exception? failure = await Record.ExceptionAsync(() => new StoreHarness().Open(Provider(), Location).ListAsync(null, CancellationToken.None));

        Assert.True(failure is null == expected, failure?.ToString());
    }

    [Fact]
    public async Task List_ManagedIdentityAppearsLater_IsFound()
    {
        IObjectStore store = new StoreHarness().Open(Provider(), Location);
        await Assert.ThrowsAsync<IOException>(() => store.ListAsync(null, CancellationToken.None));

        _cloud.HasMetadataService = true;

        Assert.Single((await store.ListAsync(null, CancellationToken.None))!.Objects);
    }

    [Theory]
    [InlineData(ClientId, ClientId, true)]
    [InlineData(null, null, true)]
    [InlineData(ClientId, null, false)]
    [InlineData(null, ClientId, false)]
    public async Task List_ManagedIdentity_IsAskedForByTheConfiguredId(string? configured, string? ofTheMachine, bool expected)
    {
        _cloud.HasMetadataService = true;
        _cloud.UserAssigned = ofTheMachine;

        Exception? failure = await Record.ExceptionAsync(
            () => new StoreHarness(("ManagedIdentityClientId", configured)).Open(Provider(), Location).ListAsync(null, CancellationToken.None));

        Assert.True(failure is null == expected, failure?.ToString());
        Assert.Contains("169.254.169.254/metadata/identity/oauth2/token", _cloud.Requests);
    }

    [Theory]
    [InlineData("prod", true)]
    [InlineData("WorkloadIdentityCredential", true)]
    [InlineData("environmentcredential", false)]
    public async Task List_OneSourceIsPinned_UsesThatOne(string pin, bool expected)
    {
        SetWorkloadIdentity();
        Environment.SetEnvironmentVariable("AZURE_TOKEN_CREDENTIALS", pin);

        Exception? failure = await Record.ExceptionAsync(() => new StoreHarness().Open(Provider(), Location).ListAsync(null, CancellationToken.None));

        Assert.True(failure is null == expected, failure?.ToString());
    }

    [Theory]
    [InlineData("AZURE_TOKEN_CREDENTIALS", "nonsense")]
    [InlineData("AZURE_AUTHORITY_HOST", "http://127.0.0.1:1")]
    public void FindFaults_EnvironmentThatDoesNotDo_IsAFault(string name, string value)
    {
        Environment.SetEnvironmentVariable(name, value);

        string fault = Assert.Single(new AzureBlobObjectStoreProvider().FindFaults(new Uri(Location), new StoreHarness().Settings));

        Assert.Contains("The environment of this process does not do for an Azure identity", fault, StringComparison.Ordinal);
    }

    private AzureBlobObjectStoreProvider Provider() => new(_cloud.CreateConnections);

    private void SetWorkloadIdentity()
    {
        string file = Path.Combine(_folder, "token");
        File.WriteAllText(file, "projected-token");
        Environment.SetEnvironmentVariable("AZURE_CLIENT_ID", ClientId);
        Environment.SetEnvironmentVariable("AZURE_TENANT_ID", "contoso.example");
        Environment.SetEnvironmentVariable("AZURE_FEDERATED_TOKEN_FILE", file);
    }
}
