using System.Globalization;
using Microsoft.OpenApi;
using ModelGateway.Serving.Models;
using ModelGateway.Serving.Tensors;

namespace ModelGateway.OpenApi;

/// <summary>The JSON form of tensors in the native dialect, as schemas: nested arrays, one level a dimension.</summary>
internal static class TensorSchemas
{
    private const int MostLabelsTold = 20;
    private const int MostColumnsTold = 100;

    /// <summary>An input.</summary>
    /// <param name="spec">What the model says.</param>
    /// <param name="largestBatch">The bound on a free leading dimension, or null.</param>
    public static OpenApiSchema OfInput(TensorSpec spec, int? largestBatch)
    {
        OpenApiSchema schema = OfTensor(spec);
        schema.Description = Describe(spec) + (spec.Optional ? ". May be left out: the model has a value of its own." : "") + Describe(spec.Columns);
        if (spec.Dimensions is { Length: > 0 } dimensions && dimensions[0] < 0 && largestBatch is not null)
        {
            schema.MaxItems = largestBatch;
        }

        return schema;
    }

    /// <summary>An output.</summary>
    /// <param name="spec">What the model says.</param>
    /// <param name="labels">Its class names, or null.</param>
    public static OpenApiSchema OfOutput(OutputSpec spec, IReadOnlyList<string>? labels)
    {
        OpenApiSchema schema = spec.Kind switch
        {
            OutputKind.Map => MapOf(spec.Values.Type),
            OutputKind.MapSequence => new OpenApiSchema { Type = JsonSchemaType.Array, Items = MapOf(spec.Values.Type) },
            OutputKind.TensorSequence => new OpenApiSchema { Type = JsonSchemaType.Array, Items = OfTensor(spec.Values) },
            _ => OfTensor(spec.Values),
        };
        schema.Description = spec.Kind switch
        {
            OutputKind.Map => $"One object of label and {spec.Values.Type.Name()}",
            OutputKind.MapSequence => $"An object of label and {spec.Values.Type.Name()} for each row",
            OutputKind.TensorSequence => $"A list of {Describe(spec.Values)}",
            _ => Describe(spec.Values),
        } + Describe(labels);
        return schema;
    }

    private static string Describe(TensorSpec spec) => $"{spec.Type.Name()} {spec.FormatDimensions()}";

    private static string Describe(IReadOnlyList<string>? labels) =>
        labels is not { Count: > 0 } ? ""
        : labels.Count <= MostLabelsTold ? $". Classes: {string.Join(", ", labels)}."
        : $". {labels.Count} classes, from {labels[0]} to {labels[^1]}.";

    private static string Describe(ColumnNames? columns) =>
        columns is null ? ""
        : $". Columns: {string.Join(", ", columns.Names.Take(MostColumnsTold))}{(columns.Count > MostColumnsTold ? $" and {columns.Count - MostColumnsTold} more" : "")}."
          + " Instead of inputs, instances may hold an object of column and value for each row.";

    private static OpenApiSchema MapOf(TensorType values) => new() { Type = JsonSchemaType.Object, AdditionalProperties = OfElement(values) };

    private static OpenApiSchema OfTensor(TensorSpec spec)
    {
        if (spec.Dimensions is null)
        {
            // Not even the rank is known: any JSON value.
            return new OpenApiSchema();
        }

        OpenApiSchema schema = OfElement(spec.Type);
        for (int i = spec.Dimensions.Length - 1; i >= 0; i--)
        {
            int? length = spec.Dimensions[i] is >= 0 and <= int.MaxValue and long known ? (int)known : null;
            schema = new OpenApiSchema { Type = JsonSchemaType.Array, Items = schema, MinItems = length, MaxItems = length };
            if (length is null && i < spec.DimensionNames.Count && spec.DimensionNames[i].Length > 0)
            {
                schema.Description = spec.DimensionNames[i];
            }
        }

        return schema;
    }

    private static OpenApiSchema OfElement(TensorType type) => type switch
    {
        TensorType.Bool => new OpenApiSchema { Type = JsonSchemaType.Boolean },
        TensorType.Bytes => new OpenApiSchema { Type = JsonSchemaType.String },
        TensorType.Fp32 => new OpenApiSchema { Type = JsonSchemaType.Number, Format = "float" },
        TensorType.Fp64 => new OpenApiSchema { Type = JsonSchemaType.Number, Format = "double" },
        TensorType.Fp16 or TensorType.Bf16 => new OpenApiSchema { Type = JsonSchemaType.Number },
        TensorType.Int8 => Integer(sbyte.MinValue, (ulong)sbyte.MaxValue),
        TensorType.Int16 => Integer(short.MinValue, (ulong)short.MaxValue),
        TensorType.Int32 => Integer(int.MinValue, int.MaxValue, "int32"),
        TensorType.Int64 => Integer(long.MinValue, long.MaxValue, "int64"),
        TensorType.UInt8 => Integer(0, byte.MaxValue),
        TensorType.UInt16 => Integer(0, ushort.MaxValue),
        TensorType.UInt32 => Integer(0, uint.MaxValue),
        _ => Integer(0, ulong.MaxValue),
    };

    private static OpenApiSchema Integer(long smallest, ulong largest, string? format = null) => new()
    {
        Type = JsonSchemaType.Integer,
        Format = format,
        Minimum = smallest.ToString(CultureInfo.InvariantCulture),
        Maximum = largest.ToString(CultureInfo.InvariantCulture),
    };
}
