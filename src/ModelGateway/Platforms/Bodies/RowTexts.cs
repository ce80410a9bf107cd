using System.Text;
using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Runtime;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Platforms.Bodies;

/// <summary>An output as one text a row, so that the rows of several outputs can be put side by side. Dispose it: the text is in pooled memory.</summary>
internal sealed class RowTexts : IDisposable
{
    private readonly PooledText _text;
    private readonly int[] _ends;

    private RowTexts(int rows)
    {
        _text = new PooledText(rows * 16);
        _ends = new int[rows];
    }

    private delegate void RowWriter(ref JsonOutput output);

    /// <summary>The text of a row.</summary>
    public ReadOnlySpan<byte> this[int row] => _text.Written.Span[(row == 0 ? 0 : _ends[row - 1]).._ends[row]];

    /// <summary>How many rows an output has; -1 where it has none because it is a scalar.</summary>
    public static int CountRows(OutputValue value) => value.Kind switch
    {
        OutputKind.TensorSequence => value.Tensors.Count,
        OutputKind.Map => 1,
        _ => value.Values.Shape is { Length: > 0 } shape && shape[0] <= int.MaxValue ? (int)shape[0] : -1,
    };

    /// <summary>The rows in JSON.</summary>
    /// <param name="value">An output that has rows, and whose shape can be nested.</param>
    public static RowTexts InJson(OutputValue value)
    {
        var texts = new RowTexts(CountRows(value));
        var output = new JsonOutput(texts._text);
        switch (value.Kind)
        {
            case OutputKind.TensorSequence:
                for (int row = 0; row < texts._ends.Length; row++)
                {
                    JsonTensorWriter.WriteNested(ref output, value.Tensors[row], NonFiniteStyle.Quoted);
                    texts.End(ref output, row);
                }

                break;
            case OutputKind.Map or OutputKind.MapSequence:
                var maps = new JsonElementWriter(value.Values, NonFiniteStyle.Quoted);
                for (int row = 0; row < texts._ends.Length; row++)
                {
                    JsonMapWriter.WriteRow(ref output, value.Labels!, ref maps);
                    texts.End(ref output, row);
                }

                break;
            default:
                var elements = new JsonElementWriter(value.Values, NonFiniteStyle.Quoted);
                for (int row = 0; row < texts._ends.Length; row++)
                {
                    JsonTensorWriter.WriteLevel(ref output, ref elements, value.Values.Shape.AsSpan(1));
                    texts.End(ref output, row);
                }

                break;
        }

        return texts;
    }

    /// <summary>The rows as cells with commas between.</summary>
    /// <param name="value">A tensor with rows.</param>
    public static RowTexts InCsv(OutputValue value)
    {
        var texts = new RowTexts(CountRows(value));
        var output = new JsonOutput(texts._text);
        int cells = texts._ends.Length == 0 ? 0 : (int)(value.Values.ElementCount / texts._ends.Length);
        var elements = new JsonElementWriter(value.Values, NonFiniteStyle.Bare);
        BytesReader strings = value.Values.ReadBytes();
        for (int row = 0; row < texts._ends.Length; row++)
        {
            if (value.Values.Type == TensorType.Bytes)
            {
                WriteStrings(ref output, ref strings, cells);
            }
            else
            {
                elements.Write(ref output, cells);
            }

            texts.End(ref output, row);
        }

        return texts;
    }

    public void Dispose() => _text.Dispose();

    private static void WriteStrings(ref JsonOutput output, ref BytesReader strings, int cells)
    {
        for (int i = 0; i < cells; i++)
        {
            if (i > 0)
            {
                output.Write((byte)',');
            }

            strings.MoveNext();
            ReadOnlySpan<byte> text = strings.Current;
            if (text.IndexOfAny(",\"\r\n"u8) < 0)
            {
                output.Write(text);
                continue;
            }

            // RFC 4180: in quotes, and a quote twice.
            output.Write(Encoding.UTF8.GetBytes($"\"{Encoding.UTF8.GetString(text).Replace("\"", "\"\"", StringComparison.Ordinal)}\""));
        }
    }

    private void End(ref JsonOutput output, int row)
    {
        output.Flush();
        _ends[row] = _text.Length;
    }
}
