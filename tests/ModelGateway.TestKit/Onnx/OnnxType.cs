namespace ModelGateway.TestKit.Onnx;

/// <summary>The declared type of a graph's input or output.</summary>
/// <remarks>
/// <code>
/// TypeProto        tensor_type = 1 | sequence_type = 4 | map_type = 5 | optional_type = 9
/// Tensor           elem_type = 1 (number), shape = 2 (absent: not even the rank is known)
/// TensorShapeProto dim = 1, repeated (none: a scalar)
/// Sequence         elem_type = 1 (TypeProto)
/// Map              key_type = 1 (number), value_type = 2 (TypeProto)
/// Optional         elem_type = 1 (TypeProto)
/// </code>
/// </remarks>
public sealed class OnnxType
{
    private readonly Action<ProtobufWriter> _write;

    private OnnxType(Action<ProtobufWriter> write)
    {
        _write = write;
    }

    /// <summary>A tensor; without dimensions a scalar.</summary>
    public static OnnxType Tensor(OnnxElementType elements, params OnnxDimension[] dimensions) =>
        new(type => type.Message(1, tensor =>
        {
            tensor.Int64(1, (long)elements);
            tensor.Message(2, shape =>
            {
                foreach (OnnxDimension dimension in dimensions)
                {
                    shape.Message(1, dimension.WriteTo);
                }
            });
        }));

    /// <summary>A tensor whose rank is not declared.</summary>
    public static OnnxType TensorOfAnyRank(OnnxElementType elements) =>
        new(type => type.Message(1, tensor => tensor.Int64(1, (long)elements)));

    public static OnnxType Sequence(OnnxType elements) => new(type => type.Message(4, sequence => sequence.Message(1, elements.WriteTo)));

    /// <summary>A map; the keys are INT64 or STRING.</summary>
    public static OnnxType Map(OnnxElementType keys, OnnxElementType values) =>
        new(type => type.Message(5, map =>
        {
            map.Int64(1, (long)keys);
            map.Message(2, TensorOfAnyRank(values).WriteTo);
        }));

    public static OnnxType Optional(OnnxType element) => new(type => type.Message(9, optional => optional.Message(1, element.WriteTo)));

    internal void WriteTo(ProtobufWriter writer) => _write(writer);
}
