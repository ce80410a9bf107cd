using System.Globalization;
using System.Text;
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

    // Rows of one up to many elements, in an order that jumps between small and large.
    private static IEnumerable<string> Bodies()
    {
        var random = new Random(7);
        for (int i = 0; i < Shapes; i++)
        {
            int rows = random.Next(1, 17);
            int columns = 8 * random.Next(1, 9);
            var body = new StringBuilder("{\"inputs\":{\"x\":[");
            for (int row = 0; row < rows; row++)
            {
                body.Append(row == 0 ? "[" : ",[");
                body.AppendJoin(',', Enumerable.Range(0, columns).Select(_ => random.NextSingle().ToString("0.###", CultureInfo.InvariantCulture)));
                body.Append(']');
            }

            yield return body.Append("]}}").ToString();
        }
    }
}
