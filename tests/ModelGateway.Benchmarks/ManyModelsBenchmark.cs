using System.Diagnostics;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;

namespace ModelGateway.Benchmarks;

/// <summary>
/// A repository of many models that are loaded on demand: time to ready, threads and memory against one model; then more of them are asked for
/// than the budget holds.
/// </summary>
internal static class ManyModelsBenchmark
{
    private const int Asked = 300;
    private const int BudgetMegabytes = 200;

    public static async Task<int> RunAsync(string[] args)
    {
        int count = args.Length > 0 ? int.Parse(args[0]) : 1000;
        await MeasureAsync(1, asked: 1);
        await MeasureAsync(count, Math.Min(count, Asked));
        return 0;
    }

    private static async Task MeasureAsync(int count, int asked)
    {
        using var repository = new RepositoryFolder();
        byte[] model = TestModels.LargeWeights(1 << 20);
        for (int i = 0; i < count; i++)
        {
            repository.AddVersion($"model-{i}", 1, model);
        }

        await Task.Delay(TimeSpan.FromSeconds(2));
        var watch = Stopwatch.StartNew();
        await using GatewayProcess gateway = GatewayProcess.Start(new Dictionary<string, string?>
        {
            ["Gateway__Repository"] = repository.Root,
            ["Gateway__Auth__Enabled"] = "false",
            ["Gateway__Memory__LoadOnDemand"] = "true",
            ["Gateway__Memory__BudgetBytes"] = $"{BudgetMegabytes << 20}",
        });
        await gateway.WaitUntilReadyAsync();
        TimeSpan ready = watch.Elapsed;

        // Threads that only the start needed go away by themselves within half a minute.
        await Task.Delay(TimeSpan.FromSeconds(30));
        Console.WriteLine($"{count} models of 1 MB on demand: ready after {ready.TotalSeconds:0.00} s; idle {gateway.Threads()} threads, resident {gateway.ResidentBytes() >> 20} MiB");

        List<double> waits = [];
        var body = new { inputs = new { x = new[] { new float[TestModels.LargeWeightsInputSize] } } };
        for (int i = 0; i < asked; i++)
        {
            watch.Restart();
            using HttpResponseMessage response = await gateway.Client.PostAsJsonAsync(new Uri($"/predict/model-{i}", UriKind.Relative), body);
            response.EnsureSuccessStatusCode();
            waits.Add(watch.Elapsed.TotalMilliseconds);
        }

        waits.Sort();
        Console.WriteLine(
            $"  {asked} of them asked for in turn, budget {BudgetMegabytes} MiB: first answer after {waits[waits.Count / 2]:0} ms (median; largest {waits[^1]:0} ms), "
            + $"{gateway.Threads()} threads, resident {gateway.ResidentBytes() >> 20} MiB");
        await Task.Delay(TimeSpan.FromSeconds(30));
        Console.WriteLine($"  idle for 30 s after that: {gateway.Threads()} threads, resident {gateway.ResidentBytes() >> 20} MiB");
    }
}
