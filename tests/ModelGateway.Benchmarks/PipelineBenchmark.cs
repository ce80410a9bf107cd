using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Connections;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;

namespace ModelGateway.Benchmarks;

/// <summary>
/// Time and managed memory of one request in Kestrel and in the gateway, in this process and on one thread, without sockets: against the bare
/// endpoint's, what the gateway itself costs. Of many short slices the fastest counts, so that other load hardly shows.
/// </summary>
internal static class PipelineBenchmark
{
    private const int Slices = 60;
    private const int SliceMilliseconds = 50;
    private const string Tiny = """{"inputs":{"x":[[5.1,3.5,1.4,0.2]]}}""";

    public static async Task<int> RunAsync(string[] args)
    {
        string only = args.Length > 0 ? args[0] : "";
        using var repository = new RepositoryFolder();
        repository.AddVersion("mlp", 1, TestModels.Mlp());
        var hits = new MemoryTransport();
        var runs = new MemoryTransport();
        var bare = new MemoryTransport();
        await using WebApplication cached = await StartGatewayAsync(hits, repository, isCached: true);
        await using WebApplication uncached = await StartGatewayAsync(runs, repository, isCached: false);
        await using WebApplication floor = await StartFloorAsync(bare);
        byte[] request = Request("/predict/mlp", Tiny);
        long unique = 1_000_000;
        (string Name, MemoryTransport Transport, Func<byte[]> Request)[] cases =
        [
            ("bare endpoint", bare, () => request),
            ("memory hit", hits, () => request),
            ("run, no cache", runs, () => request),
            ("all misses", hits, () => Request("/predict/mlp", $$$"""{"inputs":{"x":[[{{{++unique}}},3.5,1.4,0.2]]}}""")),
            ("making of those", bare, () => Request("/predict/mlp", $$$"""{"inputs":{"x":[[{{{++unique}}},3.5,1.4,0.2]]}}""")),
        ];
        cases = [.. cases.Where(candidate => candidate.Transport == bare || candidate.Name.Contains(only, StringComparison.Ordinal))];
        foreach ((_, MemoryTransport transport, Func<byte[]> make) in cases)
        {
            await SliceAsync(transport, make, 1_500);
        }

        double[] best = [.. cases.Select(_ => double.MaxValue)];
        long[] bytes = new long[cases.Length];
        for (int slice = 0; slice < Slices; slice++)
        {
            for (int i = 0; i < cases.Length; i++)
            {
                (double microseconds, long allocated) = await SliceAsync(cases[i].Transport, cases[i].Request, SliceMilliseconds);
                best[i] = Math.Min(best[i], microseconds);
                bytes[i] = allocated;
            }
        }

        for (int i = 0; i < cases.Length; i++)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{cases[i].Name,-16} {best[i],6:0.00} us, {bytes[i],5} B a request; over the bare endpoint {best[i] - best[0]:0.00} us, {bytes[i] - bytes[0]} B"));
        }

        return 0;
    }

    private static async Task<(double Microseconds, long Bytes)> SliceAsync(MemoryTransport transport, Func<byte[]> make, int milliseconds)
    {
        long started = Stopwatch.GetTimestamp();
        long allocated = GC.GetTotalAllocatedBytes(precise: true);
        int count = 0;
        while (Stopwatch.GetElapsedTime(started).TotalMilliseconds < milliseconds)
        {
            for (int i = 0; i < 20; i++)
            {
                await transport.RoundTripAsync(make());
            }

            count += 20;
        }

        return (Stopwatch.GetElapsedTime(started).TotalMicroseconds / count, (GC.GetTotalAllocatedBytes(precise: true) - allocated) / count);
    }

    private static byte[] Request(string path, string body) => Encoding.UTF8.GetBytes(
        $"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}");

    private static async Task<WebApplication> StartGatewayAsync(MemoryTransport transport, RepositoryFolder repository, bool isCached)
    {
        WebApplication app = GatewayApp.Build(
            [
                "--environment=Production", "--urls=http://127.0.0.1:1", "--Gateway:Auth:Enabled=false", "--Gateway:Logging:Level=Error",
                $"--Gateway:Repository={repository.Root}", $"--Gateway:Cache:Enabled={isCached}", $"--Gateway:ArtifactFolder={Directory.CreateTempSubdirectory("artifacts-").FullName}",
            ],
            services => services.AddSingleton<IConnectionListenerFactory>(transport));
        await app.StartAsync();
        var manager = app.Services.GetRequiredService<Serving.Lifecycle.ServableManager>();
        while (manager.Find("mlp")?.Find(1)?.Servable is null)
        {
            await Task.Delay(10);
        }

        transport.Connect(app.Services);
        return app;
    }

    private static async Task<WebApplication> StartFloorAsync(MemoryTransport transport)
    {
        WebApplication app = FloorServer.Build("http://127.0.0.1:1", Encoding.UTF8.GetBytes("""{"model_name":"mlp","model_version":"1","outputs":{"y":[[0.123456,0.123456,0.123456]]}}"""), services => services.AddSingleton<IConnectionListenerFactory>(transport));
        await app.StartAsync();
        transport.Connect(app.Services);
        return app;
    }
}
