namespace ModelGateway.Serving.Tensors;

/// <summary>Arithmetic on shapes (dimensions, outermost first). An empty shape is a scalar with one element.</summary>
public static class TensorShape
{
    /// <summary>The number of elements, or false if a dimension is negative or the product leaves 64 bits.</summary>
    public static bool TryCountElements(ReadOnlySpan<long> shape, out long count)
    {
        count = 1;
        bool overflow = false;
        bool empty = false;
        foreach (long dimension in shape)
        {
            if (dimension < 0)
            {
                return false;
            }

            // A zero anywhere makes the tensor empty even where the other dimensions would overflow.
            empty |= dimension == 0;
            overflow |= dimension > 0 && count > long.MaxValue / dimension;
            count = overflow || dimension == 0 ? count : count * dimension;
        }

        count = empty ? 0 : count;
        return empty || !overflow;
    }

    /// <summary>The number of elements of a shape that is known to be valid.</summary>
    /// <exception cref="ArgumentException">A dimension is negative or the product overflows.</exception>
    public static long CountElements(ReadOnlySpan<long> shape) =>
        TryCountElements(shape, out long count) ? count : throw new ArgumentException($"{Format(shape)} is not a valid shape.");

    /// <summary>For people: <c>[1, 3, 224, 224]</c>; an unknown dimension (-1) prints as <c>-1</c>.</summary>
    public static string Format(ReadOnlySpan<long> shape)
    {
        var text = new System.Text.StringBuilder("[");
        for (int i = 0; i < shape.Length; i++)
        {
            text.Append(i == 0 ? "" : ", ").Append(shape[i]);
        }

        return text.Append(']').ToString();
    }
}
