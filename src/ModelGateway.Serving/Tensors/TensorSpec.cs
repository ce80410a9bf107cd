namespace ModelGateway.Serving.Tensors;

/// <summary>What a model says about one of its tensors before any data is there.</summary>
/// <param name="Name">The name in the ONNX graph.</param>
/// <param name="Type">The element type.</param>
/// <param name="Dimensions">Dimensions, -1 where they may vary; null where not even the rank is known; empty for a scalar.</param>
public sealed record TensorSpec(string Name, TensorType Type, long[]? Dimensions)
{
    /// <summary>The name of each free dimension (<c>batch</c>, <c>seq</c>), or an empty string; as long as <see cref="Dimensions"/>.</summary>
    public IReadOnlyList<string> DimensionNames { get; init; } = [];

    /// <summary>The names of the places along the last dimension, where the version's <c>columns.txt</c> gives them; null otherwise.</summary>
    public ColumnNames? Columns { get; init; }

    /// <summary>The graph has a value of its own for this input (an overridable initializer): a request may leave it out.</summary>
    public bool Optional { get; init; }

    /// <summary>Whether a tensor of this shape fits.</summary>
    public bool Accepts(ReadOnlySpan<long> shape)
    {
        if (Dimensions is null)
        {
            return true;
        }

        if (shape.Length != Dimensions.Length)
        {
            return false;
        }

        for (int i = 0; i < shape.Length; i++)
        {
            if (Dimensions[i] >= 0 && Dimensions[i] != shape[i])
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>For people: <c>[batch, 3, 224, 224]</c>, <c>[?, 4]</c> where a free dimension has no name, <c>any shape</c> where the rank is unknown.</summary>
    public string FormatDimensions() => Dimensions is null ? "any shape" : "[" + string.Join(", ", Dimensions.Select(Format)) + "]";

    private string Format(long dimension, int index) =>
        dimension >= 0 ? dimension.ToString(System.Globalization.CultureInfo.InvariantCulture)
        : index < DimensionNames.Count && DimensionNames[index].Length > 0 ? DimensionNames[index]
        : "?";
}
