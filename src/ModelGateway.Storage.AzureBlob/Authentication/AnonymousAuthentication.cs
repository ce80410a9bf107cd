using Azure.Storage.Blobs;

namespace ModelGateway.Storage.AzureBlob.Authentication;

/// <summary>Nobody, for containers that are open to the public.</summary>
internal sealed class AnonymousAuthentication : BlobAuthentication
{
    public override void FindFaults(BlobAddress address, Uri endpoint, ICollection<string> faults)
    {
    }

    public override BlobContainerClient Open(BlobAddress address, Uri endpoint, string? secret, BlobClientOptions options) =>
        new(ContainerUri(address, endpoint), options);

    public override string WhenNotBelieved(string? secret) =>
        "The container is not open to the public: set its access level to Container, or leave out Gateway:AzureBlob:Anonymous and sign in.";

    public override string WhenNotPermitted(BlobAddress address) => WhenNotBelieved(null);
}
