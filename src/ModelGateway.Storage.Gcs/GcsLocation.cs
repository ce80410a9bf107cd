using System.Text.RegularExpressions;

namespace ModelGateway.Storage.Gcs;

/// <summary><c>gs://bucket/prefix</c>, taken apart.</summary>
/// <param name="Bucket">The bucket's name.</param>
/// <param name="Prefix">What stands before the keys: empty, or with a slash at its end.</param>
/// <param name="Text">The URI as operators know it, without a slash at its end.</param>
internal sealed partial record GcsLocation(string Bucket, string Prefix, string Text)
{
    /// <summary>Null where the URI has faults; each is added as a sentence.</summary>
    public static GcsLocation? Parse(Uri location, ICollection<string> faults)
    {
        if (!location.IsAbsoluteUri || location.Scheme != GcsObjectStoreProvider.Scheme || location.UserInfo.Length > 0 || !location.IsDefaultPort)
        {
            // Not the URI itself: a user part may be a secret.
            faults.Add("The repository must be written gs://bucket/prefix, without user name and port.");
            return null;
        }

        if (!BucketName().IsMatch(location.Host))
        {
            faults.Add($"'{location.Host}' is not the name of a bucket: 3 to 222 lower-case letters, digits, hyphens, dots and underscores.");
            return null;
        }

        if (location.Query.Length > 0 || location.Fragment.Length > 0)
        {
            faults.Add("A '?' or '#' in the prefix must be written %3F or %23.");
            return null;
        }

        string path = location.AbsolutePath.Trim('/');
        string prefix = Uri.UnescapeDataString(path);
        return path.Length == 0
            ? new GcsLocation(location.Host, "", $"gs://{location.Host}")
            : new GcsLocation(location.Host, prefix + "/", $"gs://{location.Host}/{path}");
    }

    [GeneratedRegex("^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$")]
    private static partial Regex BucketName();
}
