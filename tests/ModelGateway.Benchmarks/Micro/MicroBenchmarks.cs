using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace ModelGateway.Benchmarks.Micro;

/// <summary>One part of a request's way at a time, by BenchmarkDotNet: nanoseconds and bytes allocated a call.</summary>
/// <remarks>
/// Short jobs, in this process: what is measured takes from ten nanoseconds to some microseconds, is the same in a process of its own, and a
/// project generated below this repository would be built by the repository's rules.
/// </remarks>
internal static class MicroBenchmarks
{
    private static readonly SortedDictionary<string, Type> Benchmarks = new(StringComparer.Ordinal)
    {
        ["batcher"] = typeof(BatcherBenchmark),
        ["join"] = typeof(JoinBenchmark),
        ["key"] = typeof(KeyBenchmark),
        ["pool"] = typeof(PoolBenchmark),
        ["reader"] = typeof(ReaderBenchmark),
        ["tracing"] = typeof(TracingBenchmark),
        ["writer"] = typeof(WriterBenchmark),
    };

    /// <summary>Runs one benchmark by name, or all.</summary>
    /// <param name="args">Its name; none for all.</param>
    public static int Run(string[] args)
    {
        string wanted = args.Length > 0 ? args[0] : "all";
        Type[] chosen = [.. Benchmarks.Where(known => wanted == "all" || known.Key == wanted).Select(known => known.Value)];
        if (chosen.Length == 0)
        {
            Console.WriteLine($"There is no micro-benchmark '{wanted}'; known are {string.Join(", ", Benchmarks.Keys)} and all.");
            return 1;
        }

        string artifacts = Path.Combine(Path.GetTempPath(), "modelgateway-micro");
        ManualConfig config = DefaultConfig.Instance
            .WithArtifactsPath(artifacts)
            .AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance))
            .AddDiagnoser(MemoryDiagnoser.Default);
        foreach (Type benchmark in chosen)
        {
            BenchmarkRunner.Run(benchmark, config);
        }

        return 0;
    }
}
