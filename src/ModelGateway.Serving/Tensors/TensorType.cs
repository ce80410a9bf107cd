namespace ModelGateway.Serving.Tensors;

/// <summary>The element types a tensor can have at the gateway's border; the names of the Open Inference Protocol.</summary>
public enum TensorType
{
    /// <summary>One byte, 0 or 1.</summary>
    Bool,

    /// <summary>Unsigned, 8 bits.</summary>
    UInt8,

    /// <summary>Unsigned, 16 bits.</summary>
    UInt16,

    /// <summary>Unsigned, 32 bits.</summary>
    UInt32,

    /// <summary>Unsigned, 64 bits.</summary>
    UInt64,

    /// <summary>Signed, 8 bits.</summary>
    Int8,

    /// <summary>Signed, 16 bits.</summary>
    Int16,

    /// <summary>Signed, 32 bits.</summary>
    Int32,

    /// <summary>Signed, 64 bits.</summary>
    Int64,

    /// <summary>IEEE 754 binary16.</summary>
    Fp16,

    /// <summary>bfloat16: the upper half of an IEEE 754 binary32.</summary>
    Bf16,

    /// <summary>IEEE 754 binary32.</summary>
    Fp32,

    /// <summary>IEEE 754 binary64.</summary>
    Fp64,

    /// <summary>Variable-length byte strings, as a rule UTF-8 text.</summary>
    Bytes,
}
