using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Scheduling;

/// <summary>The rows of a request.</summary>
internal static class RunRows
{
    /// <summary>The first dimension of the first input; at least 1, also where it has none.</summary>
    public static long Of(IReadOnlyList<NamedTensor> inputs) => inputs.Count > 0 && inputs[0].Tensor.Shape is [> 0 and var rows, ..] ? rows : 1;
}
