using ModelGateway.TestKit.Measuring;

namespace ModelGateway.Benchmarks.Suite;

/// <summary>What one would write instead: a plain C# service, and Fastify with onnxruntime-node.</summary>
internal static class PeerCases
{
    private const int Connections = 64;

    public static (string Name, Func<Bench, Task> Prepare)[] All { get; } =
    [
        ("peers-tiny", bench => CompareAsync(bench, TinyCases.Model, "tiny model", 1.4, 4)),
        ("peers-mlp", bench => CompareAsync(bench, PerceptronCases.Model, "784-float MLP", 2.8, 5)),
    ];

    // The bars hold against each as its documentation shows it; beside them stands what knowing the machine makes of it.
    private static async Task CompareAsync(Bench bench, SuiteModel model, string what, double plainBar, double fastifyBar)
    {
        Payload payload = Payload.Json(model);
        HttpLoad gateway = bench.Load("gateway", await bench.GatewayAsync([model]), payload, Connections);
        HttpLoad plain = bench.Load("plain C#", await bench.PlainAsync(model, threads: 0), payload, Connections);
        HttpLoad plainOne = bench.Load("plain C#, one thread a run", await bench.PlainAsync(model, threads: 1), payload, Connections);
        HttpLoad fastify = bench.Load("Fastify", await bench.FastifyAsync(model, threads: 0, processes: 1), payload, Connections);
        HttpLoad fastifyMany = bench.Load("Fastify, a process a core", await bench.FastifyAsync(model, threads: 1, Environment.ProcessorCount), payload, Connections);
        string title = $"{what}, JSON, {Connections} connections, against";
        bench.Compare($"{title} a plain C# service", gateway, plain, Bar.AtLeast(plainBar));
        bench.Compare($"{title} a plain C# service with one thread a run", gateway, plainOne, bar: null);
        bench.Compare($"{title} Fastify with onnxruntime-node", gateway, fastify, Bar.AtLeast(fastifyBar));
        bench.Compare($"{title} the same in a process a core", gateway, fastifyMany, bar: null);
    }
}
