using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.OpenInference;

/// <summary>What of a graph's output stands in one output of the protocol.</summary>
internal enum WirePart
{
    /// <summary>The tensor; of maps their values.</summary>
    Values,

    /// <summary>The labels of maps.</summary>
    Labels,

    /// <summary>All tensors of a sequence, each as an output of its own.</summary>
    Elements,
}

/// <summary>One output as the protocol's callers see it.</summary>
/// <param name="Name">The name on the wire; of a sequence's elements the part before their number.</param>
/// <param name="Source">The graph's output.</param>
/// <param name="Part">What of it.</param>
/// <param name="Type">The element type.</param>
/// <param name="Shape">Dimensions, -1 where they vary; null where not even the rank is known.</param>
internal sealed record WireOutput(string Name, OutputSpec Source, WirePart Part, TensorType Type, long[]? Shape)
{
    /// <summary>Of a sequence, what stands before an element's number.</summary>
    public string ElementPrefix { get; init; } = "";
}
