using Azure.Storage.Blobs;
using Azure.Storage.Sas;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Hosting;

namespace ModelGateway.Storage.AzureBlob.Tests;

/// <summary>A new container of the emulator, as its owner sees it.</summary>
internal sealed class TestContainer(AzuriteServer server)
{
    public string Name { get; } = $"test-{Guid.NewGuid():n}";

    public BlobContainerClient Client => new(server.ConnectionString, Name);

    public string Location => $"azblob://{AzuriteServer.Account}/{Name}/models";

    public Task CreateAsync() => Client.CreateAsync();

    /// <summary>Adds or replaces a blob of any name.</summary>
    public async Task WriteAsync(string name, byte[] content)
    {
        if (ObjectKey.IsListed(name))
        {
            await Client.GetBlobClient(name).UploadAsync(BinaryData.FromBytes(content), overwrite: true);
            return;
        }

        // The SDK would fold dots and slashes; the service takes names as they are.
        string escaped = Uri.EscapeDataString(name).Replace(".", "%2E", StringComparison.Ordinal);
        Uri signed = Sas(BlobContainerSasPermissions.All);
        var address = new Uri(
            $"{signed.GetLeftPart(UriPartial.Path)}/{escaped}{signed.Query}", new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Put, address) { Content = new ByteArrayContent(content) };
        request.Headers.Add("x-ms-blob-type", "BlockBlob");
        using HttpResponseMessage response = await client.SendAsync(request);
        response.EnsureSuccessStatusCode();
    }

    /// <summary>The container's address with a signature that permits this.</summary>
    public Uri Sas(BlobContainerSasPermissions permissions, DateTimeOffset? until = null) =>
        Client.GenerateSasUri(permissions, until ?? DateTimeOffset.UtcNow.AddHours(1));
}
