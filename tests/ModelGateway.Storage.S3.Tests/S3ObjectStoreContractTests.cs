using ModelGateway.Serving.Repository;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Storage.S3.Tests;

[Collection(S3ServerTests.Name)]
public sealed class S3ObjectStoreContractTests(S3ServerFixture fixture) : KeyedObjectStoreContract, IAsyncLifetime
{
    private string _bucket = "";
    private readonly StoreHarness _harness = new(fixture.Settings());
    private IObjectStore? _store;

    protected override IObjectStore Store => _store!;

    protected override StoreHarness Harness => _harness;

    protected override IObjectStore Unreachable => Open($"s3://not-there-{Guid.NewGuid():N}"[..40]);

    public async Task InitializeAsync()
    {
        _bucket = await fixture.NewBucketAsync();
        _store = Open($"s3://{_bucket}/teams/vision");

        // Neighbours that no test may see: beside the prefix, and below one that begins like it.
        await fixture.Server.PutAsync(_bucket, "teams/other/1/model.onnx", Content(1));
        await fixture.Server.PutAsync(_bucket, "teams/vision2/1/model.onnx", Content(1));
        await fixture.Server.PutAsync(_bucket, "teams/vision", Content(1));
    }

    public Task DisposeAsync() => Task.CompletedTask;

    protected override Task WriteAsync(string key, byte[] content) => fixture.Server.PutAsync(_bucket, $"teams/vision/{key}", content);

    protected override Task DeleteAsync(string key) => fixture.Server.DeleteAsync(_bucket, $"teams/vision/{key}");

    private IObjectStore Open(string location) => _harness.Open(new S3ObjectStoreProvider(), location);
}
