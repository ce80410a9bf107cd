namespace ModelGateway.Serving.Models;

/// <summary>What a made-up tensor holds.</summary>
public enum WarmupFill
{
    /// <summary>0, false, an empty string.</summary>
    Zero,

    /// <summary>1, true, <c>"1"</c>.</summary>
    One,

    /// <summary>Floats in [0, 1), integers 0 or 1, strings of a digit; the same sequence every time.</summary>
    Random,
}
