using ModelGateway.TestKit.Measuring;
using ModelGateway.TestKit.Onnx;

namespace ModelGateway.Benchmarks.Suite;

/// <summary>A model that is asked, beside others: busy ones, loaded ones, and ones that are merely known.</summary>
internal static class NeighbourCases
{
    private const int Connections = 16;

    // A request every five milliseconds and connection: far from what the machine can do, so that a queue shows as latency.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    // Half a second of turns.
    private const long SlowTurns = 500_000;

    /// <summary>What makes the gateway load a model when it is first asked for.</summary>
    private static (string Key, string Value)[] LazyLoading { get; } = [("Gateway__Memory__LoadOnDemand", "true")];

    public static (string Name, Func<Bench, Task> Prepare)[] All { get; } =
    [
        ("beside", BesideAsync),
        ("saturated", SaturatedAsync),
        ("loaded", bench => AmongAsync(bench, 256, "loaded", 0.95)),
        ("registered", bench => AmongAsync(bench, 1000, "registered", 0.97, LazyLoading)),
    ];

    private static async Task BesideAsync(Bench bench)
    {
        var heavy = new SuiteModel("resnet18", BenchmarkModels.ResNet18(), "logits", InputTensor.Floats("x", [1, 3, 224, 224], BenchmarkModels.Numbers(1, 3 * 224 * 224)));
        Server gateway = await bench.GatewayAsync([TinyCases.Model, heavy]);
        Payload payload = Payload.Json(TinyCases.Model);
        var busy = new HttpLoad("ResNet-18", gateway, Payload.Binary(heavy), 4);
        HttpLoad alone = bench.Load("alone", gateway, payload, Connections);
        LoadBeside beside = bench.LoadBeside("beside", new HttpLoad("tiny", gateway, payload, Connections), busy);
        HttpLoad calm = bench.Load("alone, with pauses", gateway, payload, Connections, Pause);
        LoadBeside calmBeside = bench.LoadBeside("beside, with pauses", new HttpLoad("tiny", gateway, payload, Connections, Pause), busy);
        bench.Compare("tiny model beside a model of 35 ms at full use, p99 against that alone, 16 connections", beside, alone, Bar.AtMost(3), Figure.Tail);
        bench.Compare("the same where each connection pauses for 5 ms", calmBeside, calm, bar: null, Figure.Tail);
    }

    private static async Task SaturatedAsync(Bench bench)
    {
        var slow = new SuiteModel("slow", TestModels.Slow(SlowTurns), "y", InputTensor.Floats("x", [1, 4], [1, 2, 3, 4]));
        Server gateway = await bench.GatewayAsync([TinyCases.Model, slow]);
        var busy = new HttpLoad("slow", gateway, Payload.Json(slow), Connections);
        LoadBeside health = bench.LoadBeside("/health/live", new HttpLoad("health", gateway, Payload.Get("/health/live"), Connections, Pause), busy);
        LoadBeside tiny = bench.LoadBeside("tiny model", new HttpLoad("tiny", gateway, Payload.Json(TinyCases.Model), Connections, Pause), busy);
        bench.Compare("/health/live while a model of 500 ms is at full use, p99", health, other: null, Bar.AtMost(20), Figure.Tail);
        bench.Compare("tiny model while a model of 500 ms is at full use, p99", tiny, other: null, Bar.AtMost(20), Figure.Tail);
    }

    private static async Task AmongAsync(Bench bench, int count, string state, double bar, params (string Key, string Value)[] settings)
    {
        IEnumerable<SuiteModel> others = Enumerable.Range(1, count - 1).Select(number => TinyCases.Model with { Name = $"other-{number}" });
        Payload payload = Payload.Json(TinyCases.Model);
        bench.Compare(
            $"tiny model, JSON, 16 connections, with {count:#,0} {state} against 1",
            bench.Load($"one of {count}", await bench.GatewayAsync([TinyCases.Model, .. others], settings), payload, Connections),
            bench.Load("one alone", await bench.GatewayAsync([TinyCases.Model]), payload, Connections),
            Bar.AtLeast(bar));
    }
}
