using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.Json;

/// <summary>Puts the faults of one input's data into words: where, what was expected, what kind came; never a value.</summary>
/// <param name="name">Whose data it is.</param>
/// <param name="type">Of the elements.</param>
/// <param name="faults">Gets them.</param>
/// <param name="noun">What the name is of.</param>
internal readonly struct JsonElementFaults(string name, TensorType type, FaultList faults, string noun = "Input")
{
    private string Wanted => type switch
    {
        TensorType.Bool => "true, false, 0 or 1",
        TensorType.Bytes => "strings",
        _ => "numbers",
    };

    /// <summary>One element is at fault.</summary>
    /// <param name="kind">What stands there, see <see cref="JsonKinds"/>.</param>
    /// <param name="position">Its indices; empty if it is the whole value.</param>
    public void Element(JsonScalarFault fault, string kind, string position)
    {
        string at = position.Length == 0 ? "" : " at " + position;
        (string message, string? expected, string got) = fault switch
        {
            JsonScalarFault.OutOfRange => ($"has a number{at} that is out of range for {type.Name()}{Limits()}", type.Name() + Limits(), "a number out of range"),
            JsonScalarFault.Fraction => ($"has a fraction{at}, but {type.Name()} takes whole numbers", type.Name(), "a fraction"),
            JsonScalarFault.Inexact => (
                $"has a number{at} beyond 2^53 with a point or an exponent; write it in plain digits", type.Name(), "a number that may have lost digits"),
            JsonScalarFault.LoneSurrogate => ($"has a string{at} with half of a surrogate pair, which is no Unicode text", type.Name(), "a broken string"),
            JsonScalarFault.NotBase64 => ($"has a \"b64\" string{at} that is not base64", "base64", "other text"),
            JsonScalarFault.TooMany => ("holds more data than a tensor can", (string?)null, "too much data"),
            _ => ($"expects {type.Name()} ({Wanted}), but got {kind}{at}{Advice(kind)}", type.Name(), kind),
        };
        faults.Add(name, $"{noun} '{name}' {message}.", expected, got);
    }

    /// <summary>The arrays of the value do not make a tensor.</summary>
    public void Ragged(string what) => faults.Add(name, $"Input '{name}' is ragged: {what}.", "arrays of equal length", "a ragged array");

    /// <summary>The data does not fit the shape that the caller gave.</summary>
    public void Misshaped(long[] shape, long elements, long[] nested)
    {
        string expected = TensorShape.Format(shape);
        if (nested.Length == 1)
        {
            faults.Add(name, $"Input '{name}' has shape {expected}, which is {elements} elements, but its data has {nested[0]}.", $"{elements} elements", $"{nested[0]}");
            return;
        }

        string got = nested.Length == 0 ? "a single value" : "nested as " + TensorShape.Format(nested);
        faults.Add(name, $"Input '{name}' has shape {expected}, but its data is {got}; give it flat, or nested as the shape says.", expected, got);
    }

    private string Advice(string kind) => (type, kind) switch
    {
        (TensorType.Bytes, JsonKinds.Object) => "; the only object it takes is {\"b64\": \"...\"}",
        (TensorType.Fp16 or TensorType.Bf16 or TensorType.Fp32 or TensorType.Fp64, JsonKinds.String) =>
            "; the only strings it takes are \"NaN\", \"Infinity\" and \"-Infinity\"",
        _ => "",
    };

    private string Limits()
    {
        if (type.IsFloat())
        {
            return "";
        }

        (long min, long max) = JsonIntegers.Range(type);
        return type == TensorType.UInt64 ? $" (0 to {ulong.MaxValue})" : $" ({min} to {max})";
    }
}
