using System.Globalization;
using System.Text.Json;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;

namespace ModelGateway.Benchmarks;

/// <summary>
/// Requests a second with automatic batching against none: the same model twice in one gateway, slices of the two alternate, each round gives a ratio,
/// the median counts. A model that gains from batches, one that gains nothing, and one that is too cheap to gain.
/// </summary>
internal static class BatchingBenchmark
{
    private const double SliceSeconds = 2;

    public static async Task<int> RunAsync(string[] args)
    {
        int rounds = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 7;
        using var repository = new RepositoryFolder();
        Add(repository, "wide", TestModels.WideMlp());
        Add(repository, "compute", TestModels.ComputeBound(100));
        Add(repository, "tiny", TestModels.Mlp());
        await using GatewayProcess gateway = GatewayProcess.Start(new Dictionary<string, string?>
        {
            ["Gateway__Repository"] = repository.Root,
            ["Gateway__Auth__Enabled"] = "false",
            ["Gateway__Cache__Enabled"] = "false",
        });
        await gateway.WaitUntilReadyAsync();

        string wide = Body(784);
        await CompareAsync(gateway, "784-512-256-10, JSON", "wide", wide, 64, rounds);
        await CompareAsync(gateway, "784-512-256-10, JSON", "wide", wide, 16, rounds);
        await CompareAsync(gateway, "784-512-256-10, JSON", "wide", wide, 1, rounds);
        await CompareAsync(gateway, "compute-bound, JSON", "compute", Body(64), 16, rounds);
        await CompareAsync(gateway, "4-16-3, JSON", "tiny", Body(4), 64, rounds);
        return 0;
    }

    private static void Add(RepositoryFolder repository, string name, byte[] model)
    {
        repository.AddVersion($"{name}-auto", 1, model);
        repository.AddVersion($"{name}-off", 1, model);
        repository.AddConfig($"{name}-off", "batching: off");
    }

    private static string Body(int count) => string.Create(
        CultureInfo.InvariantCulture, $$$"""{"inputs":{"x":[[{{{string.Join(',', Enumerable.Range(0, count).Select(i => (float)Math.Sin(i)))}}}]]}}""");

    private static async Task CompareAsync(GatewayProcess gateway, string name, string model, string body, int connections, int rounds)
    {
        Uri auto = new(gateway.Client.BaseAddress!, $"/predict/{model}-auto");
        Uri off = new(gateway.Client.BaseAddress!, $"/predict/{model}-off");
        await Wrk.PostAsync(auto, [body], connections, 3);
        await Wrk.PostAsync(off, [body], connections, 3);
        (long rows, long runs) before = await CountAsync(gateway, model);
        var ratios = new List<double>();
        var late = new List<double>();
        List<double>[] used = [[], []];
        long failures = 0;
        double rate = 0;
        for (int round = 0; round < rounds; round++)
        {
            TimeSpan begun = gateway.ProcessorTime();
            Wrk.Slice without = await Wrk.PostAsync(off, [body], connections, SliceSeconds);
            TimeSpan between = gateway.ProcessorTime();
            Wrk.Slice with = await Wrk.PostAsync(auto, [body], connections, SliceSeconds);
            used[0].Add((between - begun).TotalMicroseconds / without.Requests);
            used[1].Add((gateway.ProcessorTime() - between).TotalMicroseconds / with.Requests);
            ratios.Add(with.RequestsPerSecond / without.RequestsPerSecond);
            late.Add(with.P99 / without.P99);
            failures += with.Failures + without.Failures;
            rate += without.RequestsPerSecond / rounds;
        }

        (long rows, long runs) after = await CountAsync(gateway, model);
        ratios.Sort();
        late.Sort();
        used[0].Sort();
        used[1].Sort();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{name}, {connections} connections: automatic {ratios[rounds / 2]:0.00} of none ({ratios[0]:0.00}-{ratios[^1]:0.00}), p99 {late[rounds / 2]:0.00}, {(double)(after.rows - before.rows) / Math.Max(1, after.runs - before.runs):0.0} rows a run; CPU a request {used[1][rounds / 2]:0} us of {used[0][rounds / 2]:0} us; none {rate:0}/s; {failures} failed"));
    }

    private static async Task<(long Rows, long Runs)> CountAsync(GatewayProcess gateway, string model)
    {
        using JsonDocument page = JsonDocument.Parse(await gateway.Client.GetStringAsync(new Uri($"/v2/models/{model}-auto/stats", UriKind.Relative)));
        JsonElement stats = page.RootElement.GetProperty("model_stats")[0];
        return (stats.GetProperty("inference_count").GetInt64(), stats.GetProperty("execution_count").GetInt64());
    }
}
