using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>Turns a session's metadata into a signature, or says which input or output cannot be served.</summary>
internal static class OnnxSignatureReader
{
    public static ModelSignature Read(InferenceSession session, OnnxFileHeader header)
    {
        var inputs = new List<TensorSpec>();
        foreach (string name in session.InputNames)
        {
            inputs.Add(ReadInput(name, session.InputMetadata[name], header, optional: false));
        }

        foreach ((string name, NodeMetadata node) in session.OverridableInitializerMetadata)
        {
            inputs.Add(ReadInput(name, node, header, optional: true));
        }

        return new ModelSignature(inputs, [.. session.OutputNames.Select(name => ReadOutput(name, session.OutputMetadata[name], header))]);
    }

    private static TensorSpec ReadInput(string name, NodeMetadata node, OnnxFileHeader header, bool optional) =>
        node.OnnxValueType == OnnxValueType.ONNX_TYPE_TENSOR
            ? ReadTensor($"Input '{name}'", name, node, header) with { Optional = optional }
            : throw new ModelLoadException($"Input '{name}' is {Describe(node.OnnxValueType)}; only tensors can be sent.");

    private static OutputSpec ReadOutput(string name, NodeMetadata node, OnnxFileHeader header)
    {
        string what = $"Output '{name}'";
        if (node.OnnxValueType == OnnxValueType.ONNX_TYPE_TENSOR)
        {
            return new OutputSpec(OutputKind.Tensor, ReadTensor(what, name, node, header));
        }

        if (node.OnnxValueType == OnnxValueType.ONNX_TYPE_MAP)
        {
            return ReadMap(what, name, node.AsMapMetadata(), OutputKind.Map, [-1]);
        }

        if (node.OnnxValueType == OnnxValueType.ONNX_TYPE_SEQUENCE)
        {
            NodeMetadata element = node.AsSequenceMetadata().ElementMeta;
            if (element.OnnxValueType == OnnxValueType.ONNX_TYPE_MAP)
            {
                return ReadMap(what, name, element.AsMapMetadata(), OutputKind.MapSequence, [-1, -1]);
            }

            if (element.OnnxValueType == OnnxValueType.ONNX_TYPE_TENSOR)
            {
                // The elements of a sequence may differ in rank, and the metadata shows an unknown shape as a scalar.
                return new OutputSpec(OutputKind.TensorSequence, ReadTensor(what, name, element, header) with { Dimensions = null, DimensionNames = [] });
            }
        }

        throw new ModelLoadException($"{what} is {Describe(node.OnnxValueType)}, which no protocol of the gateway can carry.");
    }

    private static TensorSpec ReadTensor(string what, string name, NodeMetadata node, OnnxFileHeader header)
    {
        TensorType type = ReadType(what, node.ElementDataType);
        int[] dimensions = node.Dimensions;
        if (dimensions.Length == 0 && header.HasUnknownRank(name))
        {
            return new TensorSpec(name, type, null);
        }

        return new TensorSpec(name, type, [.. dimensions.Select(dimension => (long)dimension)])
        {
            DimensionNames = [.. node.SymbolicDimensions.Select(symbol => symbol ?? "")],
        };
    }

    private static OutputSpec ReadMap(string what, string name, MapMetadata map, OutputKind kind, long[] dimensions)
    {
        TensorType keys = ReadType(what, map.KeyDataType);
        if (keys is not (TensorType.Int64 or TensorType.Bytes))
        {
            throw new ModelLoadException($"{what} is a map with {keys.Name()} keys; only INT64 and string keys can be served.");
        }

        return new OutputSpec(kind, new TensorSpec(name, ReadType(what, map.ValueMetadata.ElementDataType), dimensions)) { LabelType = keys };
    }

    private static TensorType ReadType(string what, TensorElementType element) =>
        OnnxTypes.TryToTensorType(element, out TensorType type)
            ? type
            : throw new ModelLoadException($"{what} has elements of type {element}, which no protocol of the gateway can carry.");

    private static string Describe(OnnxValueType type) => type switch
    {
        OnnxValueType.ONNX_TYPE_SEQUENCE => "a sequence",
        OnnxValueType.ONNX_TYPE_MAP => "a map",
        OnnxValueType.ONNX_TYPE_OPTIONAL => "an optional",
        OnnxValueType.ONNX_TYPE_SPARSETENSOR => "a sparse tensor",
        _ => "a value of an unknown kind",
    };
}
