using Azure.Storage.Blobs.Models;
using Azure.Storage.Sas;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Storage.AzureBlob.Tests;

[Collection(AzuriteCollection.Name)]
public sealed class AzureBlobAuthenticationTests : IAsyncLifetime, IDisposable
{
    private const BlobContainerSasPermissions ReadAndList = BlobContainerSasPermissions.Read | BlobContainerSasPermissions.List;

    private readonly AzuriteServer _azurite;
    private readonly TestContainer _container;
    private readonly string _folder = Directory.CreateTempSubdirectory("azblob-").FullName;

    public AzureBlobAuthenticationTests(AzuriteServer azurite)
    {
        _azurite = azurite;
        _container = new TestContainer(azurite);
    }

    public async Task InitializeAsync()
    {
        await _container.CreateAsync();
        await _container.WriteAsync("models/iris/1/model.onnx", [1, 2, 3]);
    }

    public Task DisposeAsync() => Task.CompletedTask;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Read_WithTheAccountsKey_Works() => await AssertReadableAsync(Open(("AccountKey", AzuriteServer.AccountKey)));

    [Fact]
    public async Task Read_WithAConnectionString_Works()
    {
        await AssertReadableAsync(new StoreHarness(("ConnectionString", _azurite.ConnectionString)).Open(new AzureBlobObjectStoreProvider(), _container.Location));
    }

    [Fact]
    public async Task Read_WithASasOfTheContainer_Works() => await AssertReadableAsync(Open(("SasToken", _container.Sas(ReadAndList).Query)));

    [Fact]
    public async Task Read_AsNobody_WorksWhereTheContainerIsPublic()
    {
        IObjectStore store = Open(("Anonymous", "true"));
        IOException refused = await Assert.ThrowsAsync<IOException>(() => store.ListAsync(null, CancellationToken.None));

        await _container.Client.SetAccessPolicyAsync(PublicAccessType.BlobContainer);

        await AssertReadableAsync(store);
        Assert.Contains(_container.Location, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_SasHasExpired_SaysWhen()
    {
        DateTimeOffset past = DateTimeOffset.UtcNow.AddDays(-1);
        string sas = _container.Sas(ReadAndList, past).Query;

        IOException exception = await Assert.ThrowsAsync<IOException>(() => Open(("SasToken", sas)).ListAsync(null, CancellationToken.None));

        Assert.Contains($"Gateway:AzureBlob:SasToken is valid until {past:u}", exception.Message, StringComparison.Ordinal);
        AssertNoSecret(sas, exception);
    }

    [Fact]
    public async Task List_SasMayNotList_SaysWhatItNeeds()
    {
        string sas = _container.Sas(BlobContainerSasPermissions.Read).Query;

        IOException exception = await Assert.ThrowsAsync<IOException>(() => Open(("SasToken", sas)).ListAsync(null, CancellationToken.None));

        Assert.Contains("sp=rl", exception.Message, StringComparison.Ordinal);
        AssertNoSecret(sas, exception);
    }

    [Fact]
    public async Task List_WrongKey_SaysWhatToCheck()
    {
        IOException exception = await Assert.ThrowsAsync<IOException>(
            () => Open(("AccountKey", Convert.ToBase64String(new byte[64]))).ListAsync(null, CancellationToken.None));

        Assert.Contains("the sign-in is refused (403 AuthorizationFailure)", exception.Message, StringComparison.Ordinal);
        Assert.Contains("Gateway:AzureBlob:AccountKey", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Read_SasInAFileIsRenewed_GoesOnWithTheNewOne()
    {
        string file = Path.Combine(_folder, "sas");
        string expired = _container.Sas(ReadAndList, DateTimeOffset.UtcNow.AddDays(-1)).Query;
        await File.WriteAllTextAsync(file, expired);
        IObjectStore store = Open(("SasTokenFile", file));
        await Assert.ThrowsAsync<IOException>(() => store.ListAsync(null, CancellationToken.None));

        await File.WriteAllTextAsync(file, _container.Sas(ReadAndList).Query);
        await AssertReadableAsync(store);

        // Away, or empty for a moment: the one that was read does.
        File.Delete(file);
        await AssertReadableAsync(store);
        await File.WriteAllTextAsync(file, "");
        await AssertReadableAsync(store);
    }

    private IObjectStore Open(params (string, string?)[] settings) =>
        new StoreHarness([("Endpoint", _azurite.Endpoint), .. settings]).Open(new AzureBlobObjectStoreProvider(), _container.Location);

    private static async Task AssertReadableAsync(IObjectStore store)
    {
        StoredObject listed = Assert.Single((await store.ListAsync(null, CancellationToken.None))!.Objects);
        Assert.Equal(listed, await store.FindAsync(listed.Key, CancellationToken.None));
        using var copy = new MemoryStream();
        await store.CopyToAsync(listed, copy, CancellationToken.None);
        Assert.Equal<byte>([1, 2, 3], copy.ToArray());
    }

    private static void AssertNoSecret(string sas, Exception exception)
    {
        string signature = sas[(sas.IndexOf("sig=", StringComparison.Ordinal) + 4)..].Split('&')[0];
        for (Exception? cause = exception; cause is not null; cause = cause.InnerException)
        {
            Assert.DoesNotContain(signature, cause.Message, StringComparison.Ordinal);
            Assert.DoesNotContain(Uri.UnescapeDataString(signature), cause.Message, StringComparison.Ordinal);
        }
    }
}
