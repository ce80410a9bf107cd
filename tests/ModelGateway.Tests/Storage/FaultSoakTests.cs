using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Hosting.Faults;
using ModelGateway.TestKit.Onnx;
using Xunit;

namespace ModelGateway.Tests.Storage;

/// <summary>
/// The real gateway on a real S3 server, with a proxy between that injects 500 faults at random points while models are published, replaced
/// and removed. The seed is fixed; what the threads make of it is not.
/// </summary>
public sealed class FaultSoakTests : IAsyncLifetime
{
    private const string Bucket = "models";
    private const int Faults = 500;
    private const int FaultsPerRound = 10;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private readonly Random _random = new(20261126);
    private readonly string _artifacts = Directory.CreateTempSubdirectory("artifacts-").FullName;

    // What each version of each model may answer: the content it has, and those it had.
    private readonly ConcurrentDictionary<(string Model, long Version), ConcurrentBag<float>> _published = new();
    private readonly SortedDictionary<string, SortedDictionary<long, float>> _repository = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _wrong = new();
    private readonly ConcurrentDictionary<string, bool> _untouched = new(StringComparer.Ordinal);
    private S3Server _server = null!;
    private FaultProxy _proxy = null!;
    private GatewayProcess _gateway = null!;
    private float _lastValue;

    public async Task InitializeAsync()
    {
        _server = await S3Server.StartAsync();
        await _server.CreateBucketAsync(Bucket);
        _proxy = await FaultProxy.StartAsync(_server.Endpoint);
        foreach (string model in new[] { "a", "b", "c" })
        {
            await PublishAsync(model, 1);
        }

        _gateway = GatewayProcess.Start(new Dictionary<string, string?>
        {
            ["Gateway__Repository"] = $"s3://{Bucket}/live",
            ["Gateway__S3__Endpoint"] = _proxy.Address.AbsoluteUri,
            ["Gateway__S3__AccessKeyId"] = "key",
            ["Gateway__S3__SecretAccessKey"] = "secret",
            ["Gateway__PollInterval"] = "00:00:00.200",
            ["Gateway__SettleTime"] = "00:00:00.200",
            ["Gateway__ArtifactFolder"] = _artifacts,
            ["Gateway__Auth__Enabled"] = "false",
            ["Gateway__Logging__Level"] = "Warning",
        });
        await _gateway.WaitUntilReadyAsync();
    }

    public async Task DisposeAsync()
    {
        await _gateway.DisposeAsync();
        await _proxy.DisposeAsync();
        await _server.DisposeAsync();
        Directory.Delete(_artifacts, recursive: true);
    }

    [Fact]
    public async Task Gateway_FiveHundredFaults_EndsRightEveryTimeAndNeverAnswersWrong()
    {
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
        AssertCacheIsClean();
        Assert.Equal(["Corrupt", "Cut", "Delay", "Slow", "Status", "Truncate"], _proxy.FaultsInjected.Keys.Order(StringComparer.Ordinal));
    }

    private int Injected() => _proxy.FaultsInjected.Values.Sum();

    // One request in three. Listings are not damaged: over plain HTTP nothing would tell a changed name from another object's.
    private Fault? ChooseFault(FaultRequest request)
    {
        lock (_random)
        {
            bool isObject = !request.PathAndQuery.Contains("list-type", StringComparison.Ordinal);
            int offset = _random.Next(isObject ? 60_000 : 2_000);
            return _random.Next(24) switch
            {
                0 => new Cut(),
                1 => new Cut(offset),
                2 => new Delay(TimeSpan.FromMilliseconds(_random.Next(300)), TimeProvider.System),
                3 => new Slow(4096, TimeSpan.FromMilliseconds(5), TimeProvider.System),
                4 => new Truncate(offset),
                5 => new Truncate(offset, Unseen: true),
                6 or 8 or 9 when isObject => new Corrupt(_random.Next(20_000)),
                7 => new Status(_random.Next(2) == 0 ? 500 : 503),
                _ => null,
            };
        }
    }

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
        string folder = $"live/{model}/{version}";
        foreach ((string name, byte[] content) in files)
        {
            await _server.PutAsync(Bucket, $"{folder}/{name}", content);
        }

        if (version % 2 == 0)
        {
            object manifest = new { files = files.Select(file => new { name = file.Name, size = file.Content.Length, sha256 = Convert.ToHexStringLower(SHA256.HashData(file.Content)) }) };
            await _server.PutAsync(Bucket, $"{folder}/manifest.json", JsonSerializer.SerializeToUtf8Bytes(manifest));
        }
    }

    private async Task RemoveAsync(string model, long version)
    {
        foreach (string name in new[] { "manifest.json", "model.onnx", "filler.bin" })
        {
            await _server.DeleteAsync(Bucket, $"live/{model}/{version}/{name}");
        }

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
        using HttpResponseMessage response = await _gateway.Client.PostAsync(new Uri($"/predict/{model}", UriKind.Relative), content);
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
                string index = await (await _gateway.Client.PostAsync(new Uri("/v2/repository/index", UriKind.Relative), null, CancellationToken.None)).Content.ReadAsStringAsync(CancellationToken.None);
                Assert.Fail($"{when}: {problem = await FindProblemAsync()}. Wrong: {string.Join("; ", _wrong)}. Index: {index}. Log: {_gateway.Output[^Math.Min(_gateway.Output.Length, 4000)..]}");
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

    private void AssertCacheIsClean()
    {
        Assert.Empty(Directory.GetFiles(Path.Combine(_artifacts, "partial")));
        Assert.Equal(_repository.Count, Directory.GetDirectories(_artifacts, "artifacts-*").SelectMany(Directory.GetDirectories).Count());
        foreach (string blob in Directory.GetFiles(Path.Combine(_artifacts, "blobs")))
        {
            Assert.Equal(Path.GetFileName(blob), Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(blob))));
        }

        Assert.DoesNotContain(Directory.GetFiles(Path.Combine(_artifacts, "refs")), file => Path.GetFileName(file).Contains('.', StringComparison.Ordinal));
    }
}
