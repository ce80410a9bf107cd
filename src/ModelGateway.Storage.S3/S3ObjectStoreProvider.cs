using Microsoft.Extensions.Configuration;
using ModelGateway.Serving.Repository;
using ModelGateway.Storage.Http;

namespace ModelGateway.Storage.S3;

/// <summary><c>s3://bucket/prefix</c>: Amazon S3, and whatever speaks its protocol.</summary>
public sealed class S3ObjectStoreProvider : IObjectStoreProvider
{
    private const string Name = "S3";
    private readonly Func<HttpMessageHandler> _connections;

    public S3ObjectStoreProvider()
        : this(ObservedHandler.CreateConnections)
    {
    }

    /// <summary>For tests: other connections.</summary>
    internal S3ObjectStoreProvider(Func<HttpMessageHandler> connections) => _connections = connections;

    public IReadOnlyList<string> Schemes => ["s3"];

    public string? SettingsName => Name;

    public Type? SettingsType => typeof(S3StorageOptions);

    public bool TakesIndex => true;

    public IReadOnlyList<string> FindFaults(Uri location, IConfiguration settings)
    {
        List<string> faults = [];
        S3Location.TryParse(location, faults, out _);
        FindFaults(StoreSettings.Bind<S3StorageOptions>(settings, Name, faults), faults);
        return faults;
    }

    public IObjectStore Open(Uri location, StoreContext context)
    {
        List<string> faults = [];
        S3StorageOptions options = StoreSettings.Bind<S3StorageOptions>(context.Settings, Name, faults);
        return S3Location.TryParse(location, faults, out S3Location? parsed)
            ? new S3ObjectStore(parsed, new S3Connection(parsed, options, context.Traffic, _connections), options.RequesterPays, context.Traffic, context.Time)
            : throw new ArgumentException(string.Join(' ', faults), nameof(location));
    }

    private static void FindFaults(S3StorageOptions options, List<string> faults)
    {
        bool hasId = IsSet(options.AccessKeyId);
        bool hasSecret = IsSet(options.SecretAccessKey) || IsSet(options.SecretAccessKeyFile);
        AddIf(hasId && !hasSecret, "Gateway:S3:AccessKeyId is set without its secret: set Gateway:S3:SecretAccessKeyFile or Gateway:S3:SecretAccessKey.");
        AddIf(!hasId && (hasSecret || IsSet(options.SessionToken)), "Gateway:S3:AccessKeyId is missing: its secret or session token is set.");
        AddIf(
            IsSet(options.SecretAccessKey) && IsSet(options.SecretAccessKeyFile),
            "Gateway:S3:SecretAccessKey and Gateway:S3:SecretAccessKeyFile are both set; remove one.");
        AddIf(
            IsSet(options.SecretAccessKeyFile) && !File.Exists(options.SecretAccessKeyFile),
            $"Gateway:S3:SecretAccessKeyFile: there is no file '{options.SecretAccessKeyFile}'.");
        AddIf(
            new[] { options.Anonymous, hasId, IsSet(options.Profile) }.Count(way => way) > 1,
            "Gateway:S3:Anonymous, Gateway:S3:AccessKeyId and Gateway:S3:Profile exclude each other; keep one.");
        if (IsSet(options.Endpoint))
        {
            AddIf(
                !Uri.TryCreate(options.Endpoint, UriKind.Absolute, out Uri? endpoint) || endpoint.Scheme is not ("http" or "https") || endpoint.UserInfo.Length > 0 || endpoint.Query.Length > 0,
                "Gateway:S3:Endpoint must be a URL that starts with http:// or https://, without user or query, for example https://minio.example.com:9000.");
            AddIf(options.UseDualstack, "Gateway:S3:UseDualstack is for AWS's own endpoints; remove it or Gateway:S3:Endpoint.");
            AddIf(options.UseFips, "Gateway:S3:UseFips is for AWS's own endpoints; remove it or Gateway:S3:Endpoint.");
        }

        void AddIf(bool isFault, string fault)
        {
            if (isFault)
            {
                faults.Add(fault);
            }
        }
    }

    private static bool IsSet(string? value) => !string.IsNullOrEmpty(value);
}
