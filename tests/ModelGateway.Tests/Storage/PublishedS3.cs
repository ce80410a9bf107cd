using System.Security.Cryptography;
using System.Text.Json;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Hosting;

namespace ModelGateway.Tests.Storage;

/// <summary>A bucket, or a prefix in it; a whole bucket has an index at its root, which is written last.</summary>
internal sealed class PublishedS3 : PublishedStore
{
    private readonly S3Server _server;
    private readonly string _bucket;
    private readonly string? _prefix;
    private readonly Dictionary<string, StoredObject> _index = new(StringComparer.Ordinal);

    private PublishedS3(FaultProxy proxy, S3Server server, string bucket, string? prefix)
        : base(proxy)
    {
        _server = server;
        _bucket = bucket;
        _prefix = prefix;
    }

    public override string Location => _prefix is null ? $"s3://{_bucket}" : $"s3://{_bucket}/{_prefix}";

    public override IReadOnlyDictionary<string, string?> Settings => new Dictionary<string, string?>
    {
        ["S3__Endpoint"] = Proxy.Address.AbsoluteUri,
        ["S3__AccessKeyId"] = Secrets[0],
        ["S3__SecretAccessKey"] = Secrets[1],
    };

    public override IReadOnlyList<string> Secrets { get; } = ["not-a-real-access-key", "not-a-real-secret-access-key"];

    /// <summary>A server with an empty bucket.</summary>
    /// <param name="bucket">Its name.</param>
    /// <param name="prefix">Where the repository is in it, without an index; null for the bucket's root, with one.</param>
    public static async Task<PublishedS3> StartAsync(string bucket, string? prefix)
    {
        S3Server server = await S3Server.StartAsync();
        await server.CreateBucketAsync(bucket);
        return new PublishedS3(await FaultProxy.StartAsync(server.Endpoint), server, bucket, prefix);
    }

    public override async Task DescribeAsync(string model, string description)
    {
        await PutAsync($"{model}/model.yaml", Yaml(description));
        await WriteIndexAsync();
    }

    public override async Task PublishAsync(string model, long version, byte[] onnx)
    {
        await PutAsync($"{model}/{version}/model.onnx", onnx);
        await WriteIndexAsync();
    }

    public override string Notify(string model, long version) => JsonSerializer.Serialize(new
    {
        Records = new[]
        {
            new
            {
                eventVersion = "2.1",
                eventSource = "aws:s3",
                eventName = "ObjectCreated:Put",
                s3 = new { bucket = new { name = _bucket }, @object = new { key = KeyOf(_prefix is null ? RepositoryIndex.FileName : $"{model}/{version}/model.onnx") } },
            },
        },
    });

    /// <summary>Adds or replaces an object; the index does not tell yet.</summary>
    public async Task PutAsync(string key, byte[] content)
    {
        await _server.PutAsync(_bucket, KeyOf(key), content);
        string hash = Convert.ToHexStringLower(SHA256.HashData(content));
        lock (_index)
        {
            _index[key] = new StoredObject(key, content.Length, hash, DateTimeOffset.UtcNow) { Checksum = new ObjectChecksum(ChecksumAlgorithm.Sha256, hash) };
        }
    }

    /// <summary>Removes an object, the index first.</summary>
    public async Task DeleteAsync(string key)
    {
        _index.Remove(key);
        await WriteIndexAsync();
        await _server.DeleteAsync(_bucket, KeyOf(key));
    }

    /// <summary>Writes the index of what is there, where there is to be one.</summary>
    public async Task WriteIndexAsync()
    {
        if (_prefix is null)
        {
            using var index = new MemoryStream();
            RepositoryIndex.Write(index, _index.Values);
            await _server.PutAsync(_bucket, RepositoryIndex.FileName, index.ToArray());
        }
    }

    protected override async Task StopAsync() => await _server.DisposeAsync();

    private string KeyOf(string key) => _prefix is null ? key : $"{_prefix}/{key}";
}
