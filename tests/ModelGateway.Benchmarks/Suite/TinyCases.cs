using System.Security.Cryptography;
using System.Text;
using ModelGateway.TestKit.Measuring;
using ModelGateway.TestKit.Onnx;

namespace ModelGateway.Benchmarks.Suite;

/// <summary>A model whose run costs next to nothing, so that everything else shows.</summary>
internal static class TinyCases
{
    private const string Issuer = "https://tokens.example.com";
    private const string Pipe = "modelgateway-benchmark-";

    /// <summary>Four numbers in, three out.</summary>
    public static SuiteModel Model { get; } = new("mlp", TestModels.Mlp(), "probabilities", InputTensor.Floats("x", [1, 4], [5.1f, 3.5f, 1.4f, 0.2f]));

    public static (string Name, Func<Bench, Task> Prepare)[] All { get; } =
    [
        ("tiny", bench => AgainstFloorAsync(bench, "JSON", Payload.Json(Model), 0.85)),
        ("tiny-auth", WithTokenAsync),
        ("tiny-binary", bench => AgainstFloorAsync(bench, "binary", Payload.Binary(Model), 0.80)),
        ("connections", ConnectionsAsync),
        ("allocations", AllocationsAsync),
    ];

    private static async Task AgainstFloorAsync(Bench bench, string form, Payload payload, double bar)
    {
        Server gateway = await bench.GatewayAsync([Model]);
        await CompareAsync(bench, gateway, payload, $"tiny model, {form}, against bare Kestrel", bar);
    }

    private static async Task WithTokenAsync(Bench bench)
    {
        using var key = RSA.Create(2048);
        Server gateway = await bench.GatewayAsync(
            [Model],
            ("Gateway__Auth__Enabled", "true"),
            ("Gateway__Auth__Issuer", Issuer),
            ("Gateway__Auth__Keys__0__Id", "benchmark"),
            ("Gateway__Auth__Keys__0__Pem", key.ExportSubjectPublicKeyInfoPem()));
        Payload payload = Payload.Json(Model).With("Authorization", $"Bearer {Token(key)}");
        await CompareAsync(bench, gateway, payload, "tiny model, JSON, with a JWT (RS256), against bare Kestrel", 0.78);
    }

    private static async Task CompareAsync(Bench bench, Server gateway, Payload payload, string title, double bar)
    {
        Server floor = await bench.FloorAsync(gateway, payload);
        Server running = await bench.FloorAsync(gateway, payload, running: Model);
        foreach (int connections in new[] { 16, 64 })
        {
            HttpLoad bare = bench.Load($"Kestrel ({connections})", floor, payload, connections);
            bench.Compare($"{title}, {connections} connections", bench.Load($"gateway ({connections})", gateway, payload, connections), bare, Bar.AtLeast(bar));
            bench.Compare(
                $"the limit: Kestrel that also runs the model, over the same numbers each time, against itself without, {connections} connections",
                bench.Load($"Kestrel that runs ({connections})", running, payload, connections),
                bare,
                bar: null);
        }
    }

    private static async Task ConnectionsAsync(Bench bench)
    {
        Server gateway = await bench.GatewayAsync([Model]);
        Payload payload = Payload.Json(Model);
        Server floor = await bench.FloorAsync(gateway, payload);
        HttpLoad few = bench.Load("gateway (16)", gateway, payload, 16);
        HttpLoad many = bench.Load("gateway (256)", gateway, payload, 256);
        HttpLoad bareFew = bench.Load("Kestrel (16)", floor, payload, 16);
        HttpLoad bareMany = bench.Load("Kestrel (256)", floor, payload, 256);
        bench.Compare("tiny model, JSON, 256 connections against 16", many, few, Bar.AtLeast(0.85));
        bench.Compare("the same of bare Kestrel: it and wrk grow slower as well", bareMany, bareFew, bar: null);
    }

    private static async Task AllocationsAsync(Bench bench)
    {
        string own = $"{Pipe}{Environment.ProcessId}";
        Payload payload = Payload.Json(Model);
        Server gateway = await bench.GatewayAsync([Model], [.. AllocationProbe.Environment(own + "-gateway")]);
        Server floor = await bench.FloorAsync(gateway, payload, own + "-floor");
        bench.Compare(
            "tiny model, JSON, 16 connections, managed memory a request above bare Kestrel's",
            bench.Load("gateway", gateway with { Allocations = own + "-gateway" }, payload, 16),
            bench.Load("Kestrel", floor, payload, 16),
            Bar.AtMost(1024),
            Figure.Allocation);
    }

    private static string Token(RSA key)
    {
        long expires = DateTimeOffset.UtcNow.AddHours(6).ToUnixTimeSeconds();
        string signed = $"{Part("""{"alg":"RS256","kid":"benchmark"}""")}.{Part($$"""{"iss":"{{Issuer}}","aud":"modelgateway","scope":"models:predict","exp":{{expires}}}""")}";
        return $"{signed}.{System.Buffers.Text.Base64Url.EncodeToString(key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1))}";

        static string Part(string json) => System.Buffers.Text.Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json));
    }
}
