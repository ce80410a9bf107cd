namespace ModelGateway.Serving.Repository;

/// <summary>
/// What follows from the text of an <see cref="IObjectStore.Location"/>: <c>s3://bucket/prefix</c>, <c>gs://bucket/prefix</c>,
/// <c>azblob://account/container/prefix</c>, <c>file:///folder</c>, <c>https://host/path/index.json</c>, <c>mlflow+https://host?alias=champion</c>. All are URIs: what is a <c>?</c> in a name is escaped.
/// </summary>
public static class RepositoryLocation
{
    private const string IndexFile = "/index.json";

    /// <summary>The location of a folder or file in a repository.</summary>
    /// <param name="location">The repository's.</param>
    /// <param name="key">The key, a slash at its end or not.</param>
    public static string Of(string location, string key) => $"{Root(location)}/{key.TrimEnd('/')}";

    /// <summary>Whether an object lies in a repository, or is its root; both as URIs. Percent signs may stand for themselves or escape others.</summary>
    public static bool Holds(string location, string objectUri)
    {
        string root = Uri.UnescapeDataString(Root(location));
        return IsWithin(root, objectUri) || IsWithin(root, Uri.UnescapeDataString(objectUri));
    }

    /// <summary>Whether a repository is this place or lies in it: a bucket holds all repositories below its prefixes.</summary>
    public static bool LiesIn(string location, string place) => IsWithin(Uri.UnescapeDataString(place.TrimEnd('/')), Uri.UnescapeDataString(Root(location)));

    private static string Root(string location)
    {
        string path = location.Split('?')[0];
        return (path.EndsWith(IndexFile, StringComparison.Ordinal) ? path[..^IndexFile.Length] : path).TrimEnd('/');
    }

    private static bool IsWithin(string root, string uri) =>
        uri.StartsWith(root, StringComparison.Ordinal) && (uri.Length == root.Length || uri[root.Length] == '/');
}
