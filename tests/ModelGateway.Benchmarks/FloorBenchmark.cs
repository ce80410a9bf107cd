using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using ModelGateway.TestKit;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;

namespace ModelGateway.Benchmarks;

/// <summary>
/// Requests a second of tiny models as a share of the bare Kestrel endpoint: slices of the two alternate, each round gives a
/// ratio, the median counts. Absolute figures depend on the machine; the ratio is what docs/benchmarks.md holds.
/// </summary>
internal static class FloorBenchmark
{
    private const int Connections = 16;
    private const double SliceSeconds = 2;

    public static async Task<int> RunAsync(string[] args)
    {
        int rounds = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 7;
        using var repository = new RepositoryFolder();
        repository.AddVersion("mlp", 1, TestModels.Mlp());
        string samples = Path.Combine(RepositoryRoot.Path, "docs", "samples", "models");
        repository.AddVersion("iris", 1, await File.ReadAllBytesAsync(Path.Combine(samples, "iris", "1", "model.onnx")));
        await using GatewayProcess gateway = GatewayProcess.Start(new Dictionary<string, string?>
        {
            ["Gateway__Repository"] = repository.Root,
            ["Gateway__Auth__Enabled"] = "false",

            // The model is measured; what the cache makes of it, CacheBenchmark shows.
            ["Gateway__Cache__Enabled"] = "false",
        });
        await gateway.WaitUntilReadyAsync();

        await CompareAsync(gateway, "mlp (4-16-3), native JSON", "/predict/mlp", """{"inputs":{"x":[[5.1,3.5,1.4,0.2]]}}""", rounds);
        await CompareAsync(gateway, "iris, native JSON, one output", "/predict/iris", """{"inputs":{"X":[[5.1,3.5,1.4,0.2]]},"outputs":["probabilities"]}""", rounds);
        await CompareAsync(gateway, "iris, native JSON, label + probabilities + map", "/predict/iris", """{"inputs":{"X":[[5.1,3.5,1.4,0.2]]}}""", rounds);
        await CompareAsync(
            gateway, "iris, OIP JSON, one output", "/v2/models/iris/infer",
            """{"inputs":[{"name":"X","shape":[1,4],"datatype":"FP32","data":[5.1,3.5,1.4,0.2]}],"outputs":[{"name":"probabilities"}]}""", rounds);
        return 0;
    }

    internal static async Task CompareAsync(GatewayProcess gateway, string name, string path, string body, int rounds, int connections = Connections)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using HttpResponseMessage answer = await gateway.Client.PostAsync(new Uri(path, UriKind.Relative), content);
        byte[] bytes = await answer.EnsureSuccessStatusCode().Content.ReadAsByteArrayAsync();
        string answerFile = Path.GetTempFileName();
        await File.WriteAllBytesAsync(answerFile, bytes);
        string floorAddress = $"http://127.0.0.1:{FreePort()}";
        using Process floor = StartFloor(floorAddress, answerFile);
        try
        {
            Uri gatewayUrl = new(gateway.Client.BaseAddress!, path);
            Uri floorUrl = new(new Uri(floorAddress), path);
            await WarmAsync(floorUrl, gatewayUrl, body, connections);
            var ratios = new List<double>();
            long failures = 0;
            long floorRequests = 0;
            long gatewayRequests = 0;
            floor.Refresh();
            TimeSpan floorStart = floor.TotalProcessorTime;
            TimeSpan gatewayStart = gateway.ProcessorTime();
            for (int round = 0; round < rounds; round++)
            {
                Wrk.Slice bare = await Wrk.PostAsync(floorUrl, [body], connections, SliceSeconds);
                Wrk.Slice served = await Wrk.PostAsync(gatewayUrl, [body], connections, SliceSeconds);
                ratios.Add(served.RequestsPerSecond / bare.RequestsPerSecond);
                failures += served.Failures;
                floorRequests += bare.Requests;
                gatewayRequests += served.Requests;
                Console.WriteLine($"  round {round + 1}: floor {bare.RequestsPerSecond:0}/s, gateway {served.RequestsPerSecond:0}/s, ratio {ratios[^1]:0.00}");
            }

            ratios.Sort();
            floor.Refresh();
            double floorMicroseconds = (floor.TotalProcessorTime - floorStart).TotalMicroseconds / floorRequests;
            double gatewayMicroseconds = (gateway.ProcessorTime() - gatewayStart).TotalMicroseconds / gatewayRequests;
            Console.WriteLine($"{name}: {ratios[ratios.Count / 2]:0.00} of the floor ({ratios[0]:0.00}-{ratios[^1]:0.00}), answer {bytes.Length} bytes, {failures} failed; CPU a request {floorMicroseconds:0.0} us bare, {gatewayMicroseconds:0.0} us gateway");
        }
        finally
        {
            floor.Kill();
            File.Delete(answerFile);
        }
    }

    // The first seconds of any .NET method are not yet optimized code.
    private static async Task WarmAsync(Uri floorUrl, Uri gatewayUrl, string body, int connections)
    {
        await WaitUntilListeningAsync(floorUrl);
        await Wrk.PostAsync(floorUrl, [body], connections, 3);
        await Wrk.PostAsync(gatewayUrl, [body], connections, 3);
    }

    private static async Task WaitUntilListeningAsync(Uri url)
    {
        for (var waited = Stopwatch.StartNew(); waited.Elapsed < TimeSpan.FromSeconds(30); await Task.Delay(20))
        {
            using var probe = new TcpClient();
            try
            {
                await probe.ConnectAsync(url.Host, url.Port);
                return;
            }
            catch (SocketException)
            {
                // Still starting.
            }
        }

        throw new TimeoutException("The bare endpoint does not start.");
    }

    private static Process StartFloor(string address, string answerFile) =>
        Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "ModelGateway.Benchmarks.dll"), "floor-server", address, answerFile])
        {
            RedirectStandardOutput = true,
        })!;

    internal static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
