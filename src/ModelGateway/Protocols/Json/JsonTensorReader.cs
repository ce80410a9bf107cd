using System.Text.Json;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.Json;

/// <summary>
/// Reads the JSON value under a reader straight into a pooled tensor. Either way the reader is left at the value's last token;
/// where the result is null the faults say why. Text that is no JSON throws <see cref="JsonException"/>, see <see cref="JsonSyntax"/>.
/// </summary>
internal static class JsonTensorReader
{
    /// <summary>
    /// A value whose shape follows from its nesting; a value that is no array is a scalar. Dimensions that an empty array hides
    /// are taken from the spec, anything else about the shape is for the validator to check.
    /// </summary>
    public static Tensor? ReadNested(ref Utf8JsonReader reader, JsonText text, TensorSpec spec, FaultList faults)
    {
        using var builder = JsonTensorBuilder.Rent(text, spec.Name, spec.Type, ExpectedElements(spec), faults);
        builder.Read(ref reader);
        return builder.ToTensor(spec.Dimensions);
    }

    /// <summary>The data of a given shape, flat in row-major order or nested as the shape says.</summary>
    public static Tensor? ReadData(ref Utf8JsonReader reader, JsonText text, string name, TensorType type, long[] shape, FaultList faults)
    {
        if (!TensorShape.TryCountElements(shape, out long elements))
        {
            faults.Add(name, $"Input '{name}' has the shape {TensorShape.Format(shape)}, which is not valid.", "dimensions of 0 or more", TensorShape.Format(shape));
            reader.Skip();
            return null;
        }

        using var builder = JsonTensorBuilder.Rent(text, name, type, elements, faults);
        builder.Read(ref reader);
        return builder.ToTensor(shape, elements);
    }

    /// <summary>The elements of a spec whose dimensions are all fixed, -1 of any other.</summary>
    public static long ExpectedElements(TensorSpec spec) =>
        spec.Dimensions is not null && TensorShape.TryCountElements(spec.Dimensions, out long elements) ? elements : -1;
}
