using System.Security.Cryptography;
using System.Text.Json;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;
using Xunit;

namespace ModelGateway.Tests.Storage;

/// <summary>
/// Two real gateways on one bucket and one artifact folder, which holds less than they have loaded: each removes what the other has fetched,
/// and is about to use.
/// </summary>
public sealed class SharedArtifactFolderTests : IAsyncLifetime
{
    private const string Bucket = "models";
    private const int Rounds = 3;

    // With what the versions weigh, room for three of the twelve files that a round brings.
    private const int FillerBytes = 100_000;
    private const string CacheBytes = "310000";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private static readonly string[] Models = ["a", "b", "c", "d", "e", "f"];
    private readonly Random _random = new(20261127);
    private readonly string _artifacts = Directory.CreateTempSubdirectory("artifacts-").FullName;
    private readonly StoreGateway?[] _gateways = new StoreGateway?[2];
    private S3Server _server = null!;

    public async Task InitializeAsync()
    {
        _server = await S3Server.StartAsync();
        await _server.CreateBucketAsync(Bucket);
    }

    public async Task DisposeAsync()
    {
        foreach (StoreGateway gateway in _gateways.OfType<StoreGateway>())
        {
            await gateway.DisposeAsync();
        }

        await _server.DisposeAsync();
        Directory.Delete(_artifacts, recursive: true);
    }

    [Fact]
    public async Task Gateways_OneArtifactFolder_TakeNothingFromEachOther()
    {
        await PublishAllAsync(1);
        await Task.WhenAll(StartAsync(0), StartAsync(1));
        for (long version = 2; version <= Rounds + 1; version++)
        {
            await Task.WhenAll(PublishAllAsync(version), RestartAsync((int)(version % 2)));
            await Task.WhenAll(_gateways.SelectMany(gateway => Models.Select(model => gateway!.WaitForAsync(model, version, ValueOf(model, version)))));
            Array.ForEach(_gateways, gateway => AssertNothingFailed(gateway!));
        }

        await Task.WhenAll(Models.SelectMany(model => Enumerable.Range(1, Rounds).Select(version => RemoveAsync(model, version))));
        foreach (StoreGateway? gateway in _gateways)
        {
            await gateway!.WaitUntilAsync(
                async () => await StatesAsync(gateway) is { } states && states.SequenceEqual(Models.Select(model => $"{model}/{Rounds + 1} READY")), () => "Versions that were removed are still there");
            AssertNothingFailed(gateway);
            Assert.Contains(await gateway.CountersAsync("modelgateway_artifact_cache_files_total"), series => series.Key.Contains("evicted", StringComparison.Ordinal) && series.Value > 0);
        }

        AssertFolderIsClean(loaded: _gateways.Length * Models.Length);
        await Task.WhenAll(StopAsync(0), StopAsync(1));
        AssertFolderIsClean(loaded: 0);
        Assert.Empty(Directory.GetFileSystemEntries(_artifacts, "artifacts-*"));
    }

    // Each version of each model answers another number.
    private static float ValueOf(string model, long version) => (100 * version) + Array.IndexOf(Models, model);

    private static void AssertNothingFailed(StoreGateway gateway)
    {
        string[] failures = [.. gateway.Process.Output.Split('\n').Where(line =>
            line.Contains("could not be loaded", StringComparison.Ordinal) || line.Contains("failed to load", StringComparison.Ordinal))];
        Assert.True(failures.Length == 0, string.Join('\n', failures));
    }

    private static async Task<IEnumerable<string>> StatesAsync(StoreGateway gateway)
    {
        using JsonDocument index = JsonDocument.Parse(await gateway.IndexAsync());
        return [.. index.RootElement.EnumerateArray().Select(entry => $"{entry.GetProperty("name")}/{entry.GetProperty("version")} {entry.GetProperty("state")}")];
    }

    private async Task StartAsync(int number) => _gateways[number] = await StoreGateway.StartAsync(_artifacts, new Dictionary<string, string?>
    {
        ["Repository"] = $"s3://{Bucket}/live",
        ["S3__Endpoint"] = _server.Endpoint.AbsoluteUri,
        ["S3__AccessKeyId"] = "key",
        ["S3__SecretAccessKey"] = "secret",
        ["ArtifactCache__MaxBytes"] = CacheBytes,
        ["PollInterval"] = "00:00:00.100",
        ["SettleTime"] = "00:00:00.100",
        ["Logging__Level"] = "Warning",
    });

    private async Task RestartAsync(int number)
    {
        await StopAsync(number);
        await StartAsync(number);
    }

    private async Task StopAsync(int number)
    {
        StoreGateway gateway = _gateways[number]!;
        gateway.Process.Terminate();
        Assert.Equal(0, await gateway.Process.WaitForExitAsync(Patience));
        AssertNothingFailed(gateway);
        _gateways[number] = null;
        await gateway.DisposeAsync();
    }

    private Task PublishAllAsync(long version) => Task.WhenAll(Models.Select(model => PublishAsync(model, version)));

    // Half of the models with a manifest.
    private async Task PublishAsync(string model, long version)
    {
        byte[] filler = new byte[FillerBytes];
        lock (_random)
        {
            _random.NextBytes(filler);
        }

        (string Name, byte[] Content)[] files = [("filler.bin", filler), ("model.onnx", TestModels.AddConstant(ValueOf(model, version)))];
        foreach ((string name, byte[] content) in files)
        {
            await _server.PutAsync(Bucket, $"live/{model}/{version}/{name}", content);
        }

        if (Array.IndexOf(Models, model) % 2 == 0)
        {
            await _server.PutAsync(Bucket, $"live/{model}/{version}/manifest.json", RepositoryFolder.Manifest(files));
        }
    }

    private async Task RemoveAsync(string model, long version)
    {
        foreach (string name in new[] { "manifest.json", "model.onnx", "filler.bin" })
        {
            await _server.DeleteAsync(Bucket, $"live/{model}/{version}/{name}");
        }
    }

    private void AssertFolderIsClean(int loaded)
    {
        Assert.Empty(Directory.GetFiles(Path.Combine(_artifacts, "partial")));
        Assert.Empty(Directory.GetFiles(_artifacts, "*.new"));
        Assert.Equal(loaded, Directory.GetDirectories(_artifacts, "artifacts-*").SelectMany(Directory.GetDirectories).Count());
        Assert.All(
            Directory.GetFiles(Path.Combine(_artifacts, "blobs")),
            blob => Assert.Equal(Path.GetFileName(blob), Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(blob)))));
        Assert.DoesNotContain(Directory.GetFiles(Path.Combine(_artifacts, "refs")), file => Path.GetFileName(file).Contains('.', StringComparison.Ordinal));
        Assert.All(Directory.GetFiles(Path.Combine(_artifacts, "listings")), file => Assert.EndsWith(".json", file, StringComparison.Ordinal));
    }
}
