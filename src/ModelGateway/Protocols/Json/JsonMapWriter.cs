using System.Buffers.Text;
using System.Text;
using System.Text.Unicode;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Protocols.Json;

/// <summary>Writes a map output as <c>{label: value, ...}</c> and a sequence of maps as an array of these.</summary>
internal static class JsonMapWriter
{
    /// <summary>One map; its values have the shape <c>[labels]</c>.</summary>
    public static void WriteMap(ref JsonOutput output, Tensor labels, Tensor values, NonFiniteStyle style)
    {
        var elements = new JsonElementWriter(values, style);
        WriteRow(ref output, labels, ref elements);
    }

    /// <summary>A map a row; the values have the shape <c>[rows, labels]</c>.</summary>
    public static void WriteMaps(ref JsonOutput output, Tensor labels, Tensor values, NonFiniteStyle style)
    {
        var elements = new JsonElementWriter(values, style);
        output.Write((byte)'[');
        for (long row = 0; row < values.Shape[0]; row++)
        {
            if (row > 0)
            {
                output.Write((byte)',');
            }

            WriteRow(ref output, labels, ref elements);
        }

        output.Write((byte)']');
    }

    /// <summary>The next map of a sequence; <paramref name="elements"/> stands at its first value.</summary>
    public static void WriteRow(ref JsonOutput output, Tensor labels, ref JsonElementWriter elements)
    {
        BytesReader texts = labels.ReadBytes();
        output.Write((byte)'{');
        for (int i = 0; i < labels.ElementCount; i++)
        {
            if (i > 0)
            {
                output.Write((byte)',');
            }

            if (labels.Type == TensorType.Bytes)
            {
                texts.MoveNext();
                WriteKey(ref output, texts.Current);
            }
            else
            {
                WriteKey(ref output, labels.AsSpan<long>()[i]);
            }

            output.Write((byte)':');
            elements.Write(ref output, 1);
        }

        output.Write((byte)'}');
    }

    private static void WriteKey(ref JsonOutput output, long label)
    {
        Span<byte> to = output.Reserve(JsonNumbers.Longest);
        Utf8Formatter.TryFormat(label, to[1..], out int length);
        to[0] = (byte)'"';
        to[length + 1] = (byte)'"';
        output.Advance(length + 2);
    }

    // A key can only be text; exporters make labels of text, so the replacement characters are for the broken ones.
    private static void WriteKey(ref JsonOutput output, ReadOnlySpan<byte> label)
    {
        if (Utf8.IsValid(label))
        {
            JsonStringWriter.Write(ref output, label);
        }
        else
        {
            JsonStringWriter.Write(ref output, Encoding.UTF8.GetString(label));
        }
    }
}
