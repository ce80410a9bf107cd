using ModelGateway.TestKit.Measuring;

namespace ModelGateway.Benchmarks.Suite;

/// <summary>784 floats through 2 MB of weights: the kind of model that batching is for.</summary>
internal static class PerceptronCases
{
    /// <summary>784 numbers in, ten out.</summary>
    public static SuiteModel Model { get; } = new(
        "mlp784", BenchmarkModels.Perceptron(), "probabilities", InputTensor.Floats("x", [1, BenchmarkModels.PerceptronInputs], BenchmarkModels.Numbers(1, BenchmarkModels.PerceptronInputs)));

    public static (string Name, Func<Bench, Task> Prepare)[] All { get; } =
    [
        ("batching", bench => BatchingAsync(bench, 64, 1.6)),
        ("batching-one", bench => BatchingAsync(bench, 1, 0.97)),
        ("ort", AgainstLoopAsync),
    ];

    private static async Task BatchingAsync(Bench bench, int connections, double bar)
    {
        Server automatic = await bench.GatewayAsync([Model with { Config = BatchingSettings.Automatic }]);
        Server off = await bench.GatewayAsync([Model with { Config = BatchingSettings.Off }]);
        Payload payload = Payload.Json(Model);
        bench.Compare(
            $"784-float MLP, JSON, {connections} connection{(connections == 1 ? "" : "s")}, automatic batching against none",
            bench.Load("automatic", automatic, payload, connections),
            bench.Load("none", off, payload, connections),
            Bar.AtLeast(bar));
    }

    private static async Task AgainstLoopAsync(Bench bench)
    {
        Server gateway = await bench.GatewayAsync([Model]);
        HttpLoad json = bench.Load("gateway, JSON", gateway, Payload.Json(Model), 64);
        HttpLoad binary = bench.Load("gateway, binary", gateway, Payload.Binary(Model), 64);
        Contender loop = await bench.LoopAsync(Model);
        bench.Compare("784-float MLP, JSON, 64 connections, against ONNX Runtime's own runs one by one", json, loop, Bar.AtLeast(0.6));
        bench.Compare("784-float MLP, binary, 64 connections, against ONNX Runtime's own runs one by one", binary, loop, Bar.AtLeast(0.72));
    }
}
