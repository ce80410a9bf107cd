using Azure.Storage.Blobs;

namespace ModelGateway.Storage.AzureBlob.Authentication;

/// <summary>A connection string, with a key or a shared access signature in it.</summary>
/// <param name="text">The string.</param>
/// <param name="hasEndpoint">Whether an endpoint is set beside it.</param>
internal sealed class ConnectionStringAuthentication(SecretSetting text, bool hasEndpoint) : BlobAuthentication
{
    public override SecretSetting Secret => text;

    public override void FindFaults(BlobAddress address, Uri endpoint, ICollection<string> faults)
    {
        if (hasEndpoint)
        {
            faults.Add($"Gateway:AzureBlob:Endpoint: leave it out, the endpoint is in {text.Key} (BlobEndpoint=...).");
        }

        if (text.TryRead(faults) is not { } secret)
        {
            return;
        }

        try
        {
            string account = Open(address, endpoint, secret, new BlobClientOptions()).AccountName;
            if (account.Length > 0 && account != address.Account)
            {
                faults.Add($"{text.Key} is for the account '{account}', but the repository's URI names '{address.Account}'.");
            }
        }
        catch (Exception exception) when (exception is FormatException or ArgumentException or InvalidOperationException)
        {
            faults.Add($"{text.Key}: this is not a connection string; copy one from the account's page \"Access keys\" (DefaultEndpointsProtocol=https;AccountName=...;AccountKey=...).");
        }
    }

    public override BlobContainerClient Open(BlobAddress address, Uri endpoint, string? secret, BlobClientOptions options) =>
        new(secret, address.Container, options);

    public override string WhenNotBelieved(string? secret) =>
        $"Check that the key or the SAS token in {text.Key} is a present one (keys can be renewed, tokens expire) and that this machine's clock is right to within 15 minutes.";

    public override string WhenNotPermitted(BlobAddress address) =>
        $"A SAS token in {text.Key} needs the permissions read and list; a key, that the account takes keys (\"Allow storage account key access\").";
}
