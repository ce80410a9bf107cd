using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Storage.AzureBlob.Tests;

public sealed class AzureBlobSettingsTests : IDisposable
{
    private const string Sas = "sv=2024-11-04&sp=rl&sr=c&se=2031-01-01T00:00:00Z&sig=top%2Fsecret%3D";
    private const string Location = "azblob://account/container/models";

    private readonly string _folder = Directory.CreateTempSubdirectory("azblob-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("azblob://account/container")]
    [InlineData("azblob://account/container/")]
    [InlineData("azblob://account/container/some/folder")]
    [InlineData("azblob://account/container/with space")]
    [InlineData("azblob://account/$web/models")]
    public void FindFaults_UriAndNoSettings_AreNone(string location) => Assert.Empty(Faults(location));

    [Theory]
    [InlineData("SasToken", Sas)]
    [InlineData("SasToken", "?" + Sas)]
    [InlineData("AccountKey", AzuriteServer.AccountKey)]
    [InlineData("Anonymous", "true")]
    [InlineData("ManagedIdentityClientId", "11111111-2222-3333-4444-555555555555")]
    [InlineData("TenantId", "contoso.onmicrosoft.com")]
    [InlineData("Endpoint", "https://account.blob.core.usgovcloudapi.net")]
    [InlineData("ConnectionString", "DefaultEndpointsProtocol=https;AccountName=account;AccountKey=" + AzuriteServer.AccountKey + ";EndpointSuffix=core.windows.net")]
    [InlineData("ConnectionString", "BlobEndpoint=https://account.blob.core.windows.net;SharedAccessSignature=" + Sas)]
    public void FindFaults_OneWayToSignIn_AreNone(string key, string value) => Assert.Empty(Faults(Location, (key, value)));

    [Theory]
    [InlineData("azblob://Acc_ount/container", "not the name of a storage account")]
    [InlineData("azblob://account.blob.core.windows.net/container", "without the domain")]
    [InlineData("azblob://account/", "not the name of a container")]
    [InlineData("azblob://account/Container", "not the name of a container")]
    [InlineData("azblob://account/con--tainer", "not the name of a container")]
    [InlineData("azblob://account/container/models?" + Sas, "Gateway:AzureBlob:SasToken")]
    [InlineData("azblob://user:secret@account/container", "nothing more")]
    [InlineData("azblob://account:444/container", "Gateway:AzureBlob:Endpoint")]
    public void FindFaults_UriThatNamesNoContainer_SaysWhatToWrite(string location, string expected)
    {
        string fault = Assert.Single(Faults(location));

        Assert.Contains(expected, fault, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("SasToken", "https://account.blob.core.windows.net/container", "Gateway:AzureBlob:SasToken: this is not a SAS token")]
    [InlineData("AccountKey", "not base64!", "Gateway:AzureBlob:AccountKey: this is not the key")]
    [InlineData("ConnectionString", "top secret", "Gateway:AzureBlob:ConnectionString: this is not a connection string")]
    [InlineData("ConnectionString", "DefaultEndpointsProtocol=https;AccountName=other;AccountKey=" + AzuriteServer.AccountKey, "for the account 'other'")]
    [InlineData("ManagedIdentityClientId", "my-identity", "Gateway:AzureBlob:ManagedIdentityClientId: Must be the client id")]
    [InlineData("TenantId", "a/b", "Gateway:AzureBlob:TenantId: Must be a tenant's id")]
    [InlineData("Endpoint", "account.blob.core.windows.net", "Gateway:AzureBlob:Endpoint: must be an address")]
    [InlineData("Endpoint", "https://account.blob.core.windows.net?sig=secret", "Gateway:AzureBlob:Endpoint: must be an address")]
    [InlineData("Endpoint", "http://127.0.0.1:10000/devstoreaccount1", "a token is only ever sent over https")]
    [InlineData("Anonymous", "maybe", "Anonymous")]
    [InlineData("SasTokenFile", "/no/such/file", "Gateway:AzureBlob:SasTokenFile: '/no/such/file' cannot be read")]
    public void FindFaults_SettingThatCannotBe_NamesItAndSaysWhatToDo(string key, string value, string expected)
    {
        string fault = Assert.Single(Faults(Location, (key, value)));

        Assert.Contains(expected, fault, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void FindFaults_SeveralWaysToSignIn_NamesThem()
    {
        string fault = Assert.Single(Faults(Location, ("SasToken", Sas), ("AccountKeyFile", "/a"), ("TenantId", "t"), ("Anonymous", "true")));

        Assert.Contains("SasToken, AccountKeyFile, TenantId, Anonymous", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void FindFaults_ValueAndFile_SaysToLeaveOneOut()
    {
        Assert.Contains("are both set", Assert.Single(Faults(Location, ("SasToken", Sas), ("SasTokenFile", "/a"))), StringComparison.Ordinal);
    }

    [Fact]
    public void FindFaults_ConnectionStringAndEndpoint_SaysToLeaveItOut()
    {
        string connection = "DefaultEndpointsProtocol=https;AccountName=account;AccountKey=" + AzuriteServer.AccountKey;

        Assert.Contains("leave it out", Assert.Single(Faults(Location, ("ConnectionString", connection), ("Endpoint", "https://a.example"))), StringComparison.Ordinal);
    }

    [Fact]
    public void FindFaults_SecretInAFile_IsReadAndChecked()
    {
        string good = Path.Combine(_folder, "good");
        string empty = Path.Combine(_folder, "empty");
        File.WriteAllText(good, Sas + "\n");
        File.WriteAllText(empty, "\n");

        Assert.Empty(Faults(Location, ("SasTokenFile", good)));
        Assert.Contains("is empty", Assert.Single(Faults(Location, ("SasTokenFile", empty))), StringComparison.Ordinal);
    }

    [Fact]
    public void Open_AnyWay_ShowsNoSecretInTheLocation()
    {
        IObjectStore store = new StoreHarness(("SasToken", Sas)).Open(new AzureBlobObjectStoreProvider(), Location + "/");

        Assert.Equal(Location, store.Location);
        Assert.True(store.SupportsRanges);
    }

    private static IReadOnlyList<string> Faults(string location, params (string, string?)[] settings) =>
        new AzureBlobObjectStoreProvider().FindFaults(new Uri(location), new StoreHarness(settings).Settings);
}
