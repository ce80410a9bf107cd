using System.Diagnostics;
using System.Text;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;

namespace ModelGateway.Benchmarks;

/// <summary>How long a fresh process takes to its first right answer, and what a hundred models of 1 MB cost.</summary>
internal static class StartBenchmark
{
    private const int Models = 100;

    public static async Task<int> RunAsync()
    {
        for (int run = 0; run < 3; run++)
        {
            await FirstAnswerAsync();
        }

        await ManyModelsAsync(1);
        await ManyModelsAsync(Models);
        return 0;
    }

    private static async Task FirstAnswerAsync()
    {
        var watch = Stopwatch.StartNew();
        await using GatewayProcess gateway = Start(Path.Combine(RepositoryRoot.Path, "docs", "samples", "models"));
        while (true)
        {
            using var content = new StringContent("""{"inputs":{"X":[[5.1,3.5,1.4,0.2]]}}""", Encoding.UTF8, "application/json");
            try
            {
                using HttpResponseMessage response = await gateway.Client.PostAsync(new Uri("/predict/iris", UriKind.Relative), content);
                if (response.IsSuccessStatusCode && (await response.Content.ReadAsStringAsync()).Contains("setosa", StringComparison.Ordinal))
                {
                    break;
                }
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }

            await Task.Delay(5);
        }

        TimeSpan first = watch.Elapsed;
        await gateway.WaitUntilReadyAsync();
        Console.WriteLine(
            $"samples: first right answer {first.TotalSeconds:0.00} s after the process was started, all ready after {watch.Elapsed.TotalSeconds:0.00} s, "
            + $"resident {gateway.ResidentBytes() >> 20} MiB");
    }

    private static async Task ManyModelsAsync(int count)
    {
        using var repository = new RepositoryFolder();
        byte[] model = TestModels.LargeWeights(1 << 20);
        for (int i = 0; i < count; i++)
        {
            repository.AddVersion($"model-{i}", 1, model);
        }

        await Task.Delay(TimeSpan.FromSeconds(2));
        var watch = Stopwatch.StartNew();
        await using GatewayProcess gateway = Start(repository.Root);
        await gateway.WaitUntilReadyAsync();
        TimeSpan ready = watch.Elapsed;

        // Threads that only the start needed go away by themselves within half a minute.
        await Task.Delay(TimeSpan.FromSeconds(30));
        Console.WriteLine($"{count} models of 1 MB: ready after {ready.TotalSeconds:0.00} s, {gateway.Threads()} threads, resident {gateway.ResidentBytes() >> 20} MiB");
    }

    private static GatewayProcess Start(string repository) => GatewayProcess.Start(new Dictionary<string, string?>
    {
        ["Gateway__Repository"] = repository,
        ["Gateway__Auth__Enabled"] = "false",
    });
}
