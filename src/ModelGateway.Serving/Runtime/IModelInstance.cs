using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Runtime;

/// <summary>A loaded model. Runs may overlap; disposing it while one is in flight is the caller's fault and not guarded.</summary>
public interface IModelInstance : IDisposable
{
    /// <summary>Inputs and outputs.</summary>
    ModelSignature Signature { get; }

    /// <summary>What the model says of itself.</summary>
    ModelMetadata Metadata { get; }

    /// <summary>An estimate of the native memory held, in bytes; the allocator gives no exact figure.</summary>
    long MemoryEstimate { get; }

    /// <summary>
    /// Runs the graph on the calling thread. The request must have passed validation against <see cref="Signature"/>.
    /// The inputs stay the caller's; the outputs become the caller's and are in managed memory.
    /// </summary>
    /// <param name="inputs">Every required input, in any order.</param>
    /// <param name="outputs">The outputs wanted, in the order wanted; null for all.</param>
    /// <param name="cancellationToken">Stops the run between two nodes of the graph.</param>
    /// <exception cref="ModelRunException">The graph refused the input or failed; the instance stays usable.</exception>
    /// <exception cref="OperationCanceledException">The run was stopped.</exception>
    IReadOnlyList<OutputValue> Run(IReadOnlyList<NamedTensor> inputs, IReadOnlyList<string>? outputs, CancellationToken cancellationToken);
}
