using Azure.Core;
using Azure.Core.Pipeline;
using Azure.Storage.Blobs;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Storage.AzureBlob.Authentication;
using ModelGateway.Storage.Http;

namespace ModelGateway.Storage.AzureBlob;

/// <summary>
/// The container, signed in to with the credentials of the moment: a secret in a file may be renewed at any time. Safe for any thread; the
/// gate guards the container and the secret that it was opened with.
/// </summary>
internal sealed class BlobConnection
{
    /// <summary>Of one request, by the SDK; whoever asks repeats on top of that, with more patience.</summary>
    public const int MaxRetries = 2;

    private readonly BlobAddress _address;
    private readonly Uri _endpoint;
    private readonly BlobAuthentication _authentication;
    private readonly BlobClientOptions _options;
    private readonly Lock _gate = new();
    private BlobContainerClient _container;
    private string? _secret;

    public BlobConnection(BlobAddress address, Uri endpoint, BlobAuthentication authentication, HttpClient client)
    {
        _address = address;
        _endpoint = endpoint;
        _authentication = authentication;
        _options = CreateOptions(client);
        _secret = authentication.Secret?.Read();
        _container = authentication.Open(address, endpoint, _secret, _options);
        Failures = new BlobFailures(address, authentication, () => _secret);
    }

    /// <summary>What failed requests mean.</summary>
    public BlobFailures Failures { get; }

    /// <summary>The container, with the secret that is in the file now.</summary>
    public BlobContainerClient Container
    {
        get
        {
            lock (_gate)
            {
                if (_authentication.Secret is { } setting)
                {
                    Renew(setting);
                }

                return _container;
            }
        }
    }

    /// <summary>A client that counts what it sends.</summary>
    public static HttpClient CreateClient(StoreTraffic traffic, Func<HttpRequestMessage, string> operationOf, HttpMessageHandler connections) =>
        new(new ObservedHandler(traffic, operationOf, connections)) { Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>What a request to the blob service asks for.</summary>
    public static string OperationOf(HttpRequestMessage request) =>
        request.Method == HttpMethod.Head ? "head"
        : request.RequestUri!.Query.Contains("comp=list", StringComparison.Ordinal) ? "list"
        : "get";

    private static BlobClientOptions CreateOptions(HttpClient client)
    {
        var options = new BlobClientOptions { Transport = new HttpClientTransport(client) };
        options.Retry.MaxRetries = MaxRetries;
        options.Retry.Delay = TimeSpan.FromMilliseconds(400);
        options.Retry.NetworkTimeout = RangeReader.StallTimeout;
        options.AddPolicy(new UnrepeatedReadPolicy(), HttpPipelinePosition.PerRetry);
        return options;
    }

    // A file that is away or holds nonsense for a moment, because it is being replaced, changes nothing.
    private void Renew(SecretSetting setting)
    {
        try
        {
            string secret = setting.Read();
            if (secret.Length > 0 && secret != _secret)
            {
                _container = _authentication.Open(_address, _endpoint, secret, _options);
                _secret = secret;
            }
        }
        catch (Exception exception) when (exception is IOException or FormatException or ArgumentException or InvalidOperationException)
        {
            // The old secret may still do; if not, the account says so.
        }
    }
}
