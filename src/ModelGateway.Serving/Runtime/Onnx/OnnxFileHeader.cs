using System.Globalization;

namespace ModelGateway.Serving.Runtime.Onnx;

/// <summary>
/// What ONNX Runtime's API does not tell of a file: operator sets, producer version, which graph inputs and outputs have no
/// shape at all (the API shows them as scalars), which have element types that the API does not know, and whether a node gives other
/// values on every run. Weights are skipped, so a large file costs no more than a small one with as many nodes.
/// </summary>
/// <remarks>
/// Field numbers of onnx.proto:
/// <code>
/// ModelProto      1 ir_version · 2 producer_name · 3 producer_version · 7 graph · 8 opset_import
/// OperatorSetId   1 domain · 2 version
/// GraphProto      11 input · 12 output          ValueInfoProto  1 name · 2 type
/// TypeProto       1 tensor_type                 Tensor          1 elem_type · 2 shape
/// </code>
/// </remarks>
internal sealed class OnnxFileHeader
{
    private const int LengthDelimited = 2;
    private readonly Dictionary<string, long> _opsets = new(StringComparer.Ordinal);
    private readonly HashSet<string> _unknownRank = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _elementTypes = new(StringComparer.Ordinal);
    private string _producerName = "";
    private string _producerVersion = "";

    public long IrVersion { get; private set; }

    public string Producer => $"{_producerName} {_producerVersion}".Trim();

    public IReadOnlyDictionary<string, long> Opsets => _opsets;

    /// <summary>Inputs and outputs that are tensors, with the number of their element type in onnx.proto.</summary>
    public IReadOnlyDictionary<string, int> ElementTypes => _elementTypes;

    /// <summary>A node that gives other values on every run, for people; null where all are deterministic.</summary>
    public string? NondeterministicNode { get; private set; }

    /// <summary>Reads the header of a file.</summary>
    /// <exception cref="InvalidDataException">The file is not a protobuf message.</exception>
    public static OnnxFileHeader Read(string path)
    {
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 12);
        return Read(file);
    }

    /// <summary>Reads the header of a seekable stream.</summary>
    /// <exception cref="InvalidDataException">The stream does not hold a protobuf message.</exception>
    public static OnnxFileHeader Read(Stream file)
    {
        if (file.Length == 0)
        {
            throw new InvalidDataException("The file is empty.");
        }

        var header = new OnnxFileHeader();
        header.ReadModel(new ProtobufReader(file));
        file.Position = 0;
        header.NondeterministicNode = NondeterministicNodes.Find(new ProtobufReader(file));
        return header;
    }

    /// <summary>Whether the graph gives this input or output no shape, not even a rank.</summary>
    public bool HasUnknownRank(string name) => _unknownRank.Contains(name);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"IR {IrVersion}, {Producer}");

    private void ReadModel(ProtobufReader reader)
    {
        while (reader.TryReadTag(reader.Length, out int field, out int wireType))
        {
            switch (field)
            {
                case 1 when wireType == 0:
                    IrVersion = (long)reader.ReadVarint();
                    break;
                case 2 when wireType == LengthDelimited:
                    _producerName = reader.ReadString();
                    break;
                case 3 when wireType == LengthDelimited:
                    _producerVersion = reader.ReadString();
                    break;
                case 7 when wireType == LengthDelimited:
                    ReadGraph(reader, reader.ReadEnd());
                    break;
                case 8 when wireType == LengthDelimited:
                    ReadOpset(reader, reader.ReadEnd());
                    break;
                default:
                    reader.Skip(wireType);
                    break;
            }
        }
    }

    private void ReadOpset(ProtobufReader reader, long end)
    {
        string domain = "";
        long version = 0;
        while (reader.TryReadTag(end, out int field, out int wireType))
        {
            if (field == 1 && wireType == LengthDelimited)
            {
                domain = reader.ReadString();
            }
            else if (field == 2 && wireType == 0)
            {
                version = (long)reader.ReadVarint();
            }
            else
            {
                reader.Skip(wireType);
            }
        }

        _opsets[domain.Length == 0 ? "ai.onnx" : domain] = version;
    }

    private void ReadGraph(ProtobufReader reader, long end)
    {
        while (reader.TryReadTag(end, out int field, out int wireType))
        {
            if (field is 11 or 12 && wireType == LengthDelimited)
            {
                ReadValueInfo(reader, reader.ReadEnd());
            }
            else
            {
                reader.Skip(wireType);
            }
        }
    }

    private void ReadValueInfo(ProtobufReader reader, long end)
    {
        string name = "";

        // A value without a type is one that ONNX Runtime infers: where it finds no dimensions, none are known.
        (int ElementType, bool HasShape) tensor = default;
        while (reader.TryReadTag(end, out int field, out int wireType))
        {
            if (field == 1 && wireType == LengthDelimited)
            {
                name = reader.ReadString();
            }
            else if (field == 2 && wireType == LengthDelimited)
            {
                tensor = ReadTensorType(reader, reader.ReadEnd());
            }
            else
            {
                reader.Skip(wireType);
            }
        }

        if (!tensor.HasShape)
        {
            _unknownRank.Add(name);
        }

        if (tensor.ElementType != 0)
        {
            _elementTypes[name] = tensor.ElementType;
        }
    }

    private static (int ElementType, bool HasShape) ReadTensorType(ProtobufReader reader, long end)
    {
        int elementType = 0;
        bool hasShape = false;
        while (reader.TryReadTag(end, out int field, out int wireType))
        {
            if (field != 1 || wireType != LengthDelimited)
            {
                reader.Skip(wireType);
                continue;
            }

            long tensorEnd = reader.ReadEnd();
            while (reader.TryReadTag(tensorEnd, out int inner, out int innerType))
            {
                hasShape |= inner == 2;
                if (inner == 1 && innerType == 0)
                {
                    elementType = (int)reader.ReadVarint();
                }
                else
                {
                    reader.Skip(innerType);
                }
            }
        }

        return (elementType, hasShape);
    }
}
