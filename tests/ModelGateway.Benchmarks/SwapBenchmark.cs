using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;

namespace ModelGateway.Benchmarks;

/// <summary>
/// New versions of one model, one after the other, while clients predict without a pause: the next version is published as soon as
/// the last one answers. Counts every answer that is not 200 with a value some published version gives.
/// </summary>
internal static class SwapBenchmark
{
    private const int Clients = 8;

    public static async Task<int> RunAsync(string[] args)
    {
        int swaps = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 1000;
        string artifacts = Path.Combine(Path.GetTempPath(), $"modelgateway-swaps-{Environment.ProcessId}");
        using var repository = new RepositoryFolder();
        repository.AddVersionWithManifest("m", 1, TestModels.AddConstant(1));
        await using GatewayProcess gateway = GatewayProcess.Start(new Dictionary<string, string?>
        {
            ["Gateway__Repository"] = repository.Root,
            ["Gateway__PollInterval"] = "00:00:00.050",
            ["Gateway__ArtifactFolder"] = artifacts,
            ["Gateway__Auth__Enabled"] = "false",
            ["Gateway__Logging__Level"] = "Warning",
        });
        await gateway.WaitUntilReadyAsync();

        using var stop = new CancellationTokenSource();
        var load = new Load(gateway.Client);
        Task[] clients = [.. Enumerable.Range(0, Clients).Select(_ => Task.Run(() => load.RunAsync(stop.Token)))];
        long threads = gateway.Threads();
        var watch = Stopwatch.StartNew();
        for (int version = 2; version <= swaps + 1; version++)
        {
            repository.AddVersionWithManifest("m", version, TestModels.AddConstant(version));
            await load.WaitForVersionAsync(version, TimeSpan.FromSeconds(30));
            repository.RemoveVersion("m", version - 1);
        }

        TimeSpan took = watch.Elapsed;
        await stop.CancelAsync();
        await Task.WhenAll(clients);
        await Task.Delay(TimeSpan.FromSeconds(2));
        int left = Directory.EnumerateDirectories(artifacts).SelectMany(Directory.EnumerateDirectories).Count();
        Console.WriteLine(
            $"{swaps} swaps in {took.TotalSeconds:0} s: {load.Answered} answered, {load.Failed} failed; "
            + $"artifacts of sessions in memory: {left}; threads {threads} -> {gateway.Threads()}; resident {gateway.ResidentBytes() >> 20} MiB");
        Console.WriteLine(load.FirstFailure is null ? "no failure" : $"first failure: {load.FirstFailure}");
        Directory.Delete(artifacts, recursive: true);
        return load.Failed == 0 && left == 1 ? 0 : 2;
    }

    /// <summary>Shared by all clients; the counters are guarded by Interlocked.</summary>
    private sealed class Load(HttpClient client)
    {
        private long _answered;
        private long _failed;
        private long _newest = 1;
        private string? _firstFailure;

        public long Answered => Volatile.Read(ref _answered);

        public long Failed => Volatile.Read(ref _failed);

        public string? FirstFailure => Volatile.Read(ref _firstFailure);

        public async Task RunAsync(CancellationToken stop)
        {
            while (!stop.IsCancellationRequested)
            {
                using var content = new StringContent("""{"inputs":{"x":[[0.5]]}}""", Encoding.UTF8, "application/json");
                try
                {
                    using HttpResponseMessage response = await client.PostAsync(new Uri("/predict/m", UriKind.Relative), content, CancellationToken.None);
                    string text = await response.Content.ReadAsStringAsync(CancellationToken.None);
                    Check(response.StatusCode, text);
                }
                catch (HttpRequestException exception)
                {
                    Fail(exception.Message);
                }
            }
        }

        public async Task WaitForVersionAsync(long version, TimeSpan patience)
        {
            for (var waited = Stopwatch.StartNew(); Volatile.Read(ref _newest) < version; await Task.Delay(1))
            {
                if (waited.Elapsed > patience)
                {
                    throw new TimeoutException($"Version {version} did not answer within {patience}.");
                }
            }
        }

        private void Check(HttpStatusCode status, string text)
        {
            if (status != HttpStatusCode.OK)
            {
                Fail($"{status}: {text}");
                return;
            }

            using JsonDocument answer = JsonDocument.Parse(text);
            long version = long.Parse(answer.RootElement.GetProperty("version").GetString()!, CultureInfo.InvariantCulture);
            double value = answer.RootElement.GetProperty("outputs").GetProperty("y")[0][0].GetDouble();
            if (value != version + 0.5)
            {
                Fail($"version {version} answered {value}");
                return;
            }

            Interlocked.Increment(ref _answered);
            long seen;
            while ((seen = Volatile.Read(ref _newest)) < version && Interlocked.CompareExchange(ref _newest, version, seen) != seen)
            {
            }
        }

        private void Fail(string what)
        {
            Interlocked.Increment(ref _failed);
            Interlocked.CompareExchange(ref _firstFailure, what, null);
        }
    }
}
