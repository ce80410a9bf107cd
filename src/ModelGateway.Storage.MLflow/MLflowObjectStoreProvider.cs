using Microsoft.Extensions.Configuration;
using ModelGateway.Serving.Repository;
using ModelGateway.Storage.Http;

namespace ModelGateway.Storage.MLflow;

/// <summary><c>mlflow+https://tracking-server[/base][?alias=champion]</c>, and the same over plain http.</summary>
/// <param name="environment">The environment's variables; null for the process's own.</param>
public sealed class MLflowObjectStoreProvider(Func<string, string?>? environment = null) : IObjectStoreProvider
{
    private const string Prefix = "mlflow+";
    private readonly Func<string, string?> _environment = environment ?? Environment.GetEnvironmentVariable;

    /// <inheritdoc/>
    public IReadOnlyList<string> Schemes => [Prefix + "https", Prefix + "http"];

    /// <inheritdoc/>
    public string? SettingsName => MLflowOptions.Name;

    /// <inheritdoc/>
    public Type? SettingsType => typeof(MLflowOptions);

    /// <inheritdoc/>
    public bool TakesIndex => false;

    /// <inheritdoc/>
    public bool TakesQuery => true;

    /// <inheritdoc/>
    public IReadOnlyList<string> FindFaults(Uri location, IConfiguration settings)
    {
        var faults = new List<string>();
        MLflowOptions options = StoreSettings.Bind<MLflowOptions>(settings, MLflowOptions.Name, faults);
        var credentials = new MLflowCredentials(options, _environment);
        faults.AddRange(credentials.FindFaults());
        _ = VersionSelection.Parse(location.Query, options, faults);
        _ = ReadRoots(options, faults);
        if (location.Host.Length == 0)
        {
            faults.Add($"'{Hidden(location)}' names no server; write mlflow+https://tracking-server.");
        }

        if (location.UserInfo.Length > 0)
        {
            faults.Add("The URI holds credentials; set them as Gateway:MLflow:Username and Gateway:MLflow:PasswordFile, or as Gateway:MLflow:TokenFile.");
        }

        if (location.Fragment.Length > 0)
        {
            faults.Add($"The URI has a part behind '#', which means nothing here.");
        }

        if (location.Scheme == Prefix + "http" && !location.IsLoopback && credentials.IsAny && !options.AllowInsecure)
        {
            faults.Add("Credentials would go over plain http; use mlflow+https, or set Gateway:MLflow:AllowInsecure to true.");
        }

        if (!string.IsNullOrEmpty(options.CertificateAuthorityFile) && TrustedAuthorities.FindFault(options.CertificateAuthorityFile) is { } fault)
        {
            faults.Add($"Gateway:MLflow:CertificateAuthorityFile: {fault}");
        }

        return faults;
    }

    /// <inheritdoc/>
    public IObjectStore Open(Uri location, StoreContext context)
    {
        MLflowOptions options = StoreSettings.Bind<MLflowOptions>(context.Settings, MLflowOptions.Name, []);
        string path = location.AbsolutePath.TrimEnd('/');
        var server = new Uri($"{location.Scheme[Prefix.Length..]}://{location.Authority}{path}/");
        SocketsHttpHandler connections = ObservedHandler.CreateConnections();
        connections.AllowAutoRedirect = false;
        if (!string.IsNullOrEmpty(options.CertificateAuthorityFile))
        {
            connections.SslOptions = TrustedAuthorities.CreateSslOptions(options.CertificateAuthorityFile);
        }

        var http = new HttpClient(new ObservedHandler(context.Traffic, MLflowClient.OperationOf, connections)) { Timeout = Timeout.InfiniteTimeSpan };
        var client = new MLflowClient(http, server, new MLflowCredentials(options, _environment), context.Traffic);
        return new MLflowObjectStore(
            $"{location.Scheme}://{location.Authority}{path}{location.Query}",
            client,
            VersionSelection.Parse(location.Query, options, []),
            new ArtifactResolver(client, context.OpenOther, context.Traffic, ReadRoots(options, [])),
            context);
    }

    private static string Hidden(Uri location) => $"{location.Scheme}://{location.Authority}";

    private static List<Uri> ReadRoots(MLflowOptions options, List<string> faults)
    {
        var roots = new List<Uri>();
        foreach (string root in (options.ArtifactRoots ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (!(root.Contains(':') && Uri.TryCreate(root, UriKind.Absolute, out Uri? uri)))
            {
                faults.Add($"Gateway:MLflow:ArtifactRoots: '{root}' is not a URI such as s3://bucket/prefix or file:///mnt/mlruns.");
            }
            else if (ArtifactResolver.IsWeb(uri))
            {
                faults.Add($"Gateway:MLflow:ArtifactRoots names a web server, '{uri.Scheme}://{uri.Host}': artifacts are not read from there, since it cannot be listed.");
            }
            else
            {
                roots.Add(uri);
            }
        }

        return roots;
    }
}
