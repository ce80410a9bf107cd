using System.Security.Cryptography;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Storage.S3.Tests;

/// <summary>What the contract does not ask of every store, against a real S3 server.</summary>
[Collection(S3ServerTests.Name)]
public sealed class S3ObjectStoreTests(S3ServerFixture fixture)
{
    private readonly S3ObjectStoreProvider _provider = new();

    [Fact]
    public async Task ListAsync_2500Objects_IsThreeRequests()
    {
        string bucket = await fixture.NewBucketAsync();
        await Parallel.ForAsync(0, 2500, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, _) => await fixture.Server.PutAsync(bucket, $"models/m{i}/1/model.onnx", new byte[1]));
        var harness = new StoreHarness(fixture.Settings());

        ObjectListing listing = (await harness.Open(_provider, $"s3://{bucket}/models").ListAsync(null, CancellationToken.None))!;

        Assert.Equal(2500, listing.Objects.Select(item => item.Key).Distinct().Count());
        Assert.Equal(new Dictionary<string, int> { ["list success"] = 3 }, await harness.RequestsAsync());
    }

    [Fact]
    public async Task Operations_OneObject_AreOneRequestEach()
    {
        string bucket = await fixture.NewBucketAsync();
        await fixture.Server.PutAsync(bucket, "iris/1/model.onnx", new byte[100]);
        var harness = new StoreHarness(fixture.Settings());
        IObjectStore store = harness.Open(_provider, $"s3://{bucket}");

        StoredObject listed = Assert.Single((await store.ListAsync(null, CancellationToken.None))!.Objects);
        await store.FindAsync(listed.Key, CancellationToken.None);
        await store.FindAsync("index.json", CancellationToken.None);
        await store.CopyToAsync(listed, Stream.Null, CancellationToken.None);
        await store.CopyRangeAsync(listed, 50, 10, Stream.Null, CancellationToken.None);
        await Assert.ThrowsAsync<ObjectChangedException>(() => store.CopyToAsync(listed with { Tag = "\"other\"" }, Stream.Null, CancellationToken.None));

        Assert.Equal(
            new Dictionary<string, int> { ["get changed"] = 1, ["get success"] = 2, ["head not_found"] = 1, ["head success"] = 1, ["list success"] = 1 },
            (await harness.RequestsAsync()).OrderBy(request => request.Key, StringComparer.Ordinal).ToDictionary());
    }

    [Theory]
    [InlineData("iris/1/a&b<c>.bin")]
    [InlineData("iris/1/%2e%2e.bin")]
    [InlineData("iris/1/a+b c.bin")]
    [InlineData("iris/1/~!*'()@$.bin")]
    [InlineData("iris/1/ .bin ")]
    public async Task Operations_NameWithSpecials_ReachThatObject(string key)
    {
        string bucket = await fixture.NewBucketAsync();
        await fixture.Server.PutAsync(bucket, $"my models/ü&%/{key}", new byte[] { 1, 2, 3 });
        IObjectStore store = new StoreHarness(fixture.Settings()).Open(_provider, $"s3://{bucket}/my models/ü&%25/");
        using var destination = new MemoryStream();

        StoredObject listed = Assert.Single((await store.ListAsync(null, CancellationToken.None))!.Objects);
        await store.CopyToAsync(listed, destination, CancellationToken.None);

        Assert.Equal(key, listed.Key);
        Assert.Equal(listed.Tag, (await store.FindAsync(key, CancellationToken.None))!.Value.Tag);
        Assert.Equal([1, 2, 3], destination.ToArray());
    }

    [Fact]
    public async Task ListAsync_FolderMarkers_AreNoObjects()
    {
        string bucket = await fixture.NewBucketAsync();
        await fixture.Server.PutAsync(bucket, "models/", Array.Empty<byte>());
        await fixture.Server.PutAsync(bucket, "models/iris/", Array.Empty<byte>());
        await fixture.Server.PutAsync(bucket, "models/iris/1/model.onnx", new byte[1]);

        ObjectListing listing = (await new StoreHarness(fixture.Settings()).Open(_provider, $"s3://{bucket}/models/").ListAsync(null, CancellationToken.None))!;

        Assert.Equal("iris/1/model.onnx", Assert.Single(listing.Objects).Key);
    }

    [Fact]
    public async Task FindAsync_UploadedWithSha256_HasIt()
    {
        string bucket = await fixture.NewBucketAsync();
        byte[] content = [1, 2, 3];
        await fixture.Server.PutAsync(bucket, "iris/1/model.onnx", content, ("x-amz-checksum-sha256", Convert.ToBase64String(SHA256.HashData(content))));

        StoredObject found = (await new StoreHarness(fixture.Settings()).Open(_provider, $"s3://{bucket}").FindAsync("iris/1/model.onnx", CancellationToken.None))!.Value;

        Assert.Equal(new ObjectChecksum(ChecksumAlgorithm.Sha256, Convert.ToHexStringLower(SHA256.HashData(content))), found.Checksum);
    }

    [Theory]
    [InlineData("aws:kms")]
    [InlineData("aws:kms:dsse")]
    public async Task CopyToAsync_EncryptedWithAKmsKey_IsCopiedAndItsETagIsNotTakenForAnMd5(string encryption)
    {
        string bucket = await fixture.NewBucketAsync();
        byte[] content = RandomNumberGenerator.GetBytes(100_000);
        await fixture.Server.PutAsync(
            bucket, "iris/1/model.onnx", content,
            ("x-amz-server-side-encryption", encryption), ("x-amz-server-side-encryption-aws-kms-key-id", "arn:aws:kms:eu-central-1:111122223333:key/1"));
        IObjectStore store = new StoreHarness(fixture.Settings()).Open(_provider, $"s3://{bucket}");
        using var whole = new MemoryStream();
        using var part = new MemoryStream();

        StoredObject listed = Assert.Single((await store.ListAsync(null, CancellationToken.None))!.Objects);
        StoredObject found = (await store.FindAsync(listed.Key, CancellationToken.None))!.Value;
        await store.CopyToAsync(listed, whole, CancellationToken.None);
        await store.CopyRangeAsync(found, 50_000, 1000, part, CancellationToken.None);

        Assert.Matches("^\"[0-9a-f]{32}\"$", listed.Tag);
        using var md5 = new ChecksumCalculator(ChecksumAlgorithm.Md5);
        md5.Append(content);
        Assert.NotEqual(md5.GetChecksumAndReset().Hex, listed.Tag.Trim('"'));
        Assert.Equal((listed.Size, listed.Tag, null), (found.Size, found.Tag, found.Checksum));
        Assert.Null(listed.Checksum);
        Assert.Equal(content, whole.ToArray());
        Assert.Equal(content[50_000..51_000], part.ToArray());
    }

    [Fact]
    public async Task CopyToAsync_UploadedInParts_IsCopiedAndHasNoChecksum()
    {
        string bucket = await fixture.NewBucketAsync();
        byte[] content = RandomNumberGenerator.GetBytes(20_000_000);
        await fixture.Server.PutAsync(bucket, "iris/1/model.onnx", content);
        IObjectStore store = new StoreHarness(fixture.Settings()).Open(_provider, $"s3://{bucket}");
        using var destination = new MemoryStream();

        StoredObject found = (await store.FindAsync("iris/1/model.onnx", CancellationToken.None))!.Value;
        await store.CopyToAsync(found, destination, CancellationToken.None);

        Assert.EndsWith("-3\"", found.Tag, StringComparison.Ordinal);
        Assert.Null(found.Checksum);
        Assert.Equal(content, destination.ToArray());
    }

    [Fact]
    public async Task ListAsync_ServerAwayAndBack_FailsAndRecovers()
    {
        await using S3Server server = await S3Server.StartAsync(keepData: true);
        await server.CreateBucketAsync("models");
        await server.PutAsync("models", "iris/1/model.onnx", new byte[10]);
        IObjectStore store = new StoreHarness(("Endpoint", server.Endpoint.ToString()), ("Anonymous", "true")).Open(_provider, "s3://models");
        await store.ListAsync(null, CancellationToken.None);

        server.Stop();
        IOException away = await Assert.ThrowsAnyAsync<IOException>(() => store.ListAsync(null, CancellationToken.None));
        await server.RestartAsync();

        Assert.Contains("Gateway:S3:Endpoint", away.Message, StringComparison.Ordinal);
        Assert.Equal("iris/1/model.onnx", Assert.Single((await store.ListAsync(null, CancellationToken.None))!.Objects).Key);
    }
}
