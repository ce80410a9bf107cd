using System.Text.Json;
using Azure.Storage.Blobs;
using Azure.Storage.Sas;
using ModelGateway.TestKit.Hosting;

namespace ModelGateway.Tests.Storage;

/// <summary>A folder in a container, read with a SAS token that permits reading and listing.</summary>
internal sealed class PublishedAzure(FaultProxy proxy, AzuriteServer server) : PublishedStore(proxy)
{
    private const string Container = "models";
    private const string Folder = "live";
    private readonly BlobContainerClient _client = new(server.ConnectionString, Container);
    private string _sas = "";

    public override string Location => $"azblob://{AzuriteServer.Account}/{Container}/{Folder}";

    public override IReadOnlyDictionary<string, string?> Settings => new Dictionary<string, string?>
    {
        ["AzureBlob__Endpoint"] = Proxy.Address.AbsoluteUri + AzuriteServer.Account,
        ["AzureBlob__SasToken"] = _sas,
    };

    // The signature, as it is written in the address and as it is meant.
    public override IReadOnlyList<string> Secrets
    {
        get
        {
            string signature = _sas.Split('&').Single(part => part.StartsWith("sig=", StringComparison.Ordinal))["sig=".Length..];
            return [signature, Uri.UnescapeDataString(signature)];
        }
    }

    public static async Task<PublishedAzure> StartAsync()
    {
        var server = new AzuriteServer();
        await server.InitializeAsync();
        var store = new PublishedAzure(await FaultProxy.StartAsync(new Uri(new Uri(server.Endpoint), "/")), server);
        await store._client.CreateAsync();
        store._sas = store._client.GenerateSasUri(BlobContainerSasPermissions.Read | BlobContainerSasPermissions.List, DateTimeOffset.UtcNow.AddHours(1)).Query.TrimStart('?');
        return store;
    }

    public override Task DescribeAsync(string model, string description) => WriteAsync($"{model}/model.yaml", Yaml(description));

    public override Task PublishAsync(string model, long version, byte[] onnx) => WriteAsync($"{model}/{version}/model.onnx", onnx);

    public override string Notify(string model, long version) => JsonSerializer.Serialize(new[]
    {
        new
        {
            topic = $"/subscriptions/1/resourceGroups/group/providers/Microsoft.Storage/storageAccounts/{AzuriteServer.Account}",
            subject = $"/blobServices/default/containers/{Container}/blobs/{Folder}/{model}/{version}/model.onnx",
            eventType = "Microsoft.Storage.BlobCreated",
            data = new { api = "PutBlob", url = $"{server.Endpoint}/{Container}/{Folder}/{model}/{version}/model.onnx" },
        },
    });

    protected override Task StopAsync() => server.DisposeAsync();

    private async Task WriteAsync(string name, byte[] content) => await _client.GetBlobClient($"{Folder}/{name}").UploadAsync(BinaryData.FromBytes(content), overwrite: true);
}
