using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;

namespace ModelGateway.Benchmarks;

/// <summary>
/// Constant load of unique and repeated requests on a model of some milliseconds, while Redis is killed, paused and started again: failed requests,
/// throughput second by second, and the 99th percentile during the fault against that of a gateway without cache.
/// </summary>
internal static class CacheFaultBenchmark
{
    private const int Clients = 16;
    private const int Seconds = 14;
    private const int FaultAt = 4;
    private const int OverAt = 8;
    private static int _unique = 1_000;

    public static async Task RunAsync(int rounds)
    {
        using var repository = new RepositoryFolder();
        repository.AddVersion("slow", 1, TestModels.Slow(3_000));
        await using GatewayProcess uncached = await CacheBenchmark.StartAsync(repository, ("Gateway__Cache__Enabled", "false"));
        await MeasureAsync(uncached, _ => Task.CompletedTask, _ => Task.CompletedTask);
        Load off = await MeasureAsync(uncached, _ => Task.CompletedTask, _ => Task.CompletedTask);
        double reference = off.Percentile(0, Seconds);
        Console.WriteLine($"  without cache: p99 {reference:0.0} ms, {off.Describe()}");
        await using RedisServer redis = await RedisServer.StartAsync();

        // Little memory, so that the store is asked all the time.
        await using GatewayProcess cached = await CacheBenchmark.StartAsync(repository, ("Gateway__Cache__Redis__Configuration", redis.Address), ("Gateway__Cache__MaxBytes", "0"));
        await MeasureAsync(cached, _ => Task.CompletedTask, _ => Task.CompletedTask);
        (string Name, Func<RedisServer, Task> Begin, Func<RedisServer, Task> End)[] faults =
        [
            ("none", static _ => Task.CompletedTask, static _ => Task.CompletedTask),
            ("killed and started again", static server => server.KillAsync(), static server => server.RestartAsync()),
            ("paused and resumed", static server => Do(server.Pause), static server => Do(server.Resume)),
        ];
        foreach ((string name, Func<RedisServer, Task> begin, Func<RedisServer, Task> end) in faults)
        {
            Load load = await MeasureAsync(cached, _ => begin(redis), _ => end(redis));
            double during = load.Percentile(FaultAt, OverAt);
            Console.WriteLine($"  Redis {name}: {load.Failed} of {load.Count} failed; p99 before {load.Percentile(0, FaultAt):0.0} ms, during {during:0.0} ms = {during / reference:0.00} of that without cache; from 2 s after its return {load.Rate(OverAt + 2, Seconds) / load.Rate(1, FaultAt):0.00} of the throughput before it; {load.Describe()}");
        }

        static Task Do(Action act)
        {
            act();
            return Task.CompletedTask;
        }
    }

    private static async Task<Load> MeasureAsync(GatewayProcess gateway, Func<CancellationToken, Task> begin, Func<CancellationToken, Task> end)
    {
        var load = new Load();
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(Seconds));
        var clock = Stopwatch.StartNew();
        Task[] clients = [.. Enumerable.Range(0, Clients).Select(client => Task.Run(() => LoopAsync(gateway, client, load, clock, stop.Token)))];
        await Task.Delay(TimeSpan.FromSeconds(FaultAt));
        await begin(stop.Token);
        await Task.Delay(TimeSpan.FromSeconds(OverAt) - clock.Elapsed);
        await end(stop.Token);
        await Task.WhenAll(clients);
        return load;
    }

    // Every second request asks for one of a hundred, the others for what nobody asked before, in this load or in another.
    private static async Task LoopAsync(GatewayProcess gateway, int client, Load load, Stopwatch clock, CancellationToken stop)
    {
        var random = new Random(client);
        while (!stop.IsCancellationRequested)
        {
            float value = random.Next(2) == 0 ? random.Next(100) : Interlocked.Increment(ref _unique);
            using var content = new StringContent($$$"""{"inputs":{"x":[[{{{value.ToString(CultureInfo.InvariantCulture)}}}]]}}""", Encoding.UTF8, "application/json");
            TimeSpan started = clock.Elapsed;
            bool isRight = false;
            try
            {
                using HttpResponseMessage answer = await gateway.Client.PostAsync(new Uri("/predict/slow", UriKind.Relative), content, CancellationToken.None);
                isRight = answer.IsSuccessStatusCode;
            }
            catch (HttpRequestException)
            {
                // Counted as failed.
            }

            load.Add(started, clock.Elapsed, isRight);
        }
    }

    private sealed class Load
    {
        private readonly ConcurrentQueue<(TimeSpan Started, double Milliseconds, bool IsRight)> _requests = new();

        public int Count => _requests.Count;

        public int Failed => _requests.Count(request => !request.IsRight);

        public void Add(TimeSpan started, TimeSpan ended, bool isRight) => _requests.Enqueue((started, (ended - started).TotalMilliseconds, isRight));

        public double Percentile(int from, int to)
        {
            List<double> sorted = [.. _requests.Where(request => request.Started.TotalSeconds >= from && request.Started.TotalSeconds < to).Select(request => request.Milliseconds).Order()];
            return sorted[(int)(sorted.Count * 0.99)];
        }

        public double Rate(int from, int to) => _requests.Count(request => request.Started.TotalSeconds >= from && request.Started.TotalSeconds < to) / (double)(to - from);

        public string Describe() => "requests a second: " + string.Join(' ', _requests.GroupBy(request => (int)request.Started.TotalSeconds).OrderBy(second => second.Key).Select(second => second.Count()));
    }
}
