using ModelGateway.Serving.Tensors;

namespace ModelGateway.TestKit.Onnx;

/// <summary>From the gateway's and from .NET's element types to ONNX's.</summary>
public static class OnnxElementTypes
{
    private static readonly Dictionary<Type, OnnxElementType> ByClrType = new()
    {
        [typeof(bool)] = OnnxElementType.Bool,
        [typeof(byte)] = OnnxElementType.UInt8,
        [typeof(ushort)] = OnnxElementType.UInt16,
        [typeof(uint)] = OnnxElementType.UInt32,
        [typeof(ulong)] = OnnxElementType.UInt64,
        [typeof(sbyte)] = OnnxElementType.Int8,
        [typeof(short)] = OnnxElementType.Int16,
        [typeof(int)] = OnnxElementType.Int32,
        [typeof(long)] = OnnxElementType.Int64,
        [typeof(Half)] = OnnxElementType.Float16,
        [typeof(float)] = OnnxElementType.Float,
        [typeof(double)] = OnnxElementType.Double,
    };

    /// <summary>The ONNX type of the same elements.</summary>
    public static OnnxElementType ToOnnx(this TensorType type) => type switch
    {
        TensorType.Bool => OnnxElementType.Bool,
        TensorType.UInt8 => OnnxElementType.UInt8,
        TensorType.UInt16 => OnnxElementType.UInt16,
        TensorType.UInt32 => OnnxElementType.UInt32,
        TensorType.UInt64 => OnnxElementType.UInt64,
        TensorType.Int8 => OnnxElementType.Int8,
        TensorType.Int16 => OnnxElementType.Int16,
        TensorType.Int32 => OnnxElementType.Int32,
        TensorType.Int64 => OnnxElementType.Int64,
        TensorType.Fp16 => OnnxElementType.Float16,
        TensorType.Bf16 => OnnxElementType.BFloat16,
        TensorType.Fp32 => OnnxElementType.Float,
        TensorType.Fp64 => OnnxElementType.Double,
        TensorType.Bytes => OnnxElementType.String,
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    /// <summary>The ONNX type of a .NET number. BFloat16 has no .NET type: give its bytes to <see cref="OnnxTensor.FromBytes"/>.</summary>
    public static OnnxElementType Of<T>()
        where T : unmanaged =>
        ByClrType.TryGetValue(typeof(T), out OnnxElementType type) ? type : throw new ArgumentException($"{typeof(T)} is no ONNX element type.");
}
