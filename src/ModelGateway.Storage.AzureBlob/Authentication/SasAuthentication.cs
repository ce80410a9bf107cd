using System.Globalization;
using Azure;
using Azure.Storage.Blobs;

namespace ModelGateway.Storage.AzureBlob.Authentication;

/// <summary>A shared access signature.</summary>
internal sealed class SasAuthentication(SecretSetting token) : BlobAuthentication
{
    public override SecretSetting Secret => token;

    public override void FindFaults(BlobAddress address, Uri endpoint, ICollection<string> faults)
    {
        if (token.TryRead(faults) is { } text && ParameterOf(text, "sig") is null)
        {
            faults.Add($"{token.Key}: this is not a SAS token; one looks like sv=...&sp=rl&sig=..., without the address in front.");
        }
    }

    public override BlobContainerClient Open(BlobAddress address, Uri endpoint, string? secret, BlobClientOptions options) =>
        new(ContainerUri(address, endpoint), new AzureSasCredential(secret!.TrimStart('?')), options);

    public override string WhenNotBelieved(string? secret) =>
        ParameterOf(secret ?? "", "se") is { } end && DateTimeOffset.TryParse(end, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset expiry)
            ? $"The SAS token in {token.Key} is valid until {expiry:u}: if that is past, make a new one; if not, check its start, that it was copied whole, and that the key that signed it was not renewed."
            : $"Check that the SAS token in {token.Key} has not expired and was copied whole, and that the key that signed it was not renewed.";

    public override string WhenNotPermitted(BlobAddress address) =>
        $"The SAS token in {token.Key} does not suffice: it needs the permissions read and list (sp=rl) for the container '{address.Container}' (sr=c), or for services, containers and objects of the account (ss=b, srt=co).";

    // The values are not secret but for sig, which no message shows.
    private static string? ParameterOf(string token, string name) => token.TrimStart('?').Split('&')
        .Where(part => part.StartsWith($"{name}=", StringComparison.Ordinal))
        .Select(part => Uri.UnescapeDataString(part[(name.Length + 1)..]))
        .FirstOrDefault(value => value.Length > 0);
}
