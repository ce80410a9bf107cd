using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;
using ModelGateway.Serving.Runtime;

namespace ModelGateway.TestKit;

/// <summary>A runtime without ONNX Runtime, for faults and races: what a load does is given by the test.</summary>
public sealed class FakeRuntime : IModelRuntime
{
    private readonly List<FakeInstance> _instances = [];

    /// <summary>What a load does; by default it makes a <see cref="FakeInstance"/>.</summary>
    public Func<ModelArtifact, CancellationToken, FakeInstance> OnLoad { get; set; } = static (_, _) => new FakeInstance();

    /// <summary>Every instance made so far.</summary>
    public IReadOnlyList<FakeInstance> Instances
    {
        get
        {
            lock (_instances)
            {
                return [.. _instances];
            }
        }
    }

    /// <inheritdoc/>
    public IModelInstance Load(ModelArtifact artifact, ModelConfig config, CancellationToken cancellationToken)
    {
        FakeInstance instance = OnLoad(artifact, cancellationToken);
        lock (_instances)
        {
            _instances.Add(instance);
        }

        return instance;
    }
}
