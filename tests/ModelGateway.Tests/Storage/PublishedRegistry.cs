using System.Globalization;
using System.Text.Json;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Hosting.Faults;

namespace ModelGateway.Tests.Storage;

/// <summary>
/// An MLflow registry that asks for a token; served is what has the alias, which each new version is given. Its files come through the tracking
/// server, or lie in a bucket that asks for an access key.
/// </summary>
internal sealed class PublishedRegistry : PublishedStore
{
    private const string Alias = "champion";
    private const string Bucket = "mlflow";
    private readonly MlflowServer _server;
    private readonly S3Server? _bucket;
    private readonly FaultProxy? _bucketProxy;

    private PublishedRegistry(FaultProxy proxy, MlflowServer server, S3Server? bucket, FaultProxy? bucketProxy)
        : base(proxy)
    {
        (_server, _bucket, _bucketProxy) = (server, bucket, bucketProxy);
        server.Authorization = $"Bearer {Secrets[0]}";
        if (bucketProxy is not null)
        {
            // The server itself takes any key.
            bucketProxy.Choose = request => request.Authorization?.Contains($"Credential={Secrets[1]}/", StringComparison.Ordinal) == true ? null : new Status(403);
        }
    }

    public override string Location => $"mlflow+{Proxy.Address.AbsoluteUri.TrimEnd('/')}?alias={Alias}";

    public override IReadOnlyDictionary<string, string?> Settings => _bucketProxy is null
        ? new Dictionary<string, string?> { ["MLflow__Token"] = Secrets[0] }
        : new Dictionary<string, string?>
        {
            ["MLflow__Token"] = Secrets[0],
            ["S3__Endpoint"] = _bucketProxy.Address.AbsoluteUri,
            ["S3__AccessKeyId"] = Secrets[1],
            ["S3__SecretAccessKey"] = Secrets[2],
        };

    public override IReadOnlyList<string> Secrets { get; } = ["not-a-real-tracking-token", "not-a-real-access-key", "not-a-real-secret-access-key"];

    /// <summary>What the gateway asked the bucket for; empty where there is none.</summary>
    public IReadOnlyList<FaultRequest> BucketRequests => _bucketProxy?.Requests ?? [];

    public static async Task<PublishedRegistry> StartAsync()
    {
        MlflowServer server = await MlflowServer.StartAsync();
        return new PublishedRegistry(await FaultProxy.StartAsync(new Uri(server.Address)), server, null, null);
    }

    /// <summary>One whose versions have their source in a bucket.</summary>
    public static async Task<PublishedRegistry> StartOnS3Async()
    {
        MlflowServer server = await MlflowServer.StartAsync();
        S3Server bucket = await S3Server.StartAsync();
        await bucket.CreateBucketAsync(Bucket);
        return new PublishedRegistry(await FaultProxy.StartAsync(new Uri(server.Address)), server, bucket, await FaultProxy.StartAsync(bucket.Endpoint));
    }

    public override Task DescribeAsync(string model, string description)
    {
        _server.AddModel(model, description);
        return Task.CompletedTask;
    }

    public override async Task PublishAsync(string model, long version, byte[] onnx)
    {
        int number = _bucket is null ? _server.AddVersion(model, MlflowServer.MLmodel(), ("model.onnx", onnx)) : _server.AddVersion(model, await UploadAsync(_bucket, onnx));
        _server.SetAlias(model, Alias, number);
        if (number != version)
        {
            throw new ArgumentException($"The registry numbers versions itself: this is {number}.", nameof(version));
        }
    }

    /// <summary>Adds a version that no gateway can serve.</summary>
    public void PublishWithoutOnnx(string model) =>
        _server.SetAlias(model, Alias, _server.AddVersion(model, ("MLmodel", "flavors:\n  sklearn: {}\n"u8.ToArray())));

    public override string Notify(string model, long version) => JsonSerializer.Serialize(new
    {
        entity = "model_version_alias",
        action = "created",
        timestamp = "2026-11-26T16:00:00Z",
        data = new { name = model, alias = Alias, version = version.ToString(CultureInfo.InvariantCulture) },
    });

    protected override async Task StopAsync()
    {
        await _server.DisposeAsync();
        if (_bucket is not null)
        {
            await _bucketProxy!.DisposeAsync();
            await _bucket.DisposeAsync();
        }
    }

    private static async Task<string> UploadAsync(S3Server bucket, byte[] onnx)
    {
        string folder = $"1/{Guid.NewGuid():n}/artifacts/model";
        (string name, byte[] content) = MlflowServer.MLmodel();
        await bucket.PutAsync(Bucket, $"{folder}/{name}", content);
        await bucket.PutAsync(Bucket, $"{folder}/model.onnx", onnx);
        return $"s3://{Bucket}/{folder}";
    }
}
