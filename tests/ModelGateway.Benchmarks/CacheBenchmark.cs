using System.Globalization;
using System.Text;
using System.Text.Json;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;

namespace ModelGateway.Benchmarks;

/// <summary>The bars of the prediction cache, each as a ratio inside one run.</summary>
internal static class CacheBenchmark
{
    private const int Pixels = 150_528;
    private const double SliceSeconds = 2;
    private const string Tiny = """{"inputs":{"x":[[5.1,3.5,1.4,0.2]]}}""";

    public static async Task<int> RunAsync(string[] args)
    {
        string wanted = args.Length > 0 ? args[0] : "all";
        int rounds = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 7;
        (string Name, Func<int, Task> Run)[] cases =
        [
            ("hits", HitsAsync), ("large", LargeAsync), ("redis", RedisAsync), ("misses", MissesAsync), ("equal", EqualAsync), ("faults", CacheFaultBenchmark.RunAsync), ("rows", RowsAsync),
        ];
        foreach ((string name, Func<int, Task> run) in cases.Where(candidate => wanted == "all" || candidate.Name == wanted))
        {
            Console.WriteLine($"-- {name}");
            await run(rounds);
        }

        return 0;
    }

    /// <summary>A gateway with settings over these models.</summary>
    internal static async Task<GatewayProcess> StartAsync(RepositoryFolder repository, params (string Key, string Value)[] settings)
    {
        var all = new Dictionary<string, string?> { ["Gateway__Repository"] = repository.Root, ["Gateway__Auth__Enabled"] = "false" };
        foreach ((string key, string value) in settings)
        {
            all[key] = value;
        }

        GatewayProcess gateway = GatewayProcess.Start(all);
        await gateway.WaitUntilReadyAsync();
        return gateway;
    }

    private static async Task HitsAsync(int rounds)
    {
        using var repository = new RepositoryFolder();
        repository.AddVersion("mlp", 1, TestModels.Mlp());
        await using GatewayProcess gateway = await StartAsync(repository);
        await FloorBenchmark.CompareAsync(gateway, "memory hit, tiny body, 16 connections", "/predict/mlp", Tiny, rounds, 16);
        await FloorBenchmark.CompareAsync(gateway, "memory hit, tiny body, 64 connections", "/predict/mlp", Tiny, rounds, 64);
    }

    private static async Task LargeAsync(int rounds)
    {
        using var repository = new RepositoryFolder();
        repository.AddVersion("pixels", 1, Sum());
        repository.AddVersion("slow", 1, Sum(TurnsOfTenMilliseconds));
        await using GatewayProcess cached = await StartAsync(repository);
        await using GatewayProcess uncached = await StartAsync(repository, ("Gateway__Cache__Enabled", "false"));
        string body = PixelBody();
        await FloorBenchmark.CompareAsync(cached, $"memory hit, {body.Length / 1e6:0.0} MB of JSON, 4 connections", "/predict/pixels", body, rounds, 4);
        await CompareAsync("memory hit, 150,528 floats of JSON, against a run of 10 ms without cache, 4 connections", cached, uncached, "/predict/slow", body, rounds, 4);
    }

    private static async Task RedisAsync(int rounds)
    {
        using var repository = new RepositoryFolder();
        repository.AddVersion("slow", 1, TestModels.Slow(2_000));
        await using RedisServer redis = await RedisServer.StartAsync();

        // Nothing in memory: each hit comes from Redis.
        await using GatewayProcess gateway = await StartAsync(repository, ("Gateway__Cache__Redis__Configuration", redis.Address), ("Gateway__Cache__MaxBytes", "0"));
        await FloorBenchmark.CompareAsync(gateway, "Redis hit, 64 connections", "/predict/slow", """{"inputs":{"x":[[5.1,3.5,1.4,0.2]]}}""", rounds, 64);
        Console.WriteLine((await gateway.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative)))
            .Split('\n').Where(line => line.StartsWith("modelgateway_cache_lookups_total", StringComparison.Ordinal)).Aggregate("", (text, line) => $"{text}  {line}\n"));
    }

    private static async Task MissesAsync(int rounds)
    {
        using var repository = new RepositoryFolder();
        repository.AddVersion("mlp", 1, TestModels.Mlp());
        repository.AddVersion("slow", 1, TestModels.Slow(1_000));
        await using GatewayProcess cached = await StartAsync(repository);
        await using GatewayProcess uncached = await StartAsync(repository, ("Gateway__Cache__Enabled", "false"));
        foreach (string model in new[] { "mlp", "slow" })
        {
            long number = 1_000_000;
            string body = """{"inputs":{"x":[[NUMBER,3.5,1.4,0.2]]}}""";
            Uri url = new($"/predict/{model}", UriKind.Relative);
            Uri with = new(cached.Client.BaseAddress!, url);
            Uri without = new(uncached.Client.BaseAddress!, url);
            await Wrk.PostUniqueAsync(with, body, number += 1_000_000, 16, 3);
            await Wrk.PostUniqueAsync(without, body, number += 1_000_000, 16, 3);
            var ratios = new List<double>();
            for (int round = 0; round < rounds; round++)
            {
                Wrk.Slice off = await Wrk.PostUniqueAsync(without, body, number += 1_000_000, 16, SliceSeconds);
                Wrk.Slice on = await Wrk.PostUniqueAsync(with, body, number += 1_000_000, 16, SliceSeconds);
                ratios.Add(on.RequestsPerSecond / off.RequestsPerSecond);
                Console.WriteLine($"  round {round + 1}: without {off.RequestsPerSecond:0}/s, with {on.RequestsPerSecond:0}/s, ratio {ratios[^1]:0.00}, failed {on.Failures + off.Failures}");
            }

            Print($"all misses, {model}, 16 connections, with cache against without", ratios);
        }
    }

    private static async Task EqualAsync(int rounds)
    {
        using var repository = new RepositoryFolder();
        repository.AddVersion("slow", 1, TestModels.Slow(200_000));
        await using GatewayProcess gateway = await StartAsync(repository);
        for (int round = 0; round < rounds; round++)
        {
            object body = new { inputs = new { x = new[] { new[] { (float)round } } } };
            HttpResponseMessage[] answers = await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => gateway.Client.PostAsJsonAsync(new Uri("/predict/slow", UriKind.Relative), body)));
            long runs = await RunsAsync(gateway, "slow");
            Console.WriteLine($"  round {round + 1}: {answers.Count(answer => answer.IsSuccessStatusCode)} of 64 equal requests answered, runs so far {runs}");
        }
    }

    private static async Task RowsAsync(int rounds)
    {
        using var repository = new RepositoryFolder();
        const int Width = 32 * 32;

        // Convolutions: each row costs the same, so that what is saved are rows, not the price of a run.
        repository.AddVersion("cnn", 1, TestModels.Convolutions(layers: 16));
        repository.AddConfig("cnn", "{rows_independent: true, threads: 1}");
        await using GatewayProcess cached = await StartAsync(repository, ("Gateway__Cache__MaxBytes", "2000000000"));
        await using GatewayProcess uncached = await StartAsync(repository, ("Gateway__Cache__Enabled", "false"));
        var ratios = new List<double>();
        int number = 0;
        float[] Row() => [.. Enumerable.Range(0, Width).Select(column => (float)((number++ * 31) % 1009) / 1009)];
        float[][] known = [.. Enumerable.Range(0, 30).Select(_ => Row())];
        foreach (GatewayProcess gateway in new[] { cached, uncached })
        {
            for (int warm = 0; warm < 5; warm++)
            {
                await TimeAsync(gateway, [.. known, Row(), Row()]);
            }
        }

        for (int round = 0; round < rounds; round++)
        {
            double off = 0;
            double on = 0;
            for (int i = 0; i < 5; i++)
            {
                float[][] batch = [.. known, Row(), Row()];
                off += await TimeAsync(uncached, batch);
                on += await TimeAsync(cached, batch);
            }

            ratios.Add(off / on);
            Console.WriteLine($"  round {round + 1}: all 32 run {off / 5:0.0} ms, 30 of 32 known {on / 5:0.0} ms, ratio {ratios[^1]:0.0}");
        }

        Print("batch of 32 rows of which 30 are known, against running all", ratios);

        // The one output that is small: what is measured is the run, not the writing of its answer.
        static async Task<double> TimeAsync(GatewayProcess gateway, float[][] rows)
        {
            using var content = new ByteArrayContent(Binary(rows));
            content.Headers.ContentType = new("application/octet-stream");
            content.Headers.Add("Inference-Header-Content-Length", Header(rows).Length.ToString(CultureInfo.InvariantCulture));
            long started = System.Diagnostics.Stopwatch.GetTimestamp();
            using HttpResponseMessage answer = await gateway.Client.PostAsync(new Uri("/v2/models/cnn/infer", UriKind.Relative), content);
            await answer.EnsureSuccessStatusCode().Content.ReadAsByteArrayAsync();
            return System.Diagnostics.Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        }

        static string Header(float[][] rows) => string.Create(
            CultureInfo.InvariantCulture,
            $$$"""{"inputs":[{"name":"x","shape":[{{{rows.Length}}},1,32,32],"datatype":"FP32","parameters":{"binary_data_size":{{{rows.Length * Width * 4}}}}}],"parameters":{"binary_data_output":true}}""");

        static byte[] Binary(float[][] rows) => [.. Encoding.UTF8.GetBytes(Header(rows)), .. rows.SelectMany(row => row).SelectMany(BitConverter.GetBytes)];
    }

    private static async Task CompareAsync(string name, GatewayProcess cached, GatewayProcess uncached, string path, string body, int rounds, int connections)
    {
        Uri with = new(cached.Client.BaseAddress!, path);
        Uri without = new(uncached.Client.BaseAddress!, path);
        await Wrk.PostAsync(with, [body], connections, 3);
        await Wrk.PostAsync(without, [body], connections, 3);
        var ratios = new List<double>();
        for (int round = 0; round < rounds; round++)
        {
            Wrk.Slice off = await Wrk.PostAsync(without, [body], connections, SliceSeconds);
            Wrk.Slice on = await Wrk.PostAsync(with, [body], connections, SliceSeconds);
            ratios.Add(on.RequestsPerSecond / off.RequestsPerSecond);
            Console.WriteLine($"  round {round + 1}: without {off.RequestsPerSecond:0}/s, with {on.RequestsPerSecond:0}/s, ratio {ratios[^1]:0.0}, failed {on.Failures + off.Failures}");
        }

        Print(name, ratios);
    }

    private static void Print(string name, List<double> ratios)
    {
        ratios.Sort();
        Console.WriteLine($"{name}: {ratios[ratios.Count / 2]:0.00} ({ratios[0]:0.00}-{ratios[^1]:0.00})");
    }

    private static async Task<long> RunsAsync(GatewayProcess gateway, string model)
    {
        JsonElement stats = await gateway.Client.GetFromJsonAsync<JsonElement>(new Uri($"/v2/models/{model}/stats", UriKind.Relative));
        return stats.GetProperty("model_stats")[0].GetProperty("execution_count").GetInt64();
    }

    private const long TurnsOfTenMilliseconds = 10_000;

    private static string PixelBody()
    {
        var random = new Random(1);
        string pixels = string.Join(',', Enumerable.Range(0, Pixels).Select(_ => random.NextSingle().ToString(CultureInfo.InvariantCulture)));
        return $$$"""{"inputs":{"x":[[{{{pixels}}}]]}}""";
    }

    // The sum of all inputs, and after it some turns of a loop that take their time.
    private static byte[] Sum(long turns = 0)
    {
        OnnxGraphBuilder graph = new OnnxGraphBuilder()
            .Input("x", OnnxElementType.Float, "batch", Pixels)
            .Output("y", OnnxElementType.Float, "batch", 1)
            .Node("ReduceSum", ["x", "axes"], ["sum"], OnnxAttr.Int("keepdims", 1))
            .Initializer("axes", OnnxTensor.From([1], 1L));
        return turns == 0
            ? graph.Node("Identity", ["sum"], ["y"]).Build()
            : graph.Initializer("turns", OnnxTensor.From([], turns))
                .Initializer("always", OnnxTensor.From([], true))
                .Node("Loop", ["turns", "always", "sum"], ["y"], OnnxAttr.Graph("body", TestModels.AddOneBody()))
                .Build();
    }
}
