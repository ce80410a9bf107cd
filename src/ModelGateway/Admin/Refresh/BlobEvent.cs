using System.Text.Json;

namespace ModelGateway.Admin.Refresh;

/// <summary>What Azure Event Grid says of a blob, in either of its schemas.</summary>
internal static class BlobEvent
{
    public const string TypePrefix = "Microsoft.Storage.";
    private const string Accounts = "/storageAccounts/";
    private const string Containers = "blobServices/default/containers/";
    private const string Blobs = "/blobs/";

    /// <summary>The blob as a location, or null where the event does not say.</summary>
    /// <param name="element">The event.</param>
    /// <param name="resource">The storage account as a resource: <c>/subscriptions/…/storageAccounts/name</c>.</param>
    public static string? Locate(JsonElement element, string? resource)
    {
        _ = Uri.TryCreate(element.Property("data").TextAt("url"), UriKind.Absolute, out Uri? url);
        string? account = AccountOf(resource) ?? url?.Host.Split('.')[0];
        string? path = PathOf(element.TextAt("subject")) ?? (url is null ? null : Uri.UnescapeDataString(url.AbsolutePath).TrimStart('/'));
        return account is null or "" || path is null ? null : $"azblob://{account}/{path}";
    }

    private static string? AccountOf(string? resource)
    {
        int start = resource?.IndexOf(Accounts, StringComparison.OrdinalIgnoreCase) ?? -1;
        return start < 0 ? null : resource![(start + Accounts.Length)..].Split('/')[0];
    }

    // /blobServices/default/containers/{container}/blobs/{key}, with the first slash or without.
    private static string? PathOf(string? subject)
    {
        string text = subject?.TrimStart('/') ?? "";
        if (!text.StartsWith(Containers, StringComparison.Ordinal))
        {
            return null;
        }

        int blobs = text.IndexOf(Blobs, Containers.Length, StringComparison.Ordinal);
        return blobs < 0 ? null : $"{text[Containers.Length..blobs]}/{text[(blobs + Blobs.Length)..]}";
    }
}
