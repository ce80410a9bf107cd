using Microsoft.Extensions.Logging.Abstractions;
using ModelGateway.Serving.Diagnostics;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Runtime.Onnx;
using ModelGateway.Serving.Tensors;
using Xunit;

namespace ModelGateway.Serving.Tests.Runtime.Onnx;

/// <summary>A model in a temporary folder, loaded by the real runtime; inputs added to it and outputs got from it are disposed with it.</summary>
internal sealed class LoadedModel : IDisposable
{
    private readonly ModelArtifact _artifact;
    private readonly List<NamedTensor> _inputs = [];
    private readonly List<OutputValue> _outputs = [];

    public LoadedModel(byte[] model, string config = "", OnnxOptions? options = null, ServingMetrics? metrics = null, params (string Name, byte[] Content)[] files)
    {
        string folder = Directory.CreateTempSubdirectory("model-").FullName;
        foreach ((string name, byte[] content) in files.Append((ModelArtifact.ModelFileName, model)))
        {
            File.WriteAllBytes(Path.Combine(folder, name), content);
        }

        _artifact = new ModelArtifact(folder, "", model.Length);
        try
        {
            ModelConfigResult read = ModelConfigReader.Read(config);
            Assert.True(read.IsValid, read.Reason);
            Instance = Runtime(options, metrics).Load(_artifact, read.Config, CancellationToken.None);
        }
        catch
        {
            _artifact.Dispose();
            throw;
        }
    }

    public IModelInstance Instance { get; }

    public ModelSignature Signature => Instance.Signature;

    public string Folder => _artifact.Directory;

    public static OnnxModelRuntime Runtime(OnnxOptions? options = null, ServingMetrics? metrics = null) =>
        new(options ?? new OnnxOptions(), NullLogger<OnnxModelRuntime>.Instance, metrics);

    /// <summary>The reason why a model cannot be loaded.</summary>
    public static string LoadFailure(byte[] model, string config = "", OnnxOptions? options = null, params (string Name, byte[] Content)[] files) =>
        Assert.Throws<ModelLoadException>(() => new LoadedModel(model, config, options, null, files)).Message;

    public LoadedModel Input(string name, Tensor tensor)
    {
        _inputs.Add(new NamedTensor(name, tensor));
        return this;
    }

    public LoadedModel Input<T>(string name, TensorType type, long[] shape, params T[] values)
        where T : unmanaged => Input(name, Tensor.Create<T>(type, shape, values));

    public LoadedModel Strings(string name, long[] shape, params string[] values) => Input(name, Tensor.FromStrings(shape, values));

    /// <summary>Runs on the inputs given so far and forgets them.</summary>
    public IReadOnlyList<OutputValue> Run(params string[] outputs) => Run(CancellationToken.None, outputs);

    public IReadOnlyList<OutputValue> Run(CancellationToken cancellationToken, params string[] outputs)
    {
        try
        {
            IReadOnlyList<OutputValue> values = Instance.Run(_inputs, outputs.Length == 0 ? null : outputs, cancellationToken);
            _outputs.AddRange(values);
            return values;
        }
        finally
        {
            _inputs.ForEach(input => input.Tensor.Dispose());
            _inputs.Clear();
        }
    }

    public void Dispose()
    {
        _outputs.ForEach(output => output.Dispose());
        _inputs.ForEach(input => input.Tensor.Dispose());
        Instance.Dispose();
        _artifact.Dispose();
    }
}
