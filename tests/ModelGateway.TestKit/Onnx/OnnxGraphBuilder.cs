namespace ModelGateway.TestKit.Onnx;

/// <summary>
/// Writes an ONNX file without Python and without a generated protobuf class, so that a test shows its whole model in a few lines.
/// Nothing is checked: a builder of test models must be able to write wrong ones.
/// </summary>
/// <remarks>
/// <code>
/// ModelProto      ir_version = 1, producer_name = 2, producer_version = 3, doc_string = 6, graph = 7,
///                 opset_import = 8 (repeated: domain = 1, version = 2), metadata_props = 14 (entries), functions = 25 (repeated)
/// GraphProto      node = 1 (repeated), name = 2, initializer = 5 (TensorProto, repeated), input = 11, output = 12 (ValueInfoProto, repeated)
/// ValueInfoProto  name = 1, type = 2 (TypeProto)
/// NodeProto       input = 1, output = 2 (repeated; an empty name leaves an optional input out), name = 3, op_type = 4,
///                 attribute = 5 (repeated), domain = 7
/// FunctionProto   name = 1, input = 4, output = 5 (repeated names), node = 7 (repeated), opset_import = 9 (as above), domain = 10
/// </code>
/// </remarks>
public sealed class OnnxGraphBuilder(string name = "graph")
{
    private readonly List<Action<ProtobufWriter>> _nodes = [];
    private readonly List<Action<ProtobufWriter>> _initializers = [];
    private readonly List<Action<ProtobufWriter>> _inputs = [];
    private readonly List<Action<ProtobufWriter>> _outputs = [];
    private readonly List<(string Key, string Value)> _metadata = [];
    private readonly List<Action<ProtobufWriter>> _functions = [];
    private readonly SortedDictionary<string, long> _opsets = new(StringComparer.Ordinal) { [""] = 17, ["ai.onnx.ml"] = 3 };
    private long _irVersion = 8;
    private string _producer = "ModelGateway.TestKit";
    private string _producerVersion = "1";
    private string _description = "";

    public OnnxGraphBuilder IrVersion(long version)
    {
        _irVersion = version;
        return this;
    }

    /// <summary>Operator set by domain; the empty domain is ai.onnx.</summary>
    public OnnxGraphBuilder Opset(long version, string domain = "")
    {
        _opsets[domain] = version;
        return this;
    }

    public OnnxGraphBuilder Producer(string producer, string version)
    {
        _producer = producer;
        _producerVersion = version;
        return this;
    }

    public OnnxGraphBuilder Description(string text)
    {
        _description = text;
        return this;
    }

    public OnnxGraphBuilder Metadata(string key, string value)
    {
        _metadata.Add((key, value));
        return this;
    }

    public OnnxGraphBuilder Input(string input, OnnxElementType elements, params OnnxDimension[] dimensions) =>
        Input(input, OnnxType.Tensor(elements, dimensions));

    public OnnxGraphBuilder Input(string input, OnnxType type)
    {
        _inputs.Add(writer => writer.Message(11, value => WriteValueInfo(value, input, type)));
        return this;
    }

    public OnnxGraphBuilder Output(string output, OnnxElementType elements, params OnnxDimension[] dimensions) =>
        Output(output, OnnxType.Tensor(elements, dimensions));

    public OnnxGraphBuilder Output(string output, OnnxType type)
    {
        _outputs.Add(writer => writer.Message(12, value => WriteValueInfo(value, output, type)));
        return this;
    }

    /// <summary>A constant of the graph.</summary>
    public OnnxGraphBuilder Initializer(string initializer, OnnxTensor value)
    {
        _initializers.Add(writer => writer.Message(5, tensor => value.WriteTo(tensor, initializer)));
        return this;
    }

    /// <summary>An initializer that is listed as an input as well: a request may override it or leave it out.</summary>
    /// <param name="input">Its name.</param>
    /// <param name="value">The value where none is sent.</param>
    /// <param name="declared">The input's declared type; null for exactly the value's own.</param>
    public OnnxGraphBuilder OverridableInput(string input, OnnxTensor value, OnnxType? declared = null) =>
        Input(input, declared ?? value.Type).Initializer(input, value);

    /// <param name="operation">The operator; a domain stands before the last dot, as in <c>ai.onnx.ml.ZipMap</c>.</param>
    /// <param name="inputs">Names of values; an empty one leaves an optional input out.</param>
    /// <param name="outputs">Names of the values made.</param>
    /// <param name="attributes">The node's parameters.</param>
    public OnnxGraphBuilder Node(string operation, string[] inputs, string[] outputs, params OnnxAttr[] attributes)
    {
        int dot = operation.LastIndexOf('.');
        string nodeName = $"{operation[(dot + 1)..]}_{_nodes.Count}";
        _nodes.Add(node =>
        {
            Array.ForEach(inputs, input => node.Text(1, input));
            Array.ForEach(outputs, output => node.Text(2, output));
            node.Text(3, nodeName);
            node.Text(4, operation[(dot + 1)..]);
            Array.ForEach(attributes, attribute => node.Message(5, attribute.WriteTo));
            node.Text(7, dot < 0 ? "" : operation[..dot]);
        });
        return this;
    }

    /// <summary>A function of the file's own, for nodes of that name; its domain needs an operator set too.</summary>
    /// <param name="operation">Domain and name, as in <c>local.Noise</c>.</param>
    /// <param name="inputs">The names that its nodes have for what they are given.</param>
    /// <param name="outputs">The names of what it gives back.</param>
    /// <param name="body">Its nodes; nothing else of it is taken but the operator sets.</param>
    public OnnxGraphBuilder Function(string operation, string[] inputs, string[] outputs, OnnxGraphBuilder body)
    {
        int dot = operation.LastIndexOf('.');
        _functions.Add(function =>
        {
            function.Text(1, operation[(dot + 1)..]);
            Array.ForEach(inputs, input => function.Text(4, input));
            Array.ForEach(outputs, output => function.Text(5, output));
            body._nodes.ForEach(write => function.Message(7, write));
            body.WriteOpsets(function, 9);
            function.Text(10, operation[..dot]);
        });
        return this;
    }

    /// <summary>The bytes of the ONNX file.</summary>
    public byte[] Build()
    {
        var model = new ProtobufWriter();
        model.Int64(1, _irVersion);
        model.Text(2, _producer);
        model.Text(3, _producerVersion);
        model.Text(6, _description);
        model.Message(7, WriteGraph);
        WriteOpsets(model, 8);
        _metadata.ForEach(entry => model.Entry(14, entry.Key, entry.Value));
        _functions.ForEach(write => model.Message(25, write));
        return model.ToArray();
    }

    internal void WriteGraph(ProtobufWriter writer)
    {
        _nodes.ForEach(write => writer.Message(1, write));
        writer.Text(2, name);
        _initializers.ForEach(write => write(writer));
        _inputs.ForEach(write => write(writer));
        _outputs.ForEach(write => write(writer));
    }

    private void WriteOpsets(ProtobufWriter writer, int field)
    {
        foreach ((string domain, long version) in _opsets)
        {
            writer.Message(field, opset =>
            {
                opset.Text(1, domain);
                opset.Int64(2, version);
            });
        }
    }

    private static void WriteValueInfo(ProtobufWriter writer, string valueName, OnnxType type)
    {
        writer.Text(1, valueName);
        writer.Message(2, type.WriteTo);
    }
}
