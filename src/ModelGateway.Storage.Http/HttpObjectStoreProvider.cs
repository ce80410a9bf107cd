using Microsoft.Extensions.Configuration;
using ModelGateway.Serving.Repository;

namespace ModelGateway.Storage.Http;

/// <summary><c>https://host/path/index.json</c>, and the same with <c>http</c>.</summary>
public sealed class HttpObjectStoreProvider : IObjectStoreProvider
{
    private const string Prefix = "Gateway:" + HttpStoreOptions.Section + ":";

    /// <inheritdoc/>
    public IReadOnlyList<string> Schemes => [Uri.UriSchemeHttps, Uri.UriSchemeHttp];

    /// <inheritdoc/>
    public string? SettingsName => HttpStoreOptions.Section;

    /// <inheritdoc/>
    public Type? SettingsType => typeof(HttpStoreOptions);

    /// <inheritdoc/>
    public bool TakesIndex => false;

    /// <inheritdoc/>
    public IReadOnlyList<string> FindFaults(Uri location, IConfiguration settings)
    {
        var faults = new List<string>(FindFaults(location));
        HttpStoreOptions options = StoreSettings.Bind<HttpStoreOptions>(settings, HttpStoreOptions.Section, faults);
        var credentials = new HttpCredentials(options);
        faults.AddRange(credentials.FindFaults());
        if (credentials.AreSet && !options.AllowInsecure && location.IsAbsoluteUri && location.Scheme == Uri.UriSchemeHttp && !location.IsLoopback)
        {
            faults.Add($"Credentials would go over plain http, where everybody on the way can read them; use https, or set {Prefix}{nameof(options.AllowInsecure)} to true.");
        }

        if (options.CertificateAuthorityFile is { } file && TrustedAuthorities.FindFault(file) is { } fault)
        {
            faults.Add($"{Prefix}{nameof(options.CertificateAuthorityFile)}: {fault}");
        }

        return faults;
    }

    /// <inheritdoc/>
    public IObjectStore Open(Uri location, StoreContext context) => Open(location, context, RangeReader.StallTimeout);

    internal static HttpObjectStore Open(Uri location, StoreContext context, TimeSpan patience)
    {
        HttpStoreOptions options = StoreSettings.Bind<HttpStoreOptions>(context.Settings, HttpStoreOptions.Section, []);
        SocketsHttpHandler connections = ObservedHandler.CreateConnections();
        if (options.CertificateAuthorityFile is { } file)
        {
            connections.SslOptions = TrustedAuthorities.CreateSslOptions(file);
        }

        return new HttpObjectStore(location, new HttpCredentials(options), connections, context, patience);
    }

    private static IEnumerable<string> FindFaults(Uri location)
    {
        if (!location.IsAbsoluteUri || (location.Scheme != Uri.UriSchemeHttps && location.Scheme != Uri.UriSchemeHttp))
        {
            yield return "It is not a web address; write https://host/path/index.json.";
            yield break;
        }

        if (!location.AbsolutePath.EndsWith(".json", StringComparison.OrdinalIgnoreCase))
        {
            yield return $"It must name the repository's index, for example https://{location.Authority}/models/index.json; the path is '{location.AbsolutePath}'.";
        }

        if (location.UserInfo.Length > 0)
        {
            yield return $"It has a user name or a password in it, where logs would show them; set {Prefix}Username and {Prefix}Password instead.";
        }

        if (location.Query.Length > 0 || location.Fragment.Length > 0)
        {
            yield return "It has a '?' or a '#' in it, which the addresses of the objects could not carry on; leave that out.";
        }
    }
}
