using System.Diagnostics;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging.Abstractions;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Runtime.Onnx;
using ModelGateway.TestKit;

namespace ModelGateway.Benchmarks;

/// <summary>
/// How long a session takes without kept graphs, with a kept one, and when the graph is saved besides; each in turn, the median of the rounds.
/// The files are in the system's memory, as they are when a model has just been fetched.
/// </summary>
internal static class SessionStartBenchmark
{
    private const int DefaultRounds = 7;

    public static int Run(string[] args)
    {
        int rounds = args.Length > 0 ? int.Parse(args[0]) : DefaultRounds;
        string samples = Path.Combine(RepositoryRoot.Path, "docs", "samples", "models");
        Measure("convolutions", LargeModels.Convolutions(5, 1000), rounds);
        Measure("encoder, 6 layers of 768", LargeModels.Encoder(6, 768), rounds);
        Measure("encoder, 12 layers of 256", LargeModels.Encoder(12, 256), rounds);
        Measure("matrix products", LargeModels.Products(16, 1000), rounds);
        Measure("silero-vad", File.ReadAllBytes(Path.Combine(samples, "silero-vad", "1", ModelArtifact.ModelFileName)), rounds);
        Measure("spam", File.ReadAllBytes(Path.Combine(samples, "spam", "1", ModelArtifact.ModelFileName)), rounds);
        return 0;
    }

    private static void Measure(string name, byte[] model, int rounds)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("session-start-");
        try
        {
            var artifact = new ModelArtifact(folder.CreateSubdirectory("model").FullName, Convert.ToHexStringLower(SHA256.HashData(model)), model.Length);
            File.WriteAllBytes(artifact.ModelFile, model);
            var plain = new OnnxModelRuntime(new OnnxOptions(), NullLogger<OnnxModelRuntime>.Instance);
            OnnxModelRuntime kept = Keeping(Path.Combine(folder.FullName, "graphs"));
            Load(plain, artifact);
            Load(kept, artifact);
            List<double> without = [];
            List<double> with = [];
            List<double> saving = [];
            for (int round = 0; round < rounds; round++)
            {
                without.Add(Load(plain, artifact));
                with.Add(Load(kept, artifact));
                saving.Add(Load(Keeping(Path.Combine(folder.FullName, $"graphs-{round}")), artifact));
            }

            List<double> gains = [.. without.Zip(with, (one, other) => one / other)];
            Console.WriteLine(
                $"{name}, {model.Length / 1e6:0.0} MB: {Median(without):0.0} ms without, {Median(with):0.0} ms with a kept graph, "
                + $"{Median(gains):0.0} times as fast ({gains.Min():0.0} to {gains.Max():0.0}); {Median(saving):0.0} ms where it is saved");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static OnnxModelRuntime Keeping(string folder) =>
        new(new OnnxOptions { GraphCache = new GraphCacheOptions(folder) { MinModelBytes = 0 } }, NullLogger<OnnxModelRuntime>.Instance);

    private static double Load(OnnxModelRuntime runtime, ModelArtifact artifact)
    {
        var watch = Stopwatch.StartNew();
        using IModelInstance instance = runtime.Load(artifact, ModelConfig.Default, CancellationToken.None);
        return watch.Elapsed.TotalMilliseconds;
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
