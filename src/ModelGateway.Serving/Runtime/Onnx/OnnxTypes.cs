using Microsoft.ML.OnnxRuntime.Tensors;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>The border between ONNX Runtime's element types and ours.</summary>
internal static class OnnxTypes
{
    /// <summary>Ours for theirs; false for complex numbers and what else has no name in the protocols.</summary>
    public static bool TryToTensorType(TensorElementType element, out TensorType type)
    {
        TensorType? found = element switch
        {
            TensorElementType.Bool => TensorType.Bool,
            TensorElementType.UInt8 => TensorType.UInt8,
            TensorElementType.UInt16 => TensorType.UInt16,
            TensorElementType.UInt32 => TensorType.UInt32,
            TensorElementType.UInt64 => TensorType.UInt64,
            TensorElementType.Int8 => TensorType.Int8,
            TensorElementType.Int16 => TensorType.Int16,
            TensorElementType.Int32 => TensorType.Int32,
            TensorElementType.Int64 => TensorType.Int64,
            TensorElementType.Float16 => TensorType.Fp16,
            TensorElementType.BFloat16 => TensorType.Bf16,
            TensorElementType.Float => TensorType.Fp32,
            TensorElementType.Double => TensorType.Fp64,
            TensorElementType.String => TensorType.Bytes,
            _ => null,
        };
        type = found.GetValueOrDefault();
        return found is not null;
    }

    /// <summary>Theirs for ours.</summary>
    public static TensorElementType ToElementType(TensorType type) => type switch
    {
        TensorType.Bool => TensorElementType.Bool,
        TensorType.UInt8 => TensorElementType.UInt8,
        TensorType.UInt16 => TensorElementType.UInt16,
        TensorType.UInt32 => TensorElementType.UInt32,
        TensorType.UInt64 => TensorElementType.UInt64,
        TensorType.Int8 => TensorElementType.Int8,
        TensorType.Int16 => TensorElementType.Int16,
        TensorType.Int32 => TensorElementType.Int32,
        TensorType.Int64 => TensorElementType.Int64,
        TensorType.Fp16 => TensorElementType.Float16,
        TensorType.Bf16 => TensorElementType.BFloat16,
        TensorType.Fp32 => TensorElementType.Float,
        TensorType.Fp64 => TensorElementType.Double,
        TensorType.Bytes => TensorElementType.String,
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    /// <summary>The name in onnx.proto of an element type that the API has no name for, and so no model with it can be served; else null.</summary>
    public static string? UnservableName(int elementType) => elementType switch
    {
        >= 1 and <= 16 => null,
        17 => "FLOAT8E4M3FN",
        18 => "FLOAT8E4M3FNUZ",
        19 => "FLOAT8E5M2",
        20 => "FLOAT8E5M2FNUZ",
        21 => "UINT4",
        22 => "INT4",
        23 => "FLOAT4E2M1",
        _ => $"number {elementType}",
    };
}
