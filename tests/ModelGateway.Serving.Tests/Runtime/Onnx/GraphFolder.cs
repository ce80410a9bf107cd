using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging.Abstractions;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Repository.Encryption;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Runtime.Onnx;
using ModelGateway.Serving.Tensors;
using Prometheus;
using Xunit;

namespace ModelGateway.Serving.Tests.Runtime.Onnx;

/// <summary>A folder of optimized graphs, and the runtimes of one or several processes on it.</summary>
internal sealed class GraphFolder : IDisposable
{
    private readonly string _base = Directory.CreateTempSubdirectory("graphs-").FullName;

    private readonly List<Process> _processes = [];

    /// <summary>The cache's folder.</summary>
    public string Graphs => Path.Combine(_base, "graphs");

    /// <summary>The kept graphs.</summary>
    public IReadOnlyList<string> Kept => [.. Directory.GetDirectories(Graphs).Where(folder => !Path.GetFileName(folder).StartsWith('.')).Order(StringComparer.Ordinal)];

    /// <summary>One process more.</summary>
    public Process Start(long maxBytes = 1L << 30, long minModelBytes = 0, EncryptionKeys? keys = null)
    {
        var process = new Process(this, new GraphCacheOptions(Graphs) { MaxBytes = maxBytes, MinModelBytes = minModelBytes }, keys ?? EncryptionKeys.None);
        _processes.Add(process);
        return process;
    }

    public void Dispose()
    {
        _processes.ForEach(process => process.Dispose());
        Directory.Delete(_base, recursive: true);
    }

    /// <summary>One runtime with metrics of its own.</summary>
    internal sealed class Process : IDisposable
    {
        private readonly GraphFolder _folder;
        private readonly OnnxModelRuntime _runtime;
        private readonly ServingMetrics _metrics = new(Metrics.NewCustomRegistry());

        public Process(GraphFolder folder, GraphCacheOptions graphs, EncryptionKeys keys)
        {
            _folder = folder;
            _runtime = new OnnxModelRuntime(new OnnxOptions { GraphCache = graphs, Encryption = keys }, NullLogger<OnnxModelRuntime>.Instance, _metrics);
        }

        /// <summary>At the end of the folder.</summary>
        public void Dispose() => _runtime.Dispose();

        /// <summary>How often a load ended with this outcome, as the metric names it.</summary>
        public int Count(string outcome) => (int)_metrics.GraphCacheGraphs.WithLabels(outcome).Value;

        public double Bytes => _metrics.GraphCacheBytes.Value;

        /// <summary>The files as an artifact; the caller disposes it.</summary>
        public ModelArtifact Artifact(params (string Name, byte[] Content)[] files)
        {
            string folder = Path.Combine(_folder._base, Guid.NewGuid().ToString("n"));
            foreach ((string name, byte[] content) in files)
            {
                string path = Path.Combine(folder, name);
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                File.WriteAllBytes(path, content);
            }

            string digest = ArtifactDigest.Of(files.Select(file => (file.Name, Convert.ToHexStringLower(SHA256.HashData(file.Content)))));
            return new ModelArtifact(folder, digest, files.Sum(file => file.Content.Length));
        }

        public IModelInstance Load(ModelArtifact artifact, string config = "")
        {
            ModelConfigResult read = ModelConfigReader.Read(config);
            Assert.True(read.IsValid, read.Reason);
            return _runtime.Load(artifact, read.Config, CancellationToken.None);
        }

        /// <summary>Loads, runs on made-up inputs, and tells all that a caller can see: bits of the answers, signature, metadata.</summary>
        public string LoadAndDescribe(byte[] model, string config = "") => LoadAndDescribe([(ModelArtifact.ModelFileName, model)], config);

        public string LoadAndDescribe((string Name, byte[] Content)[] files, string config = "")
        {
            using ModelArtifact artifact = Artifact(files);
            using IModelInstance instance = Load(artifact, config);
            return Describe(instance);
        }

        public static string Describe(IModelInstance instance)
        {
            List<NamedTensor> inputs = [.. instance.Signature.Inputs.Where(input => !input.Optional).Select(MakeUp)];
            try
            {
                IReadOnlyList<OutputValue> outputs = instance.Run(inputs, null, CancellationToken.None);
                string answers = string.Join("\n", outputs.Select(Describe));
                foreach (OutputValue output in outputs)
                {
                    output.Dispose();
                }

                return $"{SessionFingerprint.Of(instance.Signature, instance.Metadata)}\n{answers}";
            }
            finally
            {
                inputs.ForEach(input => input.Tensor.Dispose());
            }
        }

        private static NamedTensor MakeUp(TensorSpec input)
        {
            long[] shape = [.. (input.Dimensions ?? [2]).Select((dimension, index) => dimension >= 0 ? dimension : index == 0 ? 1 : input.Name switch { "input" => 288, "state" => 1, _ => 8 })];
            return new NamedTensor(input.Name, TensorFiller.Fill(input.Type, shape, input.Type == TensorType.Bytes ? WarmupFill.Zero : WarmupFill.Random));
        }

        private static string Describe(OutputValue output) => string.Create(
            CultureInfo.InvariantCulture,
            $"{output.Name} {output.Kind} {string.Join(" ", output.Tensors.Select(Bits))} {(output.Labels is { } labels ? Bits(labels) : "")}");

        private static string Bits(Tensor tensor) => $"{tensor.Type} [{string.Join(",", tensor.Shape)}] {Convert.ToHexString(tensor.Data)}";
    }
}
