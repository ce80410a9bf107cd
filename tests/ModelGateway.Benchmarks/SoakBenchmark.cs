using System.Globalization;
using ModelGateway.TestKit.Hosting;
using ModelGateway.TestKit.Onnx;
using ModelGateway.TestKit.Repository;

namespace ModelGateway.Benchmarks;

/// <summary>
/// A million requests whose shapes vary: resident memory after each tenth. The bar is the growth between request 100,000 and the last.
/// </summary>
internal static class SoakBenchmark
{
    private const int Connections = 8;
    private const int Shapes = 64;

    public static async Task<int> RunAsync(string[] args)
    {
        long total = args.Length > 0 ? long.Parse(args[0], CultureInfo.InvariantCulture) : 1_000_000;
        using var repository = new RepositoryFolder();
        repository.AddVersion("varying", 1, TestModels.VaryingShapes());
        await using GatewayProcess gateway = GatewayProcess.Start(new Dictionary<string, string?>
        {
            ["Gateway__Repository"] = repository.Root,
            ["Gateway__Auth__Enabled"] = "false",
            // Remembered answers fill their own budget, which is another matter.
            ["Gateway__Cache__Enabled"] = "false",
        });
        await gateway.WaitUntilReadyAsync();

        Uri url = new(gateway.Client.BaseAddress!, "/predict/varying");
        string[] bodies = [.. Bodies()];
        long done = 0;
        long failures = 0;
        long baseline = 0;
        long mark = total / 10;
        while (done < total)
        {
            Wrk.Slice slice = await Wrk.PostAsync(url, bodies, Connections, 5);
            done += slice.Requests;
            failures += slice.Failures;
            if (done >= mark)
            {
                long resident = gateway.ResidentBytes();
                baseline = baseline == 0 ? resident : baseline;
                Console.WriteLine($"  {done,9} requests: {resident / 1048576.0:0.0} MiB resident, {(resident - baseline) * 100.0 / baseline:+0.0;-0.0;0.0} %");
                mark = done + (total / 10);
            }
        }

        double growth = (gateway.ResidentBytes() - baseline) * 100.0 / baseline;
        Console.WriteLine($"{done} requests of {Shapes} shapes, {failures} failed: growth {growth:0.0} % since the first tenth");
        return growth < 5 && failures == 0 ? 0 : 2;
    }

    // Pictures and token rows from tiny to some thousand elements, in an order that jumps between small and large.
    private static IEnumerable<string> Bodies()
    {
        var random = new Random(7);
        for (int i = 0; i < Shapes; i++)
        {
            int batch = random.Next(1, 4);
            int[] image = [batch, 3, random.Next(4, 17), random.Next(4, 17)];
            int[] tokens = [batch, random.Next(1, 49), 16];
            yield return $$"""{"inputs":{"image":{{Nest(image, random)}},"tokens":{{Nest(tokens, random)}}},"outputs":["features"]}""";
        }
    }

    private static string Nest(ReadOnlySpan<int> shape, Random random)
    {
        if (shape.IsEmpty)
        {
            return random.NextSingle().ToString("0.##", CultureInfo.InvariantCulture);
        }

        string[] items = new string[shape[0]];
        for (int i = 0; i < items.Length; i++)
        {
            items[i] = Nest(shape[1..], random);
        }

        return "[" + string.Join(',', items) + "]";
    }
}
