using System.Diagnostics.CodeAnalysis;

namespace ModelGateway.Serving.Tensors;

/// <summary>What each <see cref="TensorType"/> is called and how large its elements are.</summary>
public static class TensorTypes
{
    // Indexed by TensorType; the order is the enum's.
    private static readonly string[] Names =
        ["BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "BF16", "FP32", "FP64", "BYTES"];

    private static readonly int[] Sizes = [1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 2, 4, 8, 0];

    /// <summary>All names, in the enum's order.</summary>
    public static IReadOnlyList<string> AllNames => Names;

    /// <summary>The Open Inference Protocol's name, for example <c>FP32</c>.</summary>
    public static string Name(this TensorType type) => Names[(int)type];

    /// <summary>Bytes of one element; 0 for <see cref="TensorType.Bytes"/>, whose elements vary.</summary>
    public static int ElementSize(this TensorType type) => Sizes[(int)type];

    /// <summary>FP16, BF16, FP32 or FP64.</summary>
    public static bool IsFloat(this TensorType type) => type is >= TensorType.Fp16 and <= TensorType.Fp64;

    /// <summary>Any of the signed and unsigned integers.</summary>
    public static bool IsInteger(this TensorType type) => type is >= TensorType.UInt8 and <= TensorType.Int64;

    /// <summary>Reads a protocol name; the case matters, as it does for the protocol's other servers.</summary>
    public static bool TryParse([NotNullWhen(true)] string? name, out TensorType type)
    {
        int index = Array.IndexOf(Names, name);
        type = index < 0 ? default : (TensorType)index;
        return index >= 0;
    }
}
