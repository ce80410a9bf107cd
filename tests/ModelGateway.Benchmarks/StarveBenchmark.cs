using System.Diagnostics;
using System.Globalization;
using System.Text;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;

namespace ModelGateway.Benchmarks;

/// <summary>
/// What a model at full use does to its neighbours: latencies of /health/live and of a tiny model, alone and beside a model whose run takes
/// 500 ms, 35 ms or 5 ms. Alone and beside alternate; each round gives a p99, the median counts.
/// </summary>
internal static class StarveBenchmark
{
    private const string TinyBody = """{"inputs":{"x":[[5.1,3.5,1.4,0.2]]}}""";
    private const double SliceSeconds = 4;

    // Products of TestModels.ComputeBound that take about so long on the machine of docs/benchmarks.md; what they take here is printed.
    private static readonly (string Model, int Products)[] Heavy = [("run-of-500ms", 40_000), ("run-of-35ms", 3_500), ("run-of-5ms", 450)];

    public static async Task<int> RunAsync(string[] args)
    {
        int rounds = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 5;
        using var repository = new RepositoryFolder();
        repository.AddVersion("tiny", 1, TestModels.Mlp());
        foreach ((string model, int products) in Heavy)
        {
            repository.AddVersion(model, 1, TestModels.ComputeBound(products));
        }

        await using GatewayProcess gateway = GatewayProcess.Start(new Dictionary<string, string?>
        {
            ["Gateway__Repository"] = repository.Root,
            ["Gateway__Auth__Enabled"] = "false",
            ["Gateway__Cache__Enabled"] = "false",
        });
        await gateway.WaitUntilReadyAsync();
        Uri tiny = new(gateway.Client.BaseAddress!, "/predict/tiny");
        await Wrk.PostAsync(tiny, [TinyBody], 16, 3);
        foreach ((string model, _) in Heavy)
        {
            await CompareAsync(gateway, model, rounds);
        }

        return 0;
    }

    private static async Task CompareAsync(GatewayProcess gateway, string model, int rounds)
    {
        Uri tiny = new(gateway.Client.BaseAddress!, "/predict/tiny");
        Uri heavy = new(gateway.Client.BaseAddress!, $"/predict/{model}");
        string heavyBody = $$$"""{"inputs":{"x":[[{{{string.Join(',', Enumerable.Repeat("0.5", 64))}}}]]}}""";
        long started = Stopwatch.GetTimestamp();
        using (var content = new StringContent(heavyBody, Encoding.UTF8, "application/json"))
        using (HttpResponseMessage answer = await gateway.Client.PostAsync(heavy, content))
        {
            answer.EnsureSuccessStatusCode();
        }

        TimeSpan single = Stopwatch.GetElapsedTime(started);
        var alone = new Figures();
        var beside = new Figures();
        double heavyRate = 0;
        for (int round = 0; round < rounds; round++)
        {
            await MeasureAsync(gateway, tiny, alone);
            Task<Wrk.Slice> load = Wrk.PostAsync(heavy, [heavyBody], 4, (3 * SliceSeconds) + 1);
            await Task.Delay(1000);
            await MeasureAsync(gateway, tiny, beside);
            heavyRate += (await load).RequestsPerSecond / rounds;
        }

        Console.WriteLine($"{model} (one takes {single.TotalMilliseconds:0} ms; 4 connections, {heavyRate:0.0}/s beside): p99, median of {rounds} rounds");
        Print("  /health/live, 1 connection, every 5 ms", alone.Live, beside.Live);
        Print("  tiny, 1 connection, every 5 ms", alone.Paced, beside.Paced);
        Print("  tiny, 16 connections, no pause", alone.Full, beside.Full);
    }

    private static async Task MeasureAsync(GatewayProcess gateway, Uri tiny, Figures figures)
    {
        figures.Live.Add(await PaceAsync(() => gateway.Client.GetAsync(new Uri("/health/live", UriKind.Relative))));
        figures.Paced.Add(await PaceAsync(async () =>
        {
            using var content = new StringContent(TinyBody, Encoding.UTF8, "application/json");
            return await gateway.Client.PostAsync(tiny, content);
        }));
        figures.Full.Add((await Wrk.PostAsync(tiny, [TinyBody], 16, SliceSeconds)).P99.TotalMilliseconds);
    }

    private static async Task<double> PaceAsync(Func<Task<HttpResponseMessage>> ask)
    {
        var latencies = new List<double>();
        for (long begin = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(begin) < TimeSpan.FromSeconds(SliceSeconds); await Task.Delay(5))
        {
            long asked = Stopwatch.GetTimestamp();
            using HttpResponseMessage answer = await ask();
            latencies.Add(Stopwatch.GetElapsedTime(asked).TotalMilliseconds);
            answer.EnsureSuccessStatusCode();
        }

        latencies.Sort();
        return latencies[(int)(latencies.Count * 0.99)];
    }

    private static void Print(string name, List<double> alone, List<double> beside)
    {
        alone.Sort();
        beside.Sort();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{name}: alone {Median(alone):0.00} ms ({alone[0]:0.00}-{alone[^1]:0.00}), beside {Median(beside):0.00} ms ({beside[0]:0.00}-{beside[^1]:0.00}), x {Median(beside) / Median(alone):0.0}"));
    }

    private static double Median(List<double> sorted) => sorted[sorted.Count / 2];

    private sealed class Figures
    {
        public List<double> Live { get; } = [];

        public List<double> Paced { get; } = [];

        public List<double> Full { get; } = [];
    }
}
