namespace ModelGateway.Serving.Tensors;

/// <summary>A tensor and the input or output it is for.</summary>
/// <param name="Name">The name in the ONNX graph.</param>
/// <param name="Tensor">The data; owned by whoever holds the list this stands in.</param>
public readonly record struct NamedTensor(string Name, Tensor Tensor)
{
    /// <summary>Bytes of all of them together.</summary>
    internal static long BytesOf(IReadOnlyList<NamedTensor> tensors)
    {
        long bytes = 0;
        for (int i = 0; i < tensors.Count; i++)
        {
            bytes += tensors[i].Tensor.Data.Length;
        }

        return bytes;
    }
}
