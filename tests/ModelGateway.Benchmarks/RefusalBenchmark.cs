using System.Globalization;
using System.Text;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;

namespace ModelGateway.Benchmarks;

/// <summary>
/// The processor time of a request that a full queue refuses, by the real process over sockets: all threads but the workers that run the model meanwhile.
/// Beside it that of bare Kestrel for an answer of the same length.
/// </summary>
internal static class RefusalBenchmark
{
    private const string Model = "slow";

    // Some 500 ms a run.
    private const int Products = 40_000;
    private const int Connections = 16;
    private const double SliceSeconds = 2;
    private const double WarmUpSeconds = 6;

    public static async Task<int> RunAsync(string[] args)
    {
        int rounds = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 5;
        string body = $$$"""{"inputs":{"x":[[{{{string.Join(',', Enumerable.Repeat("0.5", 64))}}}]]}}""";
        using var repository = new RepositoryFolder();
        repository.AddVersion(Model, 1, TestModels.ComputeBound(Products));
        repository.AddConfig(Model, "instances: 1\nlimits: { queue_length: 0, timeout: 60s }\n");
        await using GatewayProcess gateway = GatewayProcess.Start(new Dictionary<string, string?>
        {
            ["Gateway__Repository"] = repository.Root,
            ["Gateway__Auth__Enabled"] = "false",
            ["Gateway__Cache__Enabled"] = "false",
        });
        await gateway.WaitUntilReadyAsync();
        Uri url = new(gateway.Client.BaseAddress!, $"/predict/{Model}");
        byte[] refusal = await RefusalAsync(gateway.Client, url, body);
        Uri floor = GatewayProcess.NewAddress();
        await using WebApplication bare = FloorServer.Build(floor.AbsoluteUri, refusal);
        await bare.StartAsync();

        await Wrk.PostAsync(url, [body], Connections, WarmUpSeconds);
        var refused = new List<double>();
        var plain = new List<double>();
        long answered = 0;
        for (int round = -1; round < rounds; round++)
        {
            TimeSpan before = ProcessorTime(gateway.Id);
            Wrk.Slice slice = await Wrk.PostAsync(url, [body], Connections, SliceSeconds);
            double cost = (ProcessorTime(gateway.Id) - before).TotalMicroseconds / slice.Requests;
            before = Environment.CpuUsage.TotalTime;
            Wrk.Slice other = await Wrk.PostAsync(new Uri(floor, $"/predict/{Model}"), [body], Connections, SliceSeconds);
            double least = (Environment.CpuUsage.TotalTime - before).TotalMicroseconds / other.Requests;
            if (round >= 0)
            {
                answered += slice.Requests - slice.Failures;
                refused.Add(cost);
                plain.Add(least);
            }
        }

        Write("refused, queue full", refused);
        Write("bare Kestrel, same length", plain);
        Console.WriteLine($"{answered} requests were run meanwhile.");
        return 0;
    }

    // The answer to a request that comes while another one runs.
    private static async Task<byte[]> RefusalAsync(HttpClient client, Uri url, string body)
    {
        Task<HttpResponseMessage> running = client.PostAsync(url, Json(body));
        while (true)
        {
            using HttpResponseMessage answer = await client.PostAsync(url, Json(body));
            if (answer.StatusCode == System.Net.HttpStatusCode.TooManyRequests)
            {
                byte[] refusal = await answer.Content.ReadAsByteArrayAsync();
                (await running).Dispose();
                return refusal;
            }

            if (running.IsCompleted)
            {
                (await running).Dispose();
                running = client.PostAsync(url, Json(body));
            }
        }
    }

    private static StringContent Json(string body) => new(body, Encoding.UTF8, "application/json");

    // Fields 14 and 15 of a thread's stat: ticks of a hundredth of a second.
    private static TimeSpan ProcessorTime(int process)
    {
        long ticks = 0;
        foreach (string thread in Directory.EnumerateDirectories($"/proc/{process}/task"))
        {
            string stat = File.ReadAllText(Path.Combine(thread, "stat"));
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            if (!stat.Contains("(model-worker", StringComparison.Ordinal))
            {
                ticks += long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture);
            }
        }

        return TimeSpan.FromMilliseconds(10 * ticks);
    }

    private static void Write(string title, List<double> microseconds)
    {
        microseconds.Sort();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{title,-26} {microseconds[microseconds.Count / 2]:0.0} us of processor time ({microseconds[0]:0.0}-{microseconds[^1]:0.0})"));
    }
}
