using System.Diagnostics;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Connections;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;

namespace ModelGateway.Benchmarks;

/// <summary>
/// Time and managed memory of one request in Kestrel and in the gateway, in this process, on one thread or on several at once, without sockets: against the bare
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
        int threads = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 1;
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
        MemoryConnection[] Connect(MemoryTransport transport, WebApplication app) => [.. Enumerable.Range(0, threads).Select(_ => transport.Connect(app.Services))];
        MemoryConnection[] toBare = Connect(bare, floor);
        MemoryConnection[] toHits = Connect(hits, cached);
        MemoryConnection[] toRuns = Connect(runs, uncached);
        (string Name, MemoryConnection[] Connections, Func<byte[]> Request)[] cases =
        [
            ("bare endpoint", toBare, () => request),
            ("memory hit", toHits, () => request),
            ("run, no cache", toRuns, () => request),
            ("all misses", toHits, () => Request("/predict/mlp", $$$"""{"inputs":{"x":[[{{{Interlocked.Increment(ref unique)}}},3.5,1.4,0.2]]}}""")),
            ("making of those", toBare, () => Request("/predict/mlp", $$$"""{"inputs":{"x":[[{{{Interlocked.Increment(ref unique)}}},3.5,1.4,0.2]]}}""")),
        ];
        cases = [.. cases.Where(candidate => candidate.Connections == toBare || candidate.Name.Contains(only, StringComparison.Ordinal))];
        foreach ((_, MemoryConnection[] connections, Func<byte[]> make) in cases)
        {
            Slice(connections, make, 1_500);
        }

        double[] best = [.. cases.Select(_ => double.MaxValue)];
        long[] bytes = new long[cases.Length];
        for (int slice = 0; slice < Slices; slice++)
        {
            for (int i = 0; i < cases.Length; i++)
            {
                (double microseconds, long allocated) = Slice(cases[i].Connections, cases[i].Request, SliceMilliseconds);
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

    // Each connection on a thread of its own; what counts is the time of a request on its thread.
    private static (double Microseconds, long Bytes) Slice(MemoryConnection[] connections, Func<byte[]> make, int milliseconds)
    {
        long started = Stopwatch.GetTimestamp();
        long allocated = GC.GetTotalAllocatedBytes(precise: true);
        int[] counts = new int[connections.Length];
        Thread[] threads = [.. connections.Select((connection, place) => new Thread(() => counts[place] = Repeat(connection, make, started, milliseconds)))];
        foreach (Thread thread in threads)
        {
            thread.Start();
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        int count = counts.Sum();
        return (connections.Length * Stopwatch.GetElapsedTime(started).TotalMicroseconds / count, (GC.GetTotalAllocatedBytes(precise: true) - allocated) / count);
    }

    private static int Repeat(MemoryConnection connection, Func<byte[]> make, long started, int milliseconds)
    {
        int count = 0;
        while (Stopwatch.GetElapsedTime(started).TotalMilliseconds < milliseconds)
        {
            for (int i = 0; i < 20; i++)
            {
                // Everything that it waits for is done on this thread.
                connection.RoundTripAsync(make()).AsTask().GetAwaiter().GetResult();
            }

            count += 20;
        }

        return count;
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

        return app;
    }

    private static async Task<WebApplication> StartFloorAsync(MemoryTransport transport)
    {
        WebApplication app = FloorServer.Build("http://127.0.0.1:1", Encoding.UTF8.GetBytes("""{"model_name":"mlp","model_version":"1","outputs":{"y":[[0.123456,0.123456,0.123456]]}}"""), services => services.AddSingleton<IConnectionListenerFactory>(transport));
        await app.StartAsync();
        return app;
    }
}
