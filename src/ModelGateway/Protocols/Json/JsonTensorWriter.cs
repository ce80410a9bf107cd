using System.Text.Unicode;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.Json;

/// <summary>Writes a tensor's elements as JSON: nested arrays in the native dialect, one flat array in the Open Inference Protocol.</summary>
internal static class JsonTensorWriter
{
    // What our own reader accepts around a value of the body leaves this much; far more than any model has.
    private const int MostDimensions = JsonText.MaxDepth - 4;

    // [1000000000, 0] has no element and would still be a billion pairs of brackets.
    private const long MostEmptyArrays = 1 << 20;

    /// <summary>Whether the shape can be written as nested arrays. Only a caller who chooses the output's shape can make one that cannot.</summary>
    public static bool CanNest(ReadOnlySpan<long> shape)
    {
        int zero = shape.IndexOf(0);
        bool few = zero < 0 || (TensorShape.TryCountElements(shape[..zero], out long arrays) && arrays <= MostEmptyArrays);
        return few && shape.Length <= MostDimensions;
    }

    /// <summary>
    /// Whether the elements can be written flat: strings that are not UTF-8 have no form in the protocol's JSON, such an output
    /// has to be asked for with <c>binary_data</c>.
    /// </summary>
    public static bool CanFlatten(Tensor tensor)
    {
        if (tensor.Type == TensorType.Bytes)
        {
            foreach (ReadOnlySpan<byte> element in tensor.ReadBytes())
            {
                if (!Utf8.IsValid(element))
                {
                    return false;
                }
            }
        }

        return true;
    }

    /// <summary>Writes nested arrays, a bare value for a scalar. Strings that are not UTF-8 become <c>{"b64": "..."}</c>.</summary>
    public static void WriteNested(ref JsonOutput output, Tensor tensor, NonFiniteStyle style)
    {
        var elements = new JsonElementWriter(tensor, style);
        WriteLevel(ref output, ref elements, tensor.Shape);
    }

    /// <summary>Writes one array in row-major order; false, and nothing written, where <see cref="CanFlatten"/> is.</summary>
    public static bool TryWriteFlat(ref JsonOutput output, Tensor tensor, NonFiniteStyle style)
    {
        if (!CanFlatten(tensor))
        {
            return false;
        }

        var elements = new JsonElementWriter(tensor, style);
        output.Write((byte)'[');
        elements.Write(ref output, (int)tensor.ElementCount);
        output.Write((byte)']');
        return true;
    }

    /// <summary>Writes the next elements as nested arrays of this shape; as deep as it is long, which <see cref="CanNest"/> bounds.</summary>
    public static void WriteLevel(ref JsonOutput output, ref JsonElementWriter elements, ReadOnlySpan<long> shape)
    {
        if (shape.IsEmpty)
        {
            elements.Write(ref output, 1);
            return;
        }

        output.Write((byte)'[');
        if (shape.Length == 1)
        {
            elements.Write(ref output, (int)shape[0]);
        }
        else
        {
            for (long i = 0; i < shape[0]; i++)
            {
                if (i > 0)
                {
                    output.Write((byte)',');
                }

                WriteLevel(ref output, ref elements, shape[1..]);
            }
        }

        output.Write((byte)']');
    }
}
