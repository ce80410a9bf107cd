using System.Net;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Tests.Storage;

/// <summary>
/// A registry that says of its versions that they are in a bucket, under the real gateway: the bucket is opened with <c>Gateway:S3</c>, which is
/// all that makes it work. What holds for every store is in <see cref="StoreEndToEndTests"/>.
/// </summary>
public sealed class RegistryOnS3Tests : IAsyncLifetime
{
    private const string Model = "adder";
    private readonly string _artifacts = Directory.CreateTempSubdirectory("artifacts-").FullName;
    private PublishedRegistry _store = null!;

    public async Task InitializeAsync()
    {
        _store = await PublishedRegistry.StartOnS3Async();
        await _store.PublishAsync(Model, 1, TestModels.AddConstant(1));
    }

    public async Task DisposeAsync()
    {
        await _store.DisposeAsync();
        Directory.Delete(_artifacts, recursive: true);
    }

    [Fact]
    public async Task Start_S3SettingsThatOpenTheBucket_ReadsTheFilesThere()
    {
        await using StoreGateway gateway = await StoreGateway.StartAsync(_artifacts, _store);

        Assert.Equal((HttpStatusCode.OK, 1L, 1f), await gateway.PredictAsync(Model));
        Assert.Contains(_store.BucketRequests, request => request.Path.EndsWith("/model.onnx", StringComparison.Ordinal) && request.Method == "GET");
        Assert.DoesNotContain(_store.Proxy.Requests, request => request.Path.Contains("artifacts", StringComparison.Ordinal));
        Assert.Contains(
            await gateway.CountersAsync("modelgateway_store_requests_total", ("repository", _store.Location), ("operation", "get"), ("outcome", "success")), series => series.Value > 0);
    }

    [Theory]
    [InlineData("S3__AccessKeyId", "not-the-key")]
    [InlineData("S3__Endpoint", "http://127.0.0.1:1")]
    public async Task Start_S3SettingsThatDoNotOpenTheBucket_PassesTheVersionOverAndSaysWhy(string setting, string value)
    {
        var settings = new Dictionary<string, string?>(_store.Settings) { ["Repository"] = _store.Location, [setting] = value };

        await using StoreGateway gateway = await StoreGateway.StartAsync(_artifacts, settings);

        Assert.Equal((HttpStatusCode.NotFound, 0L, 0f), await gateway.PredictAsync(Model));
        Assert.Contains($"'{Model}/1' is passed over: it cannot be read now: ", gateway.Process.Output, StringComparison.Ordinal);
        Assert.All(_store.Secrets, secret => Assert.DoesNotContain(secret, gateway.Process.Output, StringComparison.OrdinalIgnoreCase));
    }
}
