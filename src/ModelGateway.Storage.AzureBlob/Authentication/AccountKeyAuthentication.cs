using Azure.Storage;
using Azure.Storage.Blobs;

namespace ModelGateway.Storage.AzureBlob.Authentication;

/// <summary>The account's key: it may do everything, so the others are better.</summary>
internal sealed class AccountKeyAuthentication(SecretSetting key) : BlobAuthentication
{
    public override SecretSetting Secret => key;

    public override void FindFaults(BlobAddress address, Uri endpoint, ICollection<string> faults)
    {
        if (key.TryRead(faults) is { } text && !Convert.TryFromBase64String(text, new byte[text.Length], out _))
        {
            faults.Add($"{key.Key}: this is not the key of a storage account, which is base64 text.");
        }
    }

    public override BlobContainerClient Open(BlobAddress address, Uri endpoint, string? secret, BlobClientOptions options) =>
        new(ContainerUri(address, endpoint), new StorageSharedKeyCredential(address.Account, secret), options);

    public override string WhenNotBelieved(string? secret) =>
        $"Check that {key.Key} is a present key of this account (keys can be renewed) and that this machine's clock is right to within 15 minutes.";

    public override string WhenNotPermitted(BlobAddress address) =>
        $"The account does not take keys (\"Allow storage account key access\" is off): leave out {key.Key} and give this process an identity with the role Storage Blob Data Reader.";
}
