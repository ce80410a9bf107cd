using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace ModelGateway.Storage.AzureBlob;

/// <summary>
/// Section <c>AzureBlob</c>: how to sign in to a storage account. At most one way is set; with none, the process's own identity is used
/// (environment, workload identity, managed identity).
/// </summary>
public sealed class AzureBlobStorageOptions
{
    /// <summary>Name of the section.</summary>
    public const string Section = "AzureBlob";

    [Description("Connection string of the storage account; it has the endpoint in it.")]
    public string? ConnectionString { get; set; }

    [Description("File that holds the connection string. It is read again when it changes.")]
    public string? ConnectionStringFile { get; set; }

    [Description("Shared access signature with the permissions read and list (sp=rl), for the container or the account.")]
    public string? SasToken { get; set; }

    [Description("File that holds the shared access signature. It is read again when it changes, so that a token can be renewed without a restart.")]
    public string? SasTokenFile { get; set; }

    [Description("Key of the storage account.")]
    public string? AccountKey { get; set; }

    [Description("File that holds the account's key. It is read again when it changes.")]
    public string? AccountKeyFile { get; set; }

    [Description("Client id of the user-assigned managed identity, or of the application of the workload identity; without it the system-assigned identity, or what the environment says.")]
    [RegularExpression("^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$", ErrorMessage = "Must be the client id of an identity, a GUID; the identity's name or resource id do not do.")]
    public string? ManagedIdentityClientId { get; set; }

    [Description("Tenant in which the identity signs in; without it the one that the environment says.")]
    [RegularExpression("^[0-9a-zA-Z.-]+$", ErrorMessage = "Must be a tenant's id (a GUID) or one of its domain names.")]
    public string? TenantId { get; set; }

    [Description("Sign in as nobody, for containers that are open to the public.")]
    public bool Anonymous { get; set; }

    [Description("Address of the account's blob service where it is not https://ACCOUNT.blob.core.windows.net: other clouds, private endpoints, Azurite (http://127.0.0.1:10000/devstoreaccount1).")]
    public string? Endpoint { get; set; }
}
