using System.Globalization;
using System.IO.Compression;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Hosting.Gcs;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Storage.Gcs.Tests;

public sealed class GcsObjectStoreTests(GcsFixture fixture) : IClassFixture<GcsFixture>
{
    private readonly GcsBucket _bucket = fixture.Server.CreateBucket();
    private readonly StoreHarness _harness = fixture.HarnessWithKey();

    [Fact]
    public async Task ListAsync_MoreThanAPageHolds_TakesOneRequestAThousandObjects()
    {
        for (int i = 0; i < 2500; i++)
        {
            _bucket.Put(string.Create(CultureInfo.InvariantCulture, $"models/iris/{i}/model.onnx"), []);
        }

        IReadOnlyList<StoredObject> objects = await GcsFixture.ListAsync(OpenModels());

        Assert.Equal(2500, objects.Select(item => item.Key).Distinct().Count());
        Assert.Equal(3, _bucket.Requests.Count);
        Assert.Equal(3, (await _harness.RequestsAsync())["list success"]);
    }

    [Theory]
    [InlineData("models", "iris/1/model.onnx")]
    [InlineData("models/", "iris/1/model.onnx")]
    [InlineData("models/iris", "1/model.onnx")]
    [InlineData("mod")]
    [InlineData("", "mod", "models-old/iris/1/model.onnx", "models/iris/1/model.onnx", "other/iris/1/model.onnx")]
    public async Task ListAsync_Prefix_ShowsOnlyWhatLiesBelowIt(string prefix, params string[] keys)
    {
        foreach (string name in new[] { "models/iris/1/model.onnx", "models-old/iris/1/model.onnx", "other/iris/1/model.onnx", "mod" })
        {
            _bucket.Put(name, [1]);
        }

        IObjectStore store = GcsFixture.Open(_harness, $"gs://{_bucket.Name}/{prefix}");

        Assert.Equal(keys, (await GcsFixture.ListAsync(store)).Select(item => item.Key));
    }

    [Fact]
    public async Task FindAsync_KeyThatCouldLeadElsewhere_IsNullWithoutARequest()
    {
        IObjectStore store = GcsFixture.Open(_harness, $"gs://{_bucket.Name}");

        Assert.Null(await store.FindAsync("..", CancellationToken.None));
        Assert.Null(await store.FindAsync("../o", CancellationToken.None));
        Assert.Empty(_bucket.Requests);
    }

    [Fact]
    public async Task ListAsync_AnyObject_HasTheChecksumOfItsContent()
    {
        byte[] content = GcsFixture.Content(1000);
        _bucket.Put("models/composed", content, isComposite: true);
        _bucket.Put("models/whole", content);
        IObjectStore store = OpenModels();

        IReadOnlyList<StoredObject> listed = await GcsFixture.ListAsync(store);

        Assert.Equal([ChecksumAlgorithm.Crc32C, ChecksumAlgorithm.Md5], listed.Select(item => item.Checksum!.Value.Algorithm));
        foreach (StoredObject item in listed)
        {
            using var calculator = new ChecksumCalculator(item.Checksum!.Value.Algorithm);
            calculator.Append(await GcsFixture.CopyAsync(store, item));
            Assert.Equal(item.Checksum, calculator.GetChecksumAndReset());
            Assert.Equal(item, await store.FindAsync(item.Key, CancellationToken.None));
        }
    }

    [Fact]
    public async Task CopyRangeAsync_ObjectStoredCompressed_ComesAsItIsStored()
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.Optimal, leaveOpen: true))
        {
            gzip.Write(new byte[100_000]);
        }

        await fixture.Server.UploadAsync(_bucket, "models/weights.bin", compressed.ToArray(), contentEncoding: "gzip");
        IObjectStore store = OpenModels();
        StoredObject listed = Assert.Single(await GcsFixture.ListAsync(store));
        using var part = new MemoryStream();
        await store.CopyRangeAsync(listed, 10, 20, part, CancellationToken.None);

        Assert.Equal(compressed.ToArray(), await GcsFixture.CopyAsync(store, listed));
        Assert.Equal(compressed.ToArray()[10..30], part.ToArray());
    }

    [Fact]
    public async Task CopyRangeAsync_ConnectionCut_WroteRightBytesAndGoesOnBehindThem()
    {
        byte[] content = GcsFixture.Content(2_000_000);
        _bucket.Put("models/weights.bin", content);
        IObjectStore store = OpenModels();
        StoredObject listed = Assert.Single(await GcsFixture.ListAsync(store));
        _bucket.OnRequest = context => CutAsync(context, content);
        using var destination = new MemoryStream();

        IOException exception = await Assert.ThrowsAsync<IOException>(() => store.CopyToAsync(listed, destination, CancellationToken.None));
        _bucket.OnRequest = null;
        await store.CopyRangeAsync(listed, destination.Length, listed.Size - destination.Length, destination, CancellationToken.None);

        Assert.Contains("weights.bin", exception.Message, StringComparison.Ordinal);
        Assert.Equal(content, destination.ToArray());
    }

    [Fact]
    public async Task Requests_OfEveryKind_AreCountedByWhatTheyAskFor()
    {
        _bucket.Put("models/weights.bin", GcsFixture.Content(1000));
        IObjectStore store = OpenModels();
        StoredObject listed = Assert.Single(await GcsFixture.ListAsync(store));
        await store.FindAsync("weights.bin", CancellationToken.None);
        await store.FindAsync("other.bin", CancellationToken.None);
        await store.CopyRangeAsync(listed, 0, 10, Stream.Null, CancellationToken.None);
        await Assert.ThrowsAsync<ObjectChangedException>(() => store.CopyToAsync(listed with { Tag = "1" }, Stream.Null, CancellationToken.None));

        Assert.Equal(
            [("get not_found", 1), ("get success", 1), ("head not_found", 1), ("head success", 1), ("list success", 1), ("token success", 1)],
            (await _harness.RequestsAsync()).OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => (entry.Key, entry.Value)));
    }

    private static async Task<bool> CutAsync(Microsoft.AspNetCore.Http.HttpContext context, byte[] content)
    {
        context.Response.ContentLength = content.Length;
        await context.Response.Body.WriteAsync(content.AsMemory(0, content.Length / 2));
        await context.Response.Body.FlushAsync();
        context.Abort();
        return true;
    }

    private IObjectStore OpenModels() => GcsFixture.Open(_harness, $"gs://{_bucket.Name}/models");
}
