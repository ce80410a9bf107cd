namespace ModelGateway.TestKit.Onnx;

/// <summary>One dimension of a declared shape: a number, a name (<c>"batch"</c>), or <see cref="Unknown"/>.</summary>
public readonly record struct OnnxDimension
{
    private readonly long? _value;
    private readonly string? _name;

    private OnnxDimension(long? value, string? name)
    {
        _value = value;
        _name = name;
    }

    /// <summary>A dimension with neither a value nor a name.</summary>
    public static OnnxDimension Unknown => default;

    public static implicit operator OnnxDimension(long value) => new(value, null);

    public static implicit operator OnnxDimension(string name) => new(null, name);

    // TensorShapeProto.Dimension: dim_value = 1 (int64) or dim_param = 2 (text); an empty message is unknown.
    internal void WriteTo(ProtobufWriter writer)
    {
        if (_value is { } value)
        {
            writer.Int64(1, value);
        }
        else if (_name is not null)
        {
            writer.Text(2, _name);
        }
    }
}
