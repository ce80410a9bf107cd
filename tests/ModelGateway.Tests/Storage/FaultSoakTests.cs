using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Lifecycle;
using ModelGateway.Serving.Repository;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Hosting.Faults;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Tests.Storage;

/// <summary>
/// The real gateway on a real S3 server, with a proxy between that injects 500 faults at random points while models are published, replaced
/// and removed. The seed is fixed; what the threads make of it is not.
/// </summary>
/// <remarks>
/// It runs in this process, whose end a crash would be, because no setting makes pieces so small that files of 20 to 100 KB have many: with pieces of
/// 8 MiB nothing would ever be downloaded in parallel, hashed out of order or gone on with from its notes.
/// </remarks>
public sealed class FaultSoakTests : IAsyncLifetime, IDisposable
{
    private const string Bucket = "models";
    private const int Faults = 500;
    private const int FaultsPerRound = 10;

    // Model files have one piece, the others three to thirteen.
    private const int PieceBytes = 8000;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private readonly Random _random = new(20261126);
    private readonly string _artifacts = Directory.CreateTempSubdirectory("artifacts-").FullName;

    // What each version of each model may answer: the content it has, and those it had.
    private readonly ConcurrentDictionary<(string Model, long Version), ConcurrentBag<float>> _published = new();
    private readonly SortedDictionary<string, SortedDictionary<long, float>> _repository = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _wrong = new();
    private readonly ConcurrentDictionary<string, bool> _untouched = new(StringComparer.Ordinal);
    private readonly HttpClient _client = new() { Timeout = TimeSpan.FromSeconds(30) };
    private S3Server _server = null!;
    private FaultProxy _proxy = null!;
    private WebApplication _gateway = null!;
    private bool _hasIndex;
    private float _lastValue;

    // What the index says of each object, by its key below the root.
    private readonly Dictionary<string, StoredObject> _index = new(StringComparer.Ordinal);

    public async Task InitializeAsync()
    {
        _server = await S3Server.StartAsync();
        await _server.CreateBucketAsync(Bucket);
        _proxy = await FaultProxy.StartAsync(_server.Endpoint);
    }

    public async Task DisposeAsync()
    {
        await _gateway.StopAsync();
        await _gateway.DisposeAsync();
        await _proxy.DisposeAsync();
        await _server.DisposeAsync();
        Directory.Delete(_artifacts, recursive: true);
    }

    public void Dispose() => _client.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Gateway_FiveHundredFaults_EndsRightEveryTimeAndNeverAnswersWrong(bool hasIndex)
    {
        _hasIndex = hasIndex;
        foreach (string model in new[] { "a", "b", "c" })
        {
            await PublishAsync(model, 1);
        }

        await StartGatewayAsync();
        using var stop = new CancellationTokenSource();
        Task client = Task.Run(() => PredictAsync(stop.Token));
        int vanished = 0;
        await UntilRightAsync("at the start");
        for (int round = 1; Injected() + vanished < Faults; round++)
        {
            int goal = Injected() + FaultsPerRound;
            _proxy.Choose = request => Injected() < goal ? ChooseFault(request) : null;
            await ChangeAsync();
            if (round % 4 == 0)
            {
                await _proxy.VanishAsync();
                vanished++;
                await Task.Delay(_random.Next(500));
                await _proxy.ReappearAsync();
            }

            // Faults need requests: what is published once more brings some.
            for (int more = 0; more < 20 && Injected() < goal; more++)
            {
                await Task.Delay(100);
            }

            _proxy.Choose = static _ => null;
            await UntilRightAsync($"after round {round} with {Injected()} faults");
            Assert.Empty(_wrong);
        }

        await stop.CancelAsync();
        await client;
        Assert.Empty(_wrong);
        await AssertCacheIsCleanAsync();
        Assert.Contains(_proxy.Requests, static request => FirstByteOf(request) is > 0 and var first && first % PieceBytes == 0);
        Assert.Equal(!hasIndex, _proxy.Requests.Any(static request => FirstByteOf(request) % PieceBytes > 0));
        Assert.Equal(["Corrupt", "Cut", "Delay", "Slow", "Status", "Truncate"], _proxy.FaultsInjected.Keys.Order(StringComparer.Ordinal));
    }

    private async Task StartGatewayAsync()
    {
        string[] settings =
        [
            "environment=Production",
            "urls=http://127.0.0.1:0",
            $"Gateway:Repository=s3://{Bucket}/live",
            $"Gateway:S3:Endpoint={_proxy.Address.AbsoluteUri}",
            "Gateway:S3:AccessKeyId=key",
            "Gateway:S3:SecretAccessKey=secret",
            "Gateway:PollInterval=00:00:00.200",
            "Gateway:SettleTime=00:00:00.200",
            $"Gateway:ArtifactFolder={_artifacts}",
            "Gateway:Auth:Enabled=false",
            "Gateway:Audit:Enabled=false",
            "Gateway:Logging:Level=Fatal",
        ];
        _gateway = GatewayApp.Build([.. settings.Select(static setting => $"--{setting}")], services =>
        {
            Func<IServiceProvider, object> configured = services.Last(static service => service.ServiceType == typeof(ServingOptions)).ImplementationFactory!;
            services.AddSingleton(provider => (ServingOptions)configured(provider) with { RetryDelay = TimeSpan.FromMilliseconds(200) });

            // Once what breaks off is gone on with at once; once it fails the load and leaves its pieces for the next one.
            var options = new ArtifactCacheOptions { PieceBytes = PieceBytes };
            options = _hasIndex ? options with { Attempts = 1 } : options;
            services.AddSingleton(provider => new ArtifactCache(_artifacts, options, provider.GetRequiredService<ServingMetrics>()));
        });
        await _gateway.StartAsync();
        _client.BaseAddress = new Uri(_gateway.Urls.First());
    }

    private int Injected() => _proxy.FaultsInjected.Values.Sum();

    // One request in three. Listings are not damaged: over plain HTTP nothing would tell a changed name from another object's.
    private Fault? ChooseFault(FaultRequest request)
    {
        lock (_random)
        {
            bool isObject = !request.PathAndQuery.Contains("list-type", StringComparison.Ordinal);
            int offset = _random.Next(isObject ? LengthOf(request) : 2_000);
            return _random.Next(24) switch
            {
                0 => new Cut(),
                1 => new Cut(offset),
                2 => new Delay(TimeSpan.FromMilliseconds(_random.Next(300)), TimeProvider.System),
                3 => new Slow(4096, TimeSpan.FromMilliseconds(5), TimeProvider.System),
                4 => new Truncate(offset),
                5 => new Truncate(offset, Unseen: true),
                6 or 8 or 9 when isObject => new Corrupt(offset),
                7 => new Status(_random.Next(2) == 0 ? 500 : 503),
                _ => null,
            };
        }
    }

    // A fault behind the end of an answer would not take effect.
    private static int LengthOf(FaultRequest request) => RangeOf(request) is { From: { } from, To: { } to } ? (int)(to - from + 1) : PieceBytes;

    private static long FirstByteOf(FaultRequest request) => RangeOf(request)?.From ?? 0;

    private static RangeItemHeaderValue? RangeOf(FaultRequest request) =>
        RangeHeaderValue.TryParse(request.Range, out RangeHeaderValue? range) ? range.Ranges.Single() : null;

    /// <summary>Publishes, replaces or removes something, behind the proxy's back.</summary>
    private async Task ChangeAsync()
    {
        string[] models = [.. _repository.Keys];
        string model = models[_random.Next(models.Length)];
        SortedDictionary<long, float> versions = _repository[model];
        _untouched.Clear();
        foreach (string other in models.Where(other => other != model))
        {
            _untouched[other] = true;
        }

        switch (_random.Next(6))
        {
            case 0 when versions.Count > 1:
                await RemoveAsync(model, versions.Keys.Last());
                break;
            case 1 when models.Length > 3:
                foreach (long version in versions.Keys.ToList())
                {
                    await RemoveAsync(model, version);
                }

                break;
            case 2 when models.Length < 6:
                await PublishAsync($"m{_random.Next(1000)}", 1);
                break;
            case 3:
                await PublishAsync(model, versions.Keys.Last());
                break;
            default:
                await PublishAsync(model, versions.Keys.Last() + 1);
                break;
        }
    }

    private async Task PublishAsync(string model, long version)
    {
        float value = ++_lastValue;
        _published.GetOrAdd((model, version), static _ => []).Add(value);
        if (!_repository.TryGetValue(model, out SortedDictionary<long, float>? versions))
        {
            _repository.Add(model, versions = []);
        }

        versions[version] = value;
        byte[] filler = new byte[_random.Next(20_000, 100_000)];
        _random.NextBytes(filler);
        (string Name, byte[] Content)[] files = [("filler.bin", filler), ("model.onnx", TestModels.AddConstant(value))];
        foreach ((string name, byte[] content) in files)
        {
            await PutAsync($"{model}/{version}/{name}", content);
        }

        if (version % 2 == 0)
        {
            object manifest = new { files = files.Select(file => new { name = file.Name, size = file.Content.Length, sha256 = Convert.ToHexStringLower(SHA256.HashData(file.Content)) }) };
            await PutAsync($"{model}/{version}/manifest.json", JsonSerializer.SerializeToUtf8Bytes(manifest));
        }

        await WriteIndexAsync();
    }

    private async Task PutAsync(string key, byte[] content)
    {
        await _server.PutAsync(Bucket, $"live/{key}", content);
        string sha256 = Convert.ToHexStringLower(SHA256.HashData(content));
        _index[key] = new StoredObject(key, content.Length, sha256, DateTimeOffset.UtcNow) { Checksum = new ObjectChecksum(ChecksumAlgorithm.Sha256, sha256) };
    }

    // Last, as publishers should: until then the index names what is no longer there.
    private async Task WriteIndexAsync()
    {
        if (_hasIndex)
        {
            using var index = new MemoryStream();
            RepositoryIndex.Write(index, _index.Values);
            await _server.PutAsync(Bucket, $"live/{RepositoryIndex.FileName}", index.ToArray());
        }
    }

    private async Task RemoveAsync(string model, long version)
    {
        foreach (string name in new[] { "manifest.json", "model.onnx", "filler.bin" })
        {
            await _server.DeleteAsync(Bucket, $"live/{model}/{version}/{name}");
            _index.Remove($"{model}/{version}/{name}");
        }

        await WriteIndexAsync();
        _repository[model].Remove(version);
        if (_repository[model].Count == 0)
        {
            _repository.Remove(model);
        }
    }

    /// <summary>Asks all models all the time: whatever answers must answer right, and what nobody touches must answer.</summary>
    private async Task PredictAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            foreach (string model in _published.Keys.Select(key => key.Model).Distinct().ToList())
            {
                bool mustAnswer = _untouched.ContainsKey(model);
                (HttpStatusCode status, long version, float value) = await PredictOnceAsync(model);
                if (status == HttpStatusCode.OK ? !_published[(model, version)].Contains(value) : mustAnswer && _untouched.ContainsKey(model))
                {
                    _wrong.Enqueue($"{model}/{version} answered {(int)status} {value}");
                }
            }

            await Task.Delay(20, CancellationToken.None);
        }
    }

    private async Task<(HttpStatusCode Status, long Version, float Value)> PredictOnceAsync(string model)
    {
        using var content = new StringContent("""{"inputs":{"x":[[0]]}}""", Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await _client.PostAsync(new Uri($"/predict/{model}", UriKind.Relative), content);
        if (response.StatusCode != HttpStatusCode.OK)
        {
            return (response.StatusCode, 0, 0);
        }

        using JsonDocument answer = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        return (
            HttpStatusCode.OK,
            long.Parse(answer.RootElement.GetProperty("version").GetString()!, CultureInfo.InvariantCulture),
            answer.RootElement.GetProperty("outputs").EnumerateObject().First().Value[0][0].GetSingle());
    }

    private async Task UntilRightAsync(string when)
    {
        using var patience = new CancellationTokenSource(Patience);
        string problem;
        do
        {
            if (patience.IsCancellationRequested)
            {
                string index = await (await _client.PostAsync(new Uri("/v2/repository/index", UriKind.Relative), null, CancellationToken.None)).Content.ReadAsStringAsync(CancellationToken.None);
                Assert.Fail($"{when}: {problem = await FindProblemAsync()}. Wrong: {string.Join("; ", _wrong)}. Index: {index}");
            }

            await Task.Delay(20, CancellationToken.None);
            problem = await FindProblemAsync();
        }
        while (problem.Length > 0);
    }

    private async Task<string> FindProblemAsync()
    {
        foreach (string model in _published.Keys.Select(key => key.Model).Distinct())
        {
            (HttpStatusCode status, long version, float value) = await PredictOnceAsync(model);
            bool isRight = _repository.TryGetValue(model, out SortedDictionary<long, float>? versions)
                ? status == HttpStatusCode.OK && version == versions.Keys.Last() && value == versions[version]
                : status == HttpStatusCode.NotFound;
            if (!isRight)
            {
                return $"'{model}' answers {(int)status}, version {version}, {value}; published: {(versions is null ? "nothing" : $"{versions.Keys.Last()} with {versions.Values.Last()}")}";
            }
        }

        return "";
    }

    private async Task AssertCacheIsCleanAsync()
    {
        // What broke off last goes with the next look at the repository.
        for (int more = 0; more < 50 && Directory.EnumerateFiles(Path.Combine(_artifacts, "partial")).Any(); more++)
        {
            await Task.Delay(100);
        }

        Assert.Empty(Directory.GetFiles(Path.Combine(_artifacts, "partial")));
        Assert.Equal(_repository.Count, Directory.GetDirectories(_artifacts, "artifacts-*").SelectMany(Directory.GetDirectories).Count());
        foreach (string blob in Directory.GetFiles(Path.Combine(_artifacts, "blobs")))
        {
            Assert.Equal(Path.GetFileName(blob), Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(blob))));
        }

        Assert.DoesNotContain(Directory.GetFiles(Path.Combine(_artifacts, "refs")), file => Path.GetFileName(file).Contains('.', StringComparison.Ordinal));
    }
}
