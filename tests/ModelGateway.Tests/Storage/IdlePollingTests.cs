using System.Globalization;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Tests.Storage;

/// <summary>What a repository costs in which nothing happens: 200 models with 3 versions each.</summary>
public sealed class IdlePollingTests : IDisposable
{
    private const int Models = 200;
    private const int Versions = 3;
    private const int Polls = 10;
    private readonly string _artifacts = Directory.CreateTempSubdirectory("artifacts-").FullName;

    public void Dispose() => Directory.Delete(_artifacts, recursive: true);

    [Theory]
    [InlineData(PublishedStore.S3, "list")]
    [InlineData(PublishedStore.S3WithIndex, "head")]
    public async Task Poll_NothingChanged_IsOneRequest(string name, string operation)
    {
        await using var bucket = (PublishedS3)await PublishedStore.StartAsync(name);
        await Parallel.ForEachAsync(Enumerable.Range(0, Models * Versions), async (number, _) =>
            await bucket.PutAsync(string.Create(CultureInfo.InvariantCulture, $"m{number / Versions}/{1 + (number % Versions)}/model.onnx"), TestModels.AddConstant(number)));
        await bucket.WriteIndexAsync();
        await using StoreGateway gateway = await StoreGateway.StartAsync(_artifacts, new Dictionary<string, string?>(bucket.Settings)
        {
            ["Repository"] = bucket.Location,
            ["SettleTime"] = "00:00:00",
            ["Logging__Level"] = "Warning",
            ["Logging__Requests"] = "None",
        });
        await gateway.WaitUntilAsync(async () => (await gateway.IndexAsync()).Split("\"READY\"").Length - 1 == Models, () => "The models are not loaded");
        await gateway.WaitForAsync($"m{Models - 1}", Versions, (Models * Versions) - 1);

        Dictionary<string, double> before = await RequestsAsync(gateway, bucket);
        double scans = await ScansAsync(gateway, bucket);
        int requests = bucket.Proxy.Requests.Count;
        for (int poll = 1; poll <= Polls; poll++)
        {
            await gateway.RefreshAsync(bucket.Notify("m0", 1));
            await gateway.WaitUntilAsync(async () => await ScansAsync(gateway, bucket) == scans + poll, () => $"The look number {poll} does not end");
        }

        KeyValuePair<string, double> counted = Assert.Single(await RequestsAsync(gateway, bucket), series => series.Value != before.GetValueOrDefault(series.Key));
        Assert.Contains($"operation=\"{operation}\"", counted.Key, StringComparison.Ordinal);
        Assert.Contains("outcome=\"success\"", counted.Key, StringComparison.Ordinal);
        Assert.Equal(Polls, counted.Value - before.GetValueOrDefault(counted.Key));

        // What is counted is what leaves.
        Assert.Equal(Polls, bucket.Proxy.Requests.Count - requests);
    }

    private static Task<Dictionary<string, double>> RequestsAsync(StoreGateway gateway, PublishedS3 bucket) =>
        gateway.CountersAsync("modelgateway_store_requests_total", ("repository", bucket.Location));

    private static async Task<double> ScansAsync(StoreGateway gateway, PublishedS3 bucket) =>
        (await gateway.CountersAsync("modelgateway_repository_scans_total", ("repository", bucket.Location))).Values.Sum();
}
