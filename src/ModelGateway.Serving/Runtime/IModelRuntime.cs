using ModelGateway.Serving.Models;
using ModelGateway.Serving.Repository;

namespace ModelGateway.Serving.Runtime;

/// <summary>Turns an artifact into something that runs.</summary>
public interface IModelRuntime
{
    /// <summary>
    /// Loads a model; slow (milliseconds to minutes), so it is called on a loader thread, never on one that answers requests.
    /// The caller owns the instance and keeps the artifact until the instance is disposed.
    /// </summary>
    /// <exception cref="ModelLoadException">The model cannot be served; the message says why, for operators.</exception>
    /// <exception cref="OperationCanceledException">The load was called off.</exception>
    IModelInstance Load(ModelArtifact artifact, ModelConfig config, CancellationToken cancellationToken);
}
