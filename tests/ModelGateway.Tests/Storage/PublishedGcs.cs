using System.Text.Json;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Hosting.Gcs;

namespace ModelGateway.Tests.Storage;

/// <summary>A folder in a bucket that one service account may read, by its key file.</summary>
internal sealed class PublishedGcs : PublishedStore
{
    private const string Reader = "reader@project.iam.gserviceaccount.com";
    private const string Folder = "live";
    private readonly string _files = Directory.CreateTempSubdirectory("gcs-").FullName;
    private readonly GcsServer _server;
    private readonly GcsBucket _bucket;

    private PublishedGcs(FaultProxy proxy, GcsServer server)
        : base(proxy)
    {
        _server = server;
        _bucket = server.CreateBucket();
        _bucket.Readers = new HashSet<string> { Reader };
        string key = server.Tokens.CreateServiceAccount(Reader);
        File.WriteAllText(KeyFile, key);

        // What all its tokens begin with, and a line of the private key.
        using JsonDocument json = JsonDocument.Parse(key);
        Secrets = ["ya29.", json.RootElement.GetProperty("private_key").GetString()!.Split('\n')[1]];
    }

    public override string Location => $"gs://{_bucket.Name}/{Folder}";

    public override IReadOnlyDictionary<string, string?> Settings => new Dictionary<string, string?>
    {
        ["Gcs__Endpoint"] = Proxy.Address.AbsoluteUri,
        ["Gcs__CredentialsFile"] = KeyFile,
    };

    public override IReadOnlyList<string> Secrets { get; }

    private string KeyFile => Path.Combine(_files, "key.json");

    public static async Task<PublishedGcs> StartAsync()
    {
        var server = new GcsServer();
        await server.InitializeAsync();
        return new PublishedGcs(await FaultProxy.StartAsync(server.Address), server);
    }

    public override Task DescribeAsync(string model, string description) => _server.UploadAsync(_bucket, $"{Folder}/{model}/model.yaml", Yaml(description));

    public override Task PublishAsync(string model, long version, byte[] onnx) => _server.UploadAsync(_bucket, $"{Folder}/{model}/{version}/model.onnx", onnx);

    public override string Notify(string model, long version) => JsonSerializer.Serialize(new
    {
        message = new
        {
            attributes = new { bucketId = _bucket.Name, objectId = $"{Folder}/{model}/{version}/model.onnx", eventType = "OBJECT_FINALIZE", payloadFormat = "NONE" },
            messageId = "1",
        },
        subscription = "projects/project/subscriptions/gateway",
    });

    protected override async Task StopAsync()
    {
        await _server.DisposeAsync();
        Directory.Delete(_files, recursive: true);
    }
}
