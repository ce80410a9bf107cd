using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace ModelGateway.Storage.S3;

/// <summary>Where a repository lies: <c>s3://bucket/prefix</c>.</summary>
/// <param name="Bucket">The bucket's name.</param>
/// <param name="Prefix">Empty, or ends in a slash.</param>
/// <param name="Text">The URI as operators know it, without a slash at its end.</param>
internal sealed partial record S3Location(string Bucket, string Prefix, string Text)
{
    /// <summary>The URI in one spelling, without a slash at the end.</summary>
    public override string ToString() => Text;

    /// <summary>The parts of a URI, or false with a sentence for each fault.</summary>
    public static bool TryParse(Uri location, ICollection<string> faults, [NotNullWhen(true)] out S3Location? parsed)
    {
        parsed = null;
        if (location is not { IsAbsoluteUri: true } || location.Host.Length == 0 || !location.IsDefaultPort)
        {
            faults.Add("The repository must be written s3://bucket or s3://bucket/prefix; another server than AWS is named by Gateway:S3:Endpoint.");
            return false;
        }

        // The words of these parts may be secrets: they are not repeated.
        if (location.UserInfo.Length > 0)
        {
            faults.Add("An s3 URI holds no user or password; set Gateway:S3:AccessKeyId and Gateway:S3:SecretAccessKeyFile, or use a role.");
        }

        if (location.Query.Length > 0 || location.Fragment.Length > 0)
        {
            faults.Add("An s3 URI has nothing behind a '?' or '#'; write these as %3F and %23 where they are part of the prefix.");
        }

        // The host of a Uri is lower case whatever was written.
        if (!BucketName().IsMatch(location.Host) || !location.OriginalString.Contains(location.Host, StringComparison.Ordinal))
        {
            faults.Add($"'{location.Host}' is no name of a bucket: 3 to 63 lower-case letters, digits, dots and hyphens, with a letter or digit first and last.");
        }

        string prefix = Uri.UnescapeDataString(location.AbsolutePath).TrimEnd('/');
        prefix = prefix.StartsWith('/') ? prefix[1..] : prefix;
        if (prefix.Length > 0 && prefix.Split('/').Any(part => part is "" or "." or "..") || prefix.Any(char.IsControl))
        {
            faults.Add($"The prefix '{prefix}' has an empty part, a '.', a '..' or a control character.");
        }

        parsed = new S3Location(location.Host, prefix.Length == 0 ? "" : $"{prefix}/", $"s3://{location.Host}{location.AbsolutePath.TrimEnd('/')}");
        return faults.Count == 0;
    }

    [GeneratedRegex(@"^(?!\d+\.\d+\.\d+\.\d+$)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\z")]
    private static partial Regex BucketName();
}
