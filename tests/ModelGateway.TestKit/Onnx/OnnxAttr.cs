namespace ModelGateway.TestKit.Onnx;

/// <summary>A named parameter of a node.</summary>
/// <remarks>
/// <code>
/// AttributeProto   name = 1, type = 20, and one of
///                  f = 2 (type 1) · i = 3 (2) · s = 4 (3) · t = 5 (4) · g = 6 (5) · floats = 7 (6) · ints = 8 (7) · strings = 9 (8)
/// </code>
/// </remarks>
public sealed class OnnxAttr
{
    private readonly string _name;
    private readonly long _type;
    private readonly Action<ProtobufWriter> _writeValue;

    private OnnxAttr(string name, long type, Action<ProtobufWriter> writeValue)
    {
        _name = name;
        _type = type;
        _writeValue = writeValue;
    }

    public static OnnxAttr Float(string name, float value) => new(name, 1, writer => writer.Float(2, value));

    public static OnnxAttr Int(string name, long value) => new(name, 2, writer => writer.Int64(3, value));

    public static OnnxAttr String(string name, string value) => new(name, 3, writer => writer.Text(4, value));

    public static OnnxAttr Tensor(string name, OnnxTensor value) => new(name, 4, writer => writer.Message(5, tensor => value.WriteTo(tensor, "")));

    /// <summary>The body of a Loop or a branch of an If.</summary>
    public static OnnxAttr Graph(string name, OnnxGraphBuilder value) => new(name, 5, writer => writer.Message(6, value.WriteGraph));

    public static OnnxAttr Floats(string name, params float[] values) => new(name, 6, writer => Array.ForEach(values, value => writer.Float(7, value)));

    public static OnnxAttr Ints(string name, params long[] values) => new(name, 7, writer => Array.ForEach(values, value => writer.Int64(8, value)));

    public static OnnxAttr Strings(string name, params string[] values) => new(name, 8, writer => Array.ForEach(values, value => writer.Text(9, value)));

    internal void WriteTo(ProtobufWriter writer)
    {
        writer.Text(1, _name);
        _writeValue(writer);
        writer.Int64(20, _type);
    }
}
