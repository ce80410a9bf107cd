namespace ModelGateway.Protocols.Json;

/// <summary>How NaN and the infinities are written, for which JSON has no number.</summary>
internal enum NonFiniteStyle
{
    /// <summary><c>"NaN"</c>, <c>"Infinity"</c>, <c>"-Infinity"</c>: any JSON reader takes them.</summary>
    Quoted,

    /// <summary>NaN, Infinity, -Infinity as Python's json and its kin write and read them.</summary>
    Bare,
}
