using ModelGateway.TestKit.Hosting;
using Xunit;

namespace ModelGateway.Storage.S3.Tests;

/// <summary>One server for all classes of the collection; each test has a bucket of its own.</summary>
public sealed class S3ServerFixture : IAsyncLifetime
{
    public S3Server Server { get; private set; } = null!;

    public async Task InitializeAsync() => Server = await S3Server.StartAsync();

    public Task DisposeAsync() => Server.DisposeAsync().AsTask();

    /// <summary>A new, empty bucket.</summary>
    public async Task<string> NewBucketAsync()
    {
        string bucket = $"models-{Guid.NewGuid():N}";
        await Server.CreateBucketAsync(bucket);
        return bucket;
    }

    /// <summary>The settings that reach the server.</summary>
    public (string Key, string? Value)[] Settings(params (string Key, string? Value)[] more) =>
        [("Endpoint", Server.Endpoint.ToString()), ("AccessKeyId", "test"), ("SecretAccessKey", "test"), .. more];
}

[CollectionDefinition(Name)]
public sealed class S3ServerTests : ICollectionFixture<S3ServerFixture>
{
    public const string Name = "S3 server";
}
