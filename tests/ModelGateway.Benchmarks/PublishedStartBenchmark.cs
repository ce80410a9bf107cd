using System.Diagnostics;
using System.Globalization;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Measuring;

namespace ModelGateway.Benchmarks;

/// <summary>How long a published server takes from its start until it is ready with the samples, and what it holds when it has nothing to do.</summary>
internal static class PublishedStartBenchmark
{
    private const int Starts = 7;

    // Free memory has been given back by then, and threads that only the start needed are gone.
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(15);

    public static async Task<int> RunAsync(string folder)
    {
        DirectoryInfo artifacts = Directory.CreateTempSubdirectory("modelgateway-start-");
        var ready = new List<double>();
        var resident = new List<double>();
        for (int start = 0; start <= Starts; start++)
        {
            var watch = Stopwatch.StartNew();
            await using GatewayProcess gateway = GatewayProcess.StartIn(Path.GetFullPath(folder), new Dictionary<string, string?>
            {
                ["Gateway__Repository"] = Path.Combine(RepositoryRoot.Path, "docs", "samples", "models"),
                ["Gateway__ArtifactFolder"] = artifacts.FullName,
                ["Gateway__Auth__Enabled"] = "false",
            });
            await gateway.WaitUntilReadyAsync();
            double seconds = watch.Elapsed.TotalSeconds;
            await Task.Delay(Rest);
            double mebibytes = gateway.ResidentBytes() / (double)(1 << 20);
            if (start == 0)
            {
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"with nothing fetched before, and no page of it in memory perhaps: ready after {seconds:0.00} s, resident {mebibytes:0} MiB"));
                continue;
            }

            ready.Add(seconds);
            resident.Add(mebibytes);
        }

        artifacts.Delete(recursive: true);
        Console.WriteLine($"{Starts} starts: ready after {Of(ready, "0.00")} s, resident {Of(resident, "0")} MiB");
        return 0;
    }

    private static string Of(IEnumerable<double> values, string format)
    {
        var spread = Spread.Of(values);
        return $"{spread.Median.ToString(format, CultureInfo.InvariantCulture)} ({spread.Smallest.ToString(format, CultureInfo.InvariantCulture)}–{spread.Largest.ToString(format, CultureInfo.InvariantCulture)})";
    }
}
