using Amazon;
using Amazon.Runtime;
using Amazon.Runtime.CredentialManagement;
using Amazon.S3;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Storage.Http;

namespace ModelGateway.Storage.S3;

/// <summary>
/// The SDK's client for one repository, made at the first request and not before: looking for region and credentials may ask the
/// instance metadata service, which blocks a thread for up to half a minute where there is none. Safe for any thread: the lock guards the
/// attempt in progress; all wait for that one, and one that failed is made anew by the next request.
/// </summary>
internal sealed class S3Connection(S3Location location, S3StorageOptions options, StoreTraffic traffic, Func<HttpMessageHandler> connections)
{
    // What servers other than AWS expect in signatures, unless they were set up for another one.
    private const string DefaultRegion = "us-east-1";

    private readonly Lock _lock = new();
    private Task<AmazonS3Client>? _client;

    /// <summary>The client; throws <see cref="IOException"/> where region or credentials are not to be found.</summary>
    public Task<AmazonS3Client> GetClientAsync(CancellationToken cancellationToken)
    {
        Task<AmazonS3Client> client;
        lock (_lock)
        {
            client = _client is null or { IsFaulted: true } ? _client = Task.Run(CreateClient, CancellationToken.None) : _client;
        }

        return client.IsCompletedSuccessfully ? client : client.WaitAsync(cancellationToken);
    }

    /// <summary>What a request asks for, as it is counted.</summary>
    internal static string OperationOf(HttpRequestMessage request) =>
        request.Method == HttpMethod.Head ? "head"
        : request.Method != HttpMethod.Get || HasParameter(request, "session") ? "token"
        : HasParameter(request, "list-type") ? "list"
        : "get";

    private static bool HasParameter(HttpRequestMessage request, string name) =>
        request.RequestUri!.Query.Split('?', '&').Any(part => part == name || part.StartsWith($"{name}=", StringComparison.Ordinal));

    private AmazonS3Client CreateClient()
    {
        try
        {
            AmazonS3Config config = Configure();
            AWSCredentials? credentials = ExplicitCredentials();
            if (credentials is null)
            {
                LookForCredentials(config);
            }

            return new AmazonS3Client(credentials, config);
        }
        catch (Exception exception) when (exception is not IOException && S3Failures.AreOfTheSdk(exception))
        {
            throw S3Failures.NoClient(location, exception);
        }
    }

    // The client would look at its first request, on the caller's thread and without heed of cancellation. The SDK keeps and renews what is
    // found; it is not handed over, so that changes of profile files are seen.
    private void LookForCredentials(AmazonS3Config config)
    {
        try
        {
            config.IdentityResolverConfiguration.GetIdentityResolver<AWSCredentials>().ResolveIdentity(config);
        }
        catch (Exception exception) when (S3Failures.AreOfTheSdk(exception) || exception is OperationCanceledException)
        {
            throw S3Failures.NoCredentials(location, options.Profile, exception);
        }
    }

    private AmazonS3Config Configure()
    {
        var config = new AmazonS3Config
        {
            HttpClientFactory = new ObservedClients(traffic, connections),
            MaxErrorRetry = 2,

            // HttpClient repeats by itself what a kept connection lost; by default the SDK adds ten attempts to that.
            MaxStaleConnectionRetries = 1,

            // Whoever reads compares the whole with its checksum: that need not be done twice.
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
            DisableLogging = true,
        };
        if (!string.IsNullOrEmpty(options.Profile))
        {
            config.Profile = new Profile(options.Profile);
        }

        if (options.UseDualstack)
        {
            config.UseDualstackEndpoint = true;
        }

        if (options.UseFips)
        {
            config.UseFIPSEndpoint = true;
        }

        SetEndpoint(config);
        return config;
    }

    private void SetEndpoint(AmazonS3Config config)
    {
        // The SDK takes an endpoint from AWS_ENDPOINT_URL_S3 or the profile; setting it resets the region, and the other way round.
        string? endpoint = string.IsNullOrEmpty(options.Endpoint) ? config.ServiceURL : options.Endpoint;
        if (endpoint is not null)
        {
            config.ServiceURL = endpoint;
            config.AuthenticationRegion = string.IsNullOrEmpty(options.Region) ? DefaultRegion : options.Region;
            config.ForcePathStyle = options.ForcePathStyle ?? true;
            return;
        }

        config.RegionEndpoint = FindRegion() ?? throw new IOException(
            $"No region is known for '{location}': set Gateway:S3:Region (or AWS_REGION) to that of the bucket.");
        config.ForcePathStyle = options.ForcePathStyle ?? false;
    }

    private RegionEndpoint? FindRegion()
    {
        if (!string.IsNullOrEmpty(options.Region))
        {
            return RegionEndpoint.GetBySystemName(options.Region);
        }

        return !string.IsNullOrEmpty(options.Profile) && new CredentialProfileStoreChain().TryGetProfile(options.Profile, out CredentialProfile profile) && profile.Region is not null
            ? profile.Region
            : FallbackRegionFactory.GetRegionEndpoint();
    }

    private AWSCredentials? ExplicitCredentials()
    {
        if (options.Anonymous)
        {
            return new AnonymousAWSCredentials();
        }

        if (string.IsNullOrEmpty(options.AccessKeyId))
        {
            return null;
        }

        string secret = options.SecretAccessKey is { Length: > 0 } inPlace ? inPlace : ReadSecret(options.SecretAccessKeyFile!);
        return string.IsNullOrEmpty(options.SessionToken)
            ? new BasicAWSCredentials(options.AccessKeyId, secret)
            : new SessionAWSCredentials(options.AccessKeyId, secret, options.SessionToken);
    }

    private static string ReadSecret(string file)
    {
        try
        {
            return File.ReadAllText(file).Trim() is { Length: > 0 } secret ? secret : throw new IOException("The file is empty.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"Gateway:S3:SecretAccessKeyFile '{file}' cannot be read: {exception.Message}", exception);
        }
    }

    /// <summary>The SDK asks for one client and keeps it. Time is bounded by those who read, stall by stall.</summary>
    private sealed class ObservedClients(StoreTraffic traffic, Func<HttpMessageHandler> connections) : HttpClientFactory
    {
        public override HttpClient CreateHttpClient(IClientConfig clientConfig) =>
            new(new ObservedHandler(traffic, OperationOf, connections())) { Timeout = Timeout.InfiniteTimeSpan };
    }
}
