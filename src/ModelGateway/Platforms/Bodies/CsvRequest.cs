using System.Text.Unicode;
using ModelGateway.Protocols.Json;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.Platforms.Bodies;

/// <summary>
/// Turns CSV into the simple dialect's instances, which are read and checked as any others. A line is a row of the model's one input; where the
/// model has several inputs of one value a row each, a line has a cell for each of them, in their order.
/// <code>
/// 5.1,3.5,1.4,0.2           {"instances":[[5.1,3.5,1.4,0.2],
/// 6.2,2.9,4.3,1.3                         [6.2,2.9,4.3,1.3]]}
/// </code>
/// No line is a header.
/// </summary>
internal static class CsvRequest
{
    public const string MediaType = "text/csv";

    // Text may take six times as much in JSON, and an array ends at two billion bytes.
    private const int Largest = 256 << 20;

    /// <summary>The body as JSON, the caller's to dispose; null, and the faults say why.</summary>
    public static PooledText? ToJson(ReadOnlySpan<byte> csv, ModelSignature signature, FaultList faults)
    {
        ReadOnlySpan<byte> mark = [0xEF, 0xBB, 0xBF];
        csv = csv.StartsWith(mark) ? csv[mark.Length..] : csv;
        if (!Utf8.IsValid(csv))
        {
            faults.Add(null, "The body is not valid UTF-8.");
            return null;
        }

        if (csv.Length > Largest)
        {
            faults.Add(null, $"CSV of more than {Largest} bytes is not read; send JSON or binary tensors.");
            return null;
        }

        if (signature.Inputs.Count == 0 || csv.IndexOfAnyExcept(" \t\r\n"u8) < 0)
        {
            faults.Add(null, signature.Inputs.Count == 0 ? "The model has no inputs, so that CSV means nothing to it; send JSON." : "The body is empty; it must be CSV with a line for each row.");
            return null;
        }

        var json = new PooledText(csv.Length + (csv.Length / 4));
        if (TryWrite(csv, signature.Inputs, json, faults))
        {
            return json;
        }

        json.Dispose();
        return null;
    }

    private static bool TryWrite(ReadOnlySpan<byte> csv, IReadOnlyList<TensorSpec> inputs, PooledText json, FaultList faults)
    {
        var cells = new CsvCells(csv);
        var output = new JsonOutput(json);
        output.Write("{\"instances\":["u8);
        int cell = 0;
        int width = inputs.Count > 1 ? inputs.Count : IsTable(inputs[0]) ? -1 : 1;
        long row = 0;
        while (cells.MoveNext())
        {
            TensorSpec spec = inputs[inputs.Count > 1 ? Math.Min(cell, inputs.Count - 1) : 0];
            if (!WriteCell(ref output, spec, inputs.Count > 1, cells.Current, row, cell, isLast: cells.StartsRow))
            {
                faults.Add(spec.Name, $"Cell {cell} of row {row} must be {spec.Type.Name()}, but it is other text. The first line is no header.");
                return false;
            }

            cell++;
            if (!cells.StartsRow)
            {
                continue;
            }

            width = width < 0 ? cell : width;
            if (cell != width)
            {
                string expected = inputs.Count > 1 ? $"the model has {width} inputs" : IsTable(inputs[0]) ? $"the first row has {width}" : "the model takes one value a row";
                faults.Add(null, $"Row {row} has {cell} cells, but {expected}.");
                return false;
            }

            row++;
            cell = 0;
        }

        if (cells.IsBroken)
        {
            faults.Add(null, $"Row {row} has a quote that is not closed, or something behind it other than a comma.");
            return false;
        }

        output.Write("]}"u8);
        output.Flush();
        return true;
    }

    // False where the text is no value of the type.
    private static bool WriteCell(ref JsonOutput output, TensorSpec spec, bool several, ReadOnlySpan<byte> text, long row, int cell, bool isLast)
    {
        bool isTable = IsTable(spec);
        if (cell == 0)
        {
            output.Write(row == 0 ? ""u8 : ","u8);
            output.Write(several ? "{"u8 : isTable ? "["u8 : ""u8);
        }
        else
        {
            output.Write((byte)',');
        }

        if (several)
        {
            JsonStringWriter.Write(ref output, spec.Name);
            output.Write(isTable ? ":["u8 : ":"u8);
        }

        if (!TryWriteValue(ref output, spec.Type, text))
        {
            return false;
        }

        output.Write(isTable && (several || isLast) ? "]"u8 : ""u8);
        output.Write(several && isLast ? "}"u8 : ""u8);
        return true;
    }

    // A row of a list is a bare value, that of a table an array.
    private static bool IsTable(TensorSpec spec) => spec.Dimensions is not { Length: <= 1 };

    private static bool TryWriteValue(ref JsonOutput output, TensorType type, ReadOnlySpan<byte> text)
    {
        if (type == TensorType.Bool && text.Length is 4 or 5 && (Is(text, "true"u8) || Is(text, "false"u8)))
        {
            output.Write(text.Length == 4 ? "true"u8 : "false"u8);
        }
        else if (type != TensorType.Bytes && IsNumber(text))
        {
            output.Write(text);
        }
        else if (type == TensorType.Bytes || (type.IsFloat() && IsNonFinite(text)))
        {
            JsonStringWriter.Write(ref output, text);
        }
        else
        {
            return false;
        }

        return true;
    }

    // The words of JsonScalars, which reads them.
    private static bool IsNonFinite(ReadOnlySpan<byte> text) =>
        text.SequenceEqual("nan"u8) || text.SequenceEqual("NaN"u8) || text.SequenceEqual("inf"u8) || text.SequenceEqual("-inf"u8)
        || text.SequenceEqual("Infinity"u8) || text.SequenceEqual("-Infinity"u8);

    private static bool Is(ReadOnlySpan<byte> text, ReadOnlySpan<byte> word) => System.Text.Ascii.EqualsIgnoreCase(text, word);

    // As JSON writes numbers: what is written without quotes must not break the text around it.
    private static bool IsNumber(ReadOnlySpan<byte> text)
    {
        text = text.StartsWith("-"u8) ? text[1..] : text;
        int whole = Digits(text);
        if (whole == 0 || (whole > 1 && text[0] == '0'))
        {
            return false;
        }

        text = text[whole..];
        if (text.StartsWith("."u8))
        {
            int fraction = Digits(text[1..]);
            if (fraction == 0)
            {
                return false;
            }

            text = text[(1 + fraction)..];
        }

        if (text.Length > 1 && text[0] is (byte)'e' or (byte)'E')
        {
            text = text[1] is (byte)'+' or (byte)'-' ? text[2..] : text[1..];
            return !text.IsEmpty && Digits(text) == text.Length;
        }

        return text.IsEmpty;
    }

    private static int Digits(ReadOnlySpan<byte> text)
    {
        int end = text.IndexOfAnyExceptInRange((byte)'0', (byte)'9');
        return end < 0 ? text.Length : end;
    }
}
