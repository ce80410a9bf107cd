using System.Runtime.InteropServices;
using System.Text;

namespace ModelGateway.TestKit.Onnx;

/// <summary>A constant: the value of an initializer or of a tensor attribute.</summary>
/// <remarks>
/// <code>
/// TensorProto   dims = 1 (repeated), data_type = 2, int32_data = 5 (repeated, packed), string_data = 6 (repeated), name = 8,
///               raw_data = 9 (little endian, row-major), external_data = 13 (entries location, offset, length),
///               data_location = 14 (1: external)
/// </code>
/// </remarks>
public sealed class OnnxTensor
{
    private readonly long[] _dimensions;
    private readonly Action<ProtobufWriter> _writeData;

    private OnnxTensor(OnnxElementType elements, long[] dimensions, Action<ProtobufWriter> writeData)
    {
        Elements = elements;
        _dimensions = dimensions;
        _writeData = writeData;
    }

    public OnnxElementType Elements { get; }

    /// <summary>The declared type that fits this value.</summary>
    public OnnxType Type => OnnxType.Tensor(Elements, [.. _dimensions.Select(dimension => (OnnxDimension)dimension)]);

    /// <summary>Numbers or booleans of the .NET type that matches, for example <c>From([2], 1f, 2f)</c>; no dimensions: a scalar.</summary>
    public static OnnxTensor From<T>(long[] dimensions, params ReadOnlySpan<T> values)
        where T : unmanaged => FromBytes(OnnxElementTypes.Of<T>(), dimensions, MemoryMarshal.AsBytes(values));

    /// <summary>Any fixed-size element type, from its bytes.</summary>
    public static OnnxTensor FromBytes(OnnxElementType elements, long[] dimensions, ReadOnlySpan<byte> bytes)
    {
        byte[] copy = bytes.ToArray();
        return new OnnxTensor(elements, dimensions, writer => writer.Bytes(9, copy));
    }

    public static OnnxTensor FromStrings(long[] dimensions, params string[] values) =>
        new(OnnxElementType.String, dimensions, writer =>
        {
            foreach (string value in values)
            {
                writer.Bytes(6, Encoding.UTF8.GetBytes(value));
            }
        });

    /// <summary>One boolean as Python's onnx package writes it: as a number among others, not as raw bytes.</summary>
    public static OnnxTensor PackedBool(bool value) => new(OnnxElementType.Bool, [], writer => writer.Bytes(5, [value ? (byte)1 : (byte)0]));

    /// <summary>The bytes lie in a file beside the model.</summary>
    /// <param name="elements">The element type.</param>
    /// <param name="dimensions">The shape.</param>
    /// <param name="location">The file, relative to the model's folder.</param>
    /// <param name="offset">Where in the file the bytes begin.</param>
    /// <param name="length">How many they are; null leaves the entry out.</param>
    public static OnnxTensor External(OnnxElementType elements, long[] dimensions, string location, long offset, long? length) =>
        new(elements, dimensions, writer =>
        {
            writer.Entry(13, "location", location);
            writer.Entry(13, "offset", Text(offset));
            if (length is { } bytes)
            {
                writer.Entry(13, "length", Text(bytes));
            }

            writer.Int64(14, 1);
        });

    internal void WriteTo(ProtobufWriter writer, string name)
    {
        foreach (long dimension in _dimensions)
        {
            writer.Int64(1, dimension);
        }

        writer.Int64(2, (long)Elements);
        writer.Text(8, name);
        _writeData(writer);
    }

    private static string Text(long number) => number.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
