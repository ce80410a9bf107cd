using System.Diagnostics.CodeAnalysis;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Repository;

namespace ModelGateway.Storage.MLflow;

/// <summary>
/// From what a registry says of a version's files to where they are. A registry is not trusted with this machine's files: those are
/// refused unless the settings name them. Web servers, among them those that only this machine can reach, are never read.
/// </summary>
/// <remarks>
/// Used for several versions at a time; <c>_gate</c> guards the stores that are open.
/// <code>
/// mlflow-artifacts:/1/abc/artifacts/model     the tracking server's proxy
/// runs:/abc/model   models:/m-abc             asked of the tracking server, which answers with one of the others
/// s3://  gs://  azblob://                     the store of that scheme, as the settings for all repositories say
/// file:///mnt/mlruns/...   /mnt/mlruns/...    the folder, where a root of the settings names it or one above
/// wasbs://container@account.blob.core.windows.net/path   azblob://account/container/path (abfss likewise)
/// </code>
/// </remarks>
/// <param name="client">The tracking server.</param>
/// <param name="openOther">Opens other stores, see <see cref="StoreContext.OpenOther"/>.</param>
/// <param name="traffic">Counts what is read of folders.</param>
/// <param name="roots">The only places outside of the tracking server, or empty for any safe one.</param>
internal sealed class ArtifactResolver(MLflowClient client, Func<Uri, IObjectStore> openOther, StoreTraffic traffic, IReadOnlyList<Uri> roots)
{
    private const int MostSteps = 4;

    // A store holds connections and credentials, so whoever names the same place again, or tries again what failed, gets the same one.
    private const int MostStores = 256;
    private const string OnDisk =
        "its files are on a disk; start the tracking server with --serve-artifacts, or name the folder, if it is mounted here, in Gateway:MLflow:ArtifactRoots";
    private const string OnTheWeb =
        "its files are on a web server, which is not read, since it cannot be listed; start the tracking server with --serve-artifacts, or keep them in s3, gs or azblob";
    private static readonly string[] SafeSchemes = ["s3", "gs", "azblob"];
    private static readonly string[] AzureSuffixes = [".blob.core.windows.net", ".dfs.core.windows.net"];
    private readonly Lock _gate = new();
    private readonly Dictionary<string, IObjectStore> _stores = new(StringComparer.Ordinal);

    /// <summary>The folder with a version's files.</summary>
    /// <exception cref="IOException">The tracking server cannot be asked now.</exception>
    /// <exception cref="ModelNotServableException">It is nowhere that the gateway may or can read.</exception>
    public async Task<ArtifactSource> OpenAsync(ModelVersion version, string identity, Action<string> report, CancellationToken cancellationToken)
    {
        string location = NullIfEmpty(await client.FindDownloadUriAsync(version.Name, version.Version, cancellationToken)) ?? NullIfEmpty(version.Source)
            ?? throw new ModelNotServableException("the registry does not say where its files are");
        for (int step = 0; step < MostSteps; step++)
        {
            string scheme = SchemeOf(location);
            string rest = location[(scheme.Length == 0 ? 0 : scheme.Length + 1)..];
            switch (scheme)
            {
                case "mlflow-artifacts":
                    DateTimeOffset created = DateTimeOffset.FromUnixTimeMilliseconds(Math.Clamp(version.CreationTimestamp, 0, 253_402_300_799_999));
                    return new ProxiedArtifacts(client, ProxyPath(rest), identity, created, report);
                case "runs":
                    location = await FollowAsync(rest, "run", client.FindRunUriAsync, cancellationToken);
                    break;
                case "models" when rest.TrimStart('/').StartsWith("m-", StringComparison.Ordinal):
                    location = await FollowAsync(rest, "logged model", client.FindLoggedModelUriAsync, cancellationToken);
                    break;
                case "models":
                    location = await FollowVersionAsync(rest, cancellationToken);
                    break;
                default:
                    return OpenStore(scheme, location);
            }
        }

        throw new ModelNotServableException("its source leads from one name to the next without an end");
    }

    // "/abc/model": what the thing named abc answers with, and the path below it.
    private static async Task<string> FollowAsync(string rest, string what, Func<string, CancellationToken, Task<string?>> find, CancellationToken cancellationToken)
    {
        string[] parts = rest.Trim('/').Split('/', 2);
        bool isId = parts[0].Length is > 0 and <= 100 && parts[0].All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');
        string found = (isId ? NullIfEmpty(await find(parts[0], cancellationToken)) : null)
            ?? throw new ModelNotServableException($"its source names a {what} that the tracking server does not have");
        return parts.Length == 1 ? found : $"{found.TrimEnd('/')}/{parts[1]}";
    }

    private async Task<string> FollowVersionAsync(string rest, CancellationToken cancellationToken)
    {
        string[] parts = rest.Trim('/').Split('/');
        string? found = parts.Length == 2 ? await client.FindDownloadUriAsync(Uri.UnescapeDataString(parts[0]), parts[1], cancellationToken) : null;
        return NullIfEmpty(found) ?? throw new ModelNotServableException("its source names another version that the registry does not have");
    }

    private string ProxyPath(string rest)
    {
        string path = rest;
        if (path.StartsWith("//", StringComparison.Ordinal))
        {
            // The credentials are for one server; a registry must not send them to another.
            string authority = path[2..].Split('/')[0];
            if (authority.Length > 0 && !authority.Equals(client.Authority, StringComparison.OrdinalIgnoreCase))
            {
                throw new ModelNotServableException("its files are behind the artifact proxy of another server than the registry's");
            }

            path = path[(2 + authority.Length)..];
        }

        path = path.Trim('/');
        return ObjectKey.IsListed(path) ? path : throw new ModelNotServableException("its source is no plain path below the tracking server's artifacts");
    }

    [SuppressMessage("Design", "CA1031", Justification = "Whatever another store's provider makes of a URI from outside is that version's trouble.")]
    private StoreArtifacts OpenStore(string scheme, string location)
    {
        if (scheme.Length == 0)
        {
            // A relative path is one of the server's.
            location = location.StartsWith('/') ? "file://" + string.Join('/', location.Split('/').Select(Uri.EscapeDataString)) : throw new ModelNotServableException(OnDisk);
        }

        if (!Uri.TryCreate(location, UriKind.Absolute, out Uri? uri) || uri.UserInfo.Contains(':') || location.Split('/').Contains(".."))
        {
            throw new ModelNotServableException("its source is not a URI");
        }

        if (IsWeb(uri))
        {
            throw new ModelNotServableException(OnTheWeb);
        }

        uri = FromAzure(uri);
        if (roots.Count > 0 ? !roots.Any(root => IsBelow(uri, root)) : !SafeSchemes.Contains(uri.Scheme))
        {
            throw new ModelNotServableException(uri.IsFile
                ? OnDisk
                : roots.Count > 0 ? "its files are in no place that Gateway:MLflow:ArtifactRoots names"
                : $"its files are in a store of the kind '{RegistryText.OneLine(uri.Scheme)}', which is not read unless Gateway:MLflow:ArtifactRoots names it");
        }

        try
        {
            return new StoreArtifacts(FindOrOpen(uri));
        }
        catch (Exception exception) when (exception is not ModelNotServableException)
        {
            // A fault of the settings: to try at every interval would not mend it.
            throw new ModelNotServableException($"the store with its files cannot be opened: {RegistryText.OneLine(exception.Message, 500)}");
        }
    }

    private IObjectStore FindOrOpen(Uri uri)
    {
        // Versions are read several at a time. To open a store asks nobody.
        lock (_gate)
        {
            if (!_stores.TryGetValue(uri.AbsoluteUri, out IObjectStore? store))
            {
                store = uri.IsFile ? OpenFolder(uri) : openOther(uri);

                // Versions keep what they were given: only the next ones open anew.
                if (_stores.Count == MostStores)
                {
                    _stores.Clear();
                }

                _stores.Add(uri.AbsoluteUri, store);
            }

            return store;
        }
    }

    /// <summary>Web servers list no folders, and what a version needs beside its model only its folder tells.</summary>
    public static bool IsWeb(Uri uri) => uri.Scheme is "http" or "https";

    // The host opens no folder that a registry names. Here the operator named it: compared once more as the file system will read it,
    // because %2F and %2E are but letters in a URI.
    private FileObjectStore OpenFolder(Uri uri)
    {
        string path = Path.GetFullPath(uri.LocalPath);
        return uri.Host.Length == 0 && roots.Any(root => root.IsFile && root.Host.Length == 0 && IsBelow(path, Path.GetFullPath(root.LocalPath)))
            ? new FileObjectStore(path, traffic)
            : throw new ModelNotServableException(OnDisk);
    }

    private static Uri FromAzure(Uri uri)
    {
        if (uri.Scheme is not ("wasbs" or "wasb" or "abfss" or "abfs"))
        {
            return uri;
        }

        string? suffix = AzureSuffixes.FirstOrDefault(suffix => uri.Host.EndsWith(suffix, StringComparison.OrdinalIgnoreCase));
        return suffix is not null && uri.UserInfo.Length > 0
            ? new Uri($"azblob://{uri.Host[..^suffix.Length]}/{uri.UserInfo}{uri.AbsolutePath}")
            : throw new ModelNotServableException("its source is not CONTAINER@ACCOUNT.blob.core.windows.net; other clouds of Azure are not known");
    }

    private static bool IsBelow(Uri uri, Uri root) =>
        uri.Scheme == root.Scheme && uri.Authority.Equals(root.Authority, StringComparison.OrdinalIgnoreCase)
        && IsBelow(uri.AbsolutePath, root.AbsolutePath);

    private static bool IsBelow(string path, string root) => (path.TrimEnd('/') + "/").StartsWith(root.TrimEnd('/') + "/", StringComparison.Ordinal);

    // "" for a path; a letter alone is a drive of Windows.
    private static string SchemeOf(string location)
    {
        int colon = location.IndexOf(':');
        return colon > 1 && location[..colon].All(c => char.IsAsciiLetterOrDigit(c) || c is '+' or '-' or '.') ? location[..colon].ToLowerInvariant() : "";
    }

    private static string? NullIfEmpty(string? text) => string.IsNullOrWhiteSpace(text) ? null : text;
}
