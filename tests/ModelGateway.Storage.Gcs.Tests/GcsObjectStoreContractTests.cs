using ModelGateway.Serving.Repository;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Hosting.Gcs;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Storage.Gcs.Tests;

public sealed class GcsObjectStoreContractTests : KeyedObjectStoreContract, IClassFixture<GcsFixture>
{
    // Not all of a bucket, and a name that must be escaped.
    private const string Prefix = "models/team ü#1/";
    private readonly GcsFixture _fixture;
    private readonly GcsBucket _bucket;

    public GcsObjectStoreContractTests(GcsFixture fixture)
    {
        _fixture = fixture;
        _bucket = fixture.Server.CreateBucket();
        Harness = fixture.HarnessWithKey();
        Store = GcsFixture.Open(Harness, $"gs://{_bucket.Name}/models/team%20%C3%BC%231");
    }

    protected override IObjectStore Store { get; }

    protected override StoreHarness Harness { get; }

    protected override IObjectStore Unreachable => GcsFixture.Open(_fixture.HarnessWithKey(), "gs://no-such-bucket/models");

    protected override Task WriteAsync(string key, byte[] content) => _fixture.Server.UploadAsync(_bucket, Prefix + key, content);

    protected override Task DeleteAsync(string key) => _fixture.Server.DeleteAsync(_bucket, Prefix + key);
}
