using ModelGateway.TestKit.Measuring;

namespace ModelGateway.Benchmarks.Suite;

/// <summary>A picture of 1x3x224x224 floats to a model that does next to nothing with it: reading it is what costs.</summary>
internal static class ImageCases
{
    private const int Connections = 4;
    private static readonly long[] Shape = [1, 3, 224, 224];

    private static SuiteModel Model { get; } = new("pooled", BenchmarkModels.Pooled(), "y", InputTensor.Floats("x", Shape, BenchmarkModels.Numbers(1, 3 * 224 * 224)));

    public static (string Name, Func<Bench, Task> Prepare)[] All { get; } = [("image-json", JsonAsync), ("image-binary", BinaryAsync)];

    private static async Task JsonAsync(Bench bench)
    {
        Payload payload = Payload.Json(Model);
        Server gateway = await bench.GatewayAsync([Model]);
        HttpLoad own = bench.Load("gateway", gateway, payload, Connections);
        HttpLoad plain = bench.Load("plain C#", await bench.PlainAsync(Model, threads: 0), payload, Connections);
        HttpLoad plainOne = bench.Load("plain C#, one thread a run", await bench.PlainAsync(Model, threads: 1), payload, Connections);
        string title = $"1x3x224x224 floats, JSON ({payload.Body.Length / 1e6:0.0} MB), {Connections} connections";
        bench.Compare($"{title}, against a plain C# service", own, plain, Bar.AtLeast(5));
        bench.Compare($"{title}, against a plain C# service with one thread a run", own, plainOne, bar: null);
    }

    private static async Task BinaryAsync(Bench bench)
    {
        Payload payload = Payload.Binary(Model);
        Server gateway = await bench.GatewayAsync([Model]);
        bench.Compare(
            $"1x3x224x224 floats, binary ({payload.Body.Length / 1e6:0.0} MB), {Connections} connections, against bare Kestrel",
            bench.Load("gateway", gateway, payload, Connections),
            bench.Load("Kestrel", await bench.FloorAsync(gateway, payload), payload, Connections),
            Bar.AtLeast(1.5));
    }
}
