namespace ModelGateway.Protocols.Json;

/// <summary>Why one JSON value is not an element of the tensor's type.</summary>
internal enum JsonScalarFault
{
    None,
    WrongKind,
    OutOfRange,
    Fraction,

    /// <summary>Beyond 2^53 and written with a point or an exponent: it went through a double and may have lost digits.</summary>
    Inexact,
    LoneSurrogate,
    NotBase64,

    /// <summary>The tensor would leave the largest size of an array.</summary>
    TooMany,
}
