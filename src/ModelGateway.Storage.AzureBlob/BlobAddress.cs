using System.Text.RegularExpressions;

namespace ModelGateway.Storage.AzureBlob;

/// <summary>What <c>azblob://account/container/prefix</c> names.</summary>
/// <param name="Account">The storage account.</param>
/// <param name="Container">The container.</param>
/// <param name="Prefix">In front of every key: empty, or with a slash at its end.</param>
/// <param name="Location">The URI as operators know it, without a slash at its end.</param>
internal sealed partial record BlobAddress(string Account, string Container, string Prefix, string Location)
{
    /// <summary>Reads a URI; what is wrong with it is added to the faults, without the URI's own words where they may be secret.</summary>
    public static BlobAddress Parse(Uri location, ICollection<string> faults)
    {
        string[] parts = Uri.UnescapeDataString(location.AbsolutePath).Trim('/').Split('/', 2);
        var address = new BlobAddress(location.Host, parts[0], parts.Length < 2 ? "" : $"{parts[1].TrimEnd('/')}/", $"azblob://{location.Host}{location.AbsolutePath.TrimEnd('/')}");
        if (location.Query.Length > 0 || location.Fragment.Length > 0 || location.UserInfo.Length > 0 || !location.IsDefaultPort)
        {
            faults.Add("An azblob URI is azblob://account/container/prefix and nothing more; a SAS token belongs into Gateway:AzureBlob:SasToken, another address into Gateway:AzureBlob:Endpoint.");
        }

        if (!AccountName().IsMatch(address.Account))
        {
            faults.Add($"'{address.Account}' is not the name of a storage account: 3 to 24 lower-case letters and digits, without the domain. Write azblob://account/container/prefix.");
        }

        if (!ContainerName().IsMatch(address.Container))
        {
            faults.Add($"'{address.Container}' is not the name of a container: 3 to 63 lower-case letters, digits and single hyphens. Write azblob://account/container/prefix.");
        }

        return address;
    }

    [GeneratedRegex("^[a-z0-9]{3,24}$")]
    private static partial Regex AccountName();

    [GeneratedRegex(@"^(\$root|\$web|(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9])$")]
    private static partial Regex ContainerName();
}
