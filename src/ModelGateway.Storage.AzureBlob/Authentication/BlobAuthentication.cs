using Azure.Storage.Blobs;

namespace ModelGateway.Storage.AzureBlob.Authentication;

/// <summary>One way of signing in to a storage account.</summary>
internal abstract class BlobAuthentication
{
    /// <summary>The secret, where this way has one; it may change while the process runs.</summary>
    public virtual SecretSetting? Secret => null;

    /// <summary>Adds what is wrong with its settings, for this account.</summary>
    public abstract void FindFaults(BlobAddress address, Uri endpoint, ICollection<string> faults);

    /// <summary>The container, seen with these credentials. Touches no network.</summary>
    /// <exception cref="FormatException">The secret is not what it should be.</exception>
    /// <exception cref="ArgumentException">The secret is not what it should be.</exception>
    public abstract BlobContainerClient Open(BlobAddress address, Uri endpoint, string? secret, BlobClientOptions options);

    /// <summary>What to do where the account does not believe these credentials (AuthenticationFailed and the like); a sentence.</summary>
    public abstract string WhenNotBelieved(string? secret);

    /// <summary>What to do where the account believes them, but they do not suffice (AuthorizationPermissionMismatch and the like); a sentence.</summary>
    public abstract string WhenNotPermitted(BlobAddress address);

    protected static Uri ContainerUri(BlobAddress address, Uri endpoint) => new($"{endpoint.AbsoluteUri.TrimEnd('/')}/{address.Container}");
}
